package capacity

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

// taught is a model of a process with 100 MB and 50 KB a connection, after two days of a load between 2,000 and 8,000.
func taught(t testing.TB) Model {
	t.Helper()
	return learn(Model{}, epoch(), 576, 50e3)
}

func epoch() time.Time { return time.Unix(1_750_000_000, 0).UTC() }

func learn(m Model, start time.Time, windows int, each float64) Model {
	for i := range windows {
		n := uint64(5000 + 3000*math.Sin(float64(i)/40))
		m = m.Observe(Window{
			Start: epoch().Add(time.Duration(i) * 5 * time.Minute), Duration: 5 * time.Minute, Started: start,
			MaxConnections: n, MinConnections: n, MaxMemory: uint64(100e6 + each*float64(n)),
		})
	}
	return m
}

func TestModelOfALine(t *testing.T) {
	m := taught(t)
	if known, reason := m.Known(); !known {
		t.Fatal(reason)
	}
	if each := m.BytesPerConnection(); math.Abs(each/50e3-1) > 0.02 {
		t.Errorf("%.0f bytes a connection, want 50000", each)
	}
	if base := m.Base(); math.Abs(base/100e6-1) > 0.1 {
		t.Errorf("base %.0f MB, want 100", base/1e6)
	}
	mean, upper := m.At(16000)
	if math.Abs(mean/900e6-1) > 0.02 || upper <= mean || upper > 1.3*mean {
		t.Errorf("at 16000 %.0f MB, at most %.0f; want 900", mean/1e6, upper/1e6)
	}
	if m.LargestSeen() != 7999 {
		t.Errorf("largest seen %d", m.LargestSeen())
	}
}

func TestZeroModelKnowsNothing(t *testing.T) {
	var m Model
	if known, reason := m.Known(); known || reason == "" {
		t.Errorf("known %v, %q", known, reason)
	}
	if mean, upper := m.At(10000); math.Abs(mean-700e6) > 1 || upper < 2*mean {
		t.Errorf("the prior tells %.0f MB, at most %.0f", mean/1e6, upper/1e6)
	}
	if safe, mean, known := Fit(1e9, m); safe != 0 || mean != 0 || known {
		t.Errorf("fits %d, %d, %v", safe, mean, known)
	}
}

// A restart keeps what was learnt and doubts it, until the load has varied again.
func TestRestart(t *testing.T) {
	m := taught(t)
	_, before := m.At(8000)
	restarted := epoch().Add(49 * time.Hour)
	m = m.Observe(Window{Start: restarted, Duration: 5 * time.Minute, Started: restarted, MaxMemory: 100e6})
	if known, _ := m.Known(); known {
		t.Error("known at once after a restart")
	}
	mean, after := m.At(8000)
	if math.Abs(mean/500e6-1) > 0.1 || after <= before {
		t.Errorf("at 8000 %.0f MB, at most %.0f; before at most %.0f", mean/1e6, after/1e6, before/1e6)
	}
	if m = learn(m, restarted, 288, 50e3); m.Process.Peak > 8000 {
		t.Errorf("peak %g of the process before", m.Process.Peak)
	}
	if known, reason := m.Known(); !known {
		t.Error(reason)
	}
	peak := m.Process.Peak
	m = m.Observe(Window{Start: restarted, Duration: 5 * time.Minute, Started: restarted.Add(startSlack / 2), MaxMemory: 100e6})
	if m.Process.Peak < peak/2 {
		t.Error("two readings of one start are a restart")
	}
}

