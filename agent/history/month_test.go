package history

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

// mostOnDisk is what 30 days may take.
const mostOnDisk = 20_000_000

// load is a day's cycle with noise; a unit differs from another by its seed.
type load struct {
	name   string
	random *rand.Rand
	base   float64
	fits   uint64
}

func newLoads(units int) []*load {
	var all []*load
	for i := range units {
		random := rand.New(rand.NewPCG(7, uint64(i)))
		all = append(all, &load{name: fmt.Sprintf("nakama-%02d.service", i), random: random, base: 1000 + 4000*random.Float64()})
	}
	return all
}

func (l *load) at(at time.Time) status.Unit {
	n := l.base*(1+0.6*math.Sin(2*math.Pi*float64(at.Unix()%86400)/86400)) + 20*l.random.NormFloat64()
	if at.Unix()%300 == 0 { // a window of the model ends
		l.fits = uint64(30000 + 500*l.random.NormFloat64())
	}
	u := nakama(uint64(n))
	u.Name = l.name
	u.Memory.Resident = uint64(61e6+73e3*n+1e6*l.random.NormFloat64()) &^ 4095
	u.Capacity = &status.Capacity{Known: true, Fits: l.fits}
	return u
}

// pace is how often a sample comes and is stored.
type pace struct{ sample, store time.Duration }

// pass lets a while go by.
func (r *rig) pass(while time.Duration, loads []*load, p pace) {
	samples := make([]status.Unit, len(loads))
	for end := r.at.Add(while); r.at.Before(end); r.at = r.at.Add(p.sample) {
		for i, l := range loads {
			samples[i] = l.at(r.at)
		}
		r.Observe(status.Sample{Time: r.at, Units: samples})
		if r.at.Unix()%int64(p.store/time.Second) == 0 {
			r.store()
		}
	}
}

// onFile is a rig whose store is a file.
func onFile(t testing.TB) (r *rig, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "warden.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r = newRig(t)
	r.storage = s
	r.restart()
	return r, path
}

func size(t testing.TB, path string) float64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return float64(info.Size())
}

const month = 31 * 24 * time.Hour // until the first chunk is replaced

// What is stored at the end is what a month in steps of 10 s leaves; BenchmarkMonth takes all of them.
func TestAMonthFitsOnTheDisk(t *testing.T) {
	r, path := onFile(t)
	loads := newLoads(50)
	r.pass(month, loads, pace{5 * time.Minute, 24 * time.Hour})
	r.pass(26*time.Hour, loads, pace{10 * time.Second, 30 * time.Minute})
	r.store()
	t.Logf("%.1f MB", size(t, path)/1e6)
	if got := size(t, path); got > mostOnDisk {
		t.Errorf("%.0f bytes; want at most %d", got, mostOnDisk)
	}
	before := r.ask(status.HistoryQuery{Since: r.at.Add(-month)})
	r.restart()
	after := r.ask(status.HistoryQuery{Since: r.at.Add(-month)})
	if len(after.Units) != len(loads) || !reflect.DeepEqual(before, after) {
		t.Errorf("%d units after a restart, and they differ", len(after.Units))
	}
}

// BenchmarkMonth prints what 30 days in steps of 10 s, stored every 5 minutes, take on disk and in memory.
func BenchmarkMonth(b *testing.B) {
	for _, units := range []int{4, 50} {
		b.Run(fmt.Sprintf("units=%d", units), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				r, path := onFile(b)
				r.pass(month, newLoads(units), pace{10 * time.Second, StoreEvery})
				b.ReportMetric((heap()-before)/1e6, "MB-held")
				b.ReportMetric(size(b, path)/1e6, "MB-on-disk")
				runtime.KeepAlive(r)
			}
		})
	}
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func BenchmarkObserve(b *testing.B) {
	for _, units := range []int{1, 4, 50} {
		b.Run(fmt.Sprintf("units=%d", units), func(b *testing.B) {
			r := newRig(b)
			var sample status.Sample
			for _, l := range newLoads(units) {
				sample.Units = append(sample.Units, l.at(noon()))
			}
			sample.Time = noon()
			for b.Loop() {
				sample.Time = sample.Time.Add(time.Second)
				r.Observe(sample)
			}
		})
	}
}

// BenchmarkQuery asks for all of 30 days as JSON, in the finest steps there are and in those that are chosen.
func BenchmarkQuery(b *testing.B) {
	r := newRig(b)
	r.pass(month, newLoads(4), pace{10 * time.Second, time.Hour})
	for _, step := range []time.Duration{5 * time.Minute, 0} {
		b.Run("step="+step.String(), func(b *testing.B) {
			for b.Loop() {
				h, err := r.Query(status.HistoryQuery{Since: r.at.Add(-30 * 24 * time.Hour), Step: step})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
