package capacity

import (
	"encoding/json"
	"math"
	"testing"
	"time"
	"unsafe"
)

// kept is what is kept of a process, and what is stored of it.
type kept struct {
	sampler    Sampler
	Model      Model      `json:"model"`
	Forecast   Forecast   `json:"forecast"`
	Peak       Peak       `json:"peak"`
	Exhaustion Exhaustion `json:"exhaustion"`
}

// see does all that is done with a sample.
func (k *kept) see(sample Sample) {
	if w, complete := k.sampler.Add(sample); complete {
		k.Model = k.Model.Observe(w)
	}
	k.Peak = k.Peak.Observe(sample.Time, sample.Connections, 30*24*time.Hour)
	var bin bool
	if k.Forecast, bin = k.Forecast.Observe(sample.Time, sample.Connections); bin {
		k.Exhaustion = k.Exhaustion.Step(k.Forecast, Memory(2e9, k.Model))
	}
}

// lived has seen two months of a load that varies, a sample every 100 s.
func lived(t testing.TB) (k *kept, stored []byte) {
	t.Helper()
	k = &kept{}
	for i := range 60 * season * 3 {
		n := 5000 + 3000*math.Sin(float64(i)/137) + 300*math.Sin(float64(i)/1301)
		k.see(Sample{Time: epoch().Add(time.Duration(i) * 100 * time.Second), Connections: uint64(n), Memory: uint64(100e6 + 70e3*n), Started: epoch()})
	}
	stored, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, stored
}

// What is kept of a process is at most 4 KB, in memory and on disk, and is read back as it was.
func TestState(t *testing.T) {
	k, stored := lived(t)
	t.Logf("%d bytes in memory, %d stored", unsafe.Sizeof(*k), len(stored))
	if unsafe.Sizeof(*k) > 4096 || len(stored) > 4096 {
		t.Errorf("%d bytes in memory, %d stored: want at most 4096", unsafe.Sizeof(*k), len(stored))
	}
	again := kept{sampler: k.sampler}
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	if again != *k {
		t.Errorf("read back %+v, want %+v", again, *k)
	}
}

// A sample costs a microsecond at most; it is measured thrice, as others use the machine too.
func TestSampleIsCheap(t *testing.T) {
	best := int64(math.MaxInt64)
	for range 3 {
		r := testing.Benchmark(BenchmarkSample)
		if best = min(best, r.NsPerOp()); r.AllocsPerOp() > 0 {
			t.Errorf("%d allocations a sample", r.AllocsPerOp())
		}
	}
	if best > 1000 {
		t.Errorf("%d ns a sample", best)
	}
}

// BenchmarkSample is all that a sample costs, one a second, what is done every five minutes included.
func BenchmarkSample(b *testing.B) {
	var k kept
	now, i := epoch(), uint64(0)
	for b.Loop() {
		now = now.Add(time.Second)
		i++
		k.see(Sample{Time: now, Connections: 5000 + i%100 + 500*(i/600%5), Memory: 400e6, Started: epoch()})
	}
	_, stored := lived(b)
	b.ReportMetric(float64(unsafe.Sizeof(k)), "B-held")
	b.ReportMetric(float64(len(stored)), "B-stored")
}

func BenchmarkObserve(b *testing.B) {
	m := Model{}
	w := Window{Start: epoch(), Duration: 5 * time.Minute, MaxMemory: 400e6, MaxConnections: 5000, MinConnections: 5000}
	for b.Loop() {
		w.Start = w.Start.Add(w.Duration)
		m = m.Observe(w)
	}
}

func BenchmarkForecastObserve(b *testing.B) {
	var f Forecast
	now := epoch()
	for b.Loop() {
		now = now.Add(time.Second)
		f, _ = f.Observe(now, 5000)
	}
}

func BenchmarkFit(b *testing.B) {
	m := taught(b)
	for b.Loop() {
		Fit(2e9, m)
	}
}