// A ceiling near the peak lifts the expectation to it, in proportion to the load; one after most have left does not.
func TestCeiling(t *testing.T) {
	m := taught(t)
	w := Window{Start: epoch().Add(49 * time.Hour), Duration: 5 * time.Minute, Started: epoch(), MaxConnections: 8000, MinConnections: 8000, MaxMemory: 500e6, Ceiling: 600e6}
	low := w
	low.MaxConnections, low.MinConnections, low.MaxMemory, low.Ceiling = 100, 100, 105e6, 5e9
	if mean, _ := m.Observe(low).At(8000); mean > 510e6 {
		t.Errorf("a ceiling of the load before counts: %.0f MB", mean/1e6)
	}
	m = m.Observe(w)
	if mean, upper := m.At(8000); math.Abs(mean/600e6-1) > 0.001 || upper < 600e6 {
		t.Errorf("at 8000 %.0f MB, at most %.0f; the ceiling is 600", mean/1e6, upper/1e6)
	}
	if mean, _ := m.At(16000); math.Abs(mean/1100e6-1) > 0.02 {
		t.Errorf("at 16000 %.0f MB, want twice 500 plus 100", mean/1e6)
	}
}

func TestUnsteadyAndImplausibleWindowsTeachNothing(t *testing.T) {
	m := taught(t)
	for name, w := range map[string]Window{
		"zero":         {},
		"unsteady":     {Duration: time.Minute, MaxConnections: 9000, MinConnections: 2000, MaxMemory: 9e9},
		"no memory":    {Duration: time.Minute, MaxConnections: 9000, MinConnections: 9000},
		"no duration":  {MaxConnections: 9000, MinConnections: 9000, MaxMemory: 9e9},
		"impossible n": {Duration: time.Minute, MaxConnections: 1 << 60, MinConnections: 1 << 60, MaxMemory: 9e9},
		"impossible y": {Duration: time.Minute, MaxConnections: 9000, MinConnections: 9000, MaxMemory: 1 << 60},
		"min over max": {Duration: time.Minute, MaxConnections: 9000, MinConnections: 9001, MaxMemory: 9e9},
		"two days":     {Duration: 48 * time.Hour, MaxConnections: 9000, MinConnections: 9000, MaxMemory: 9e9},
		"ceiling":      {Duration: time.Minute, MaxConnections: 9000, MinConnections: 9000, MaxMemory: 9e9, Ceiling: 1 << 60},
		"peak":         {Duration: time.Minute, MaxConnections: 9000, MinConnections: 9000, MaxMemory: 9e9, Peak: 1 << 60},
	} {
		next := m.Observe(w)
		if next.Day != m.Day || next.Seen != m.Seen {
			t.Errorf("%s: it was learnt from", name)
		}
		if name != "unsteady" && next != m {
			t.Errorf("%s: it left a trace", name)
		}
	}
}

// A start that was not known before is not a restart, and a clock that is far off gives no age that cannot be.
func TestStartBecomesKnown(t *testing.T) {
	m := learn(Model{}, time.Time{}, 100, 50e3)
	before := m.Day.Windows
	if m = learn(m, epoch(), 1, 50e3); m.Process.Peak < 7000 || m.Day.Windows != before+1 {
		t.Errorf("peak %.0f after %d windows", m.Process.Peak, m.Day.Windows)
	}
	for _, off := range []time.Duration{-1 << 63, -1e9 * time.Second, 1e9 * time.Second} {
		if m := learn(Model{}, epoch().Add(off), 1, 50e3); !(m.Process.Age >= 0 && m.Process.Age <= 3650) {
			t.Errorf("started %v before: %g days old", -off, m.Process.Age)
		}
	}
}

// Memory that falls while players come tells nothing of how many fit.
func TestFallingMemoryIsNotKnown(t *testing.T) {
	if known, reason := learn(Model{}, epoch(), 576, -10e3).Known(); known || !strings.Contains(reason, "does not rise") {
		t.Errorf("known %v: %s", known, reason)
	}
}

func TestDamagedState(t *testing.T) {
	for _, text := range []string{`{"process":{"peak":-1}}`, `{"process":{"age":1e300}}`, `{"seen":{"elapsed":-5}}`, `{"seen":{"top":{"memory":-3}}}`, `[]`} {
		var m Model
		if err := json.Unmarshal([]byte(text), &m); err == nil || !strings.Contains(err.Error(), "model") && text != "[]" {
			t.Errorf("%s: %v", text, err)
		}
	}
	nothing := ignorant()
	prior := nothing.solve().theta
	for name, damage := range map[string]func(e *estimator){
		"precision": func(e *estimator) { e.Precision[base][base] = -1 },
		"weighted":  func(e *estimator) { e.Weighted[slope] = 1e300 },
		"no noise":  func(e *estimator) { e.Noise = 0 },
		"noise":     func(e *estimator) { e.Noise = 1e15 },
		"bias":      func(e *estimator) { e.Bias = -1e9 },
	} {
		m := taught(t)
		damage(&m.Day)
		sensible(t, m)
		if m.Day.solve().theta != prior {
			t.Errorf("%s: it is believed", name)
		}
	}
}

// sensible fails if a model tells a number that cannot be.
func sensible(t testing.TB, m Model) {
	t.Helper()
	last := 0.0
	for _, n := range []float64{math.NaN(), math.Inf(-1), -1, 0, 1, 1e3, 1e4, 1e6, 1e9, 1e300, math.Inf(1)} {
		mean, upper := m.At(n)
		if !(mean >= 0 && upper >= mean) || math.IsInf(upper, 0) {
			t.Fatalf("at %g: mean %g, upper %g", n, mean, upper)
		}
		last = upper
	}
	known, reason := m.Known()
	if known == (reason != "") {
		t.Fatalf("known %v, %q (at most %g)", known, reason, last)
	}
	safe, mean, fits := Fit(4e9, m)
	if fits && !known || safe > plausibleConnections || mean > plausibleConnections || fits && safe > mean {
		t.Fatalf("fits %d, %d, %v; known %v", safe, mean, fits, known)
	}
	if each, base := m.BytesPerConnection(), m.Base(); math.IsNaN(each+base) || math.IsInf(each+base, 0) {
		t.Fatalf("base %g, %g a connection", base, each)
	}
}

func FuzzObserve(f *testing.F) {
	f.Add([]byte(`{}`), int64(300), uint64(500e6), uint64(8000), uint64(7900), uint64(0), int64(0))
	f.Add([]byte(`{"day":{"windows":3,"noise":1e-4,"precision":[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}}`), int64(-300), uint64(1), uint64(0), uint64(0), uint64(1<<63), int64(-1<<40))
	f.Fuzz(func(t *testing.T, state []byte, seconds int64, memory, most, least, ceiling uint64, started int64) {
		var m Model
		if json.Unmarshal(state, &m) != nil {
			m = Model{}
		}
		w := Window{Start: epoch(), Duration: time.Duration(seconds) * time.Second, MaxMemory: memory, MaxConnections: most, MinConnections: least, Ceiling: ceiling}
		for i := range 40 {
			w.Start = w.Start.Add(w.Duration)
			if i%10 == 9 {
				w.Started = time.Unix(started%1e10, 0).Add(time.Duration(i) * time.Hour)
				w.MaxMemory /= 2
			}
			if i%3 == 0 && w.MaxConnections > 0 {
				w.MaxConnections--
				w.MinConnections = w.MaxConnections
			}
			m = m.Observe(w)
			sensible(t, m)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatalf("its own state is refused: %v", err)
		}
	})
}

// However exact the measurements are, a load that hardly varies does not tell what another would cost.
func TestLittleVariationIsNotKnown(t *testing.T) {
	var m Model
	for i := range uint64(576) {
		n := 9000 + 20*(i%50)
		m = m.Observe(Window{Start: epoch(), Duration: 5 * time.Minute, MaxConnections: n, MinConnections: n, MaxMemory: 100e6 + 50e3*n})
	}
	if known, reason := m.Known(); known || !strings.Contains(reason, "between 9000 and 9980") {
		t.Errorf("known %v: %s", known, reason)
	}
}
