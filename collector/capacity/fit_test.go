package capacity

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestFitIsWhereTheBoundMeetsTheLimit(t *testing.T) {
	m := taught(t)
	const limit = 1e9
	safe, mean, known := Fit(limit, m)
	if !known || safe >= mean {
		t.Fatalf("fits %d, %d, %v", safe, mean, known)
	}
	_, at := m.At(float64(safe))
	_, beyond := m.At(float64(safe + 1))
	if at > limit || beyond <= limit {
		t.Errorf("at %d at most %.0f, one more %.0f", safe, at, beyond)
	}
	if math.Abs(float64(mean)/18000-1) > 0.02 {
		t.Errorf("expected to fit: %d, want 18000", mean)
	}
	if safe, _, _ := Fit(50e6, m); safe != 0 {
		t.Errorf("%d fit below the base", safe)
	}
	if r := Memory(math.MaxUint64, m); r.Known || r.Fits != 0 || r.Reason == "" {
		t.Errorf("without a limit worth the name: %+v", r)
	}
	if r := Memory(0, m); r.Known || r.Reason == "" {
		t.Errorf("without a limit: %+v", r)
	}
}

func TestJoint(t *testing.T) {
	m := taught(t)
	alone := Memory(1e9, m)
	two := Joint(2e9, []Share{{Name: "a", Model: m}, {Name: "b", Model: m}})
	if !two.Known || two.Fits <= 2*alone.Fits || two.Expected < 2*alone.Expected-2 || two.Expected > 2*alone.Expected+2 {
		t.Errorf("two in 2 GB: %+v; one in 1 GB: %+v", two, alone)
	}
	if r := Joint(2e9, []Share{{Model: m, Connections: 9000}, {Model: m, Connections: 1000}}); r.Fits >= two.Fits {
		t.Errorf("nine tenths on one node, far beyond what it has seen, is as sure as halves: %+v", r)
	}
	if r := Joint(2e9, []Share{{Model: m, Connections: 3, Limit: 500e6}, {Model: m, Connections: 1}}); r.Expected < 10600 || r.Expected > 10730 {
		t.Errorf("own limit of 500 MB at three quarters of the load: %+v, want about 8000/0.75", r)
	}
	if r := Joint(2e9, []Share{{Name: "a", Model: m}, {Name: "b"}}); r.Known || !strings.HasPrefix(r.Reason, "b: ") {
		t.Errorf("with one that is not known: %+v", r)
	}
}

func TestCapacityNamesWhatBinds(t *testing.T) {
	memory := Resource{Name: "memory", Fits: 12000, Known: true}
	unknown := Resource{Name: "memory", Fits: 9000, Reason: "flat"}
	for _, c := range []struct {
		name      string
		resources []Resource
		binding   string
		fits      uint64
		known     bool
	}{
		{"memory", []Resource{Descriptors(65536, 1033, 1000), memory}, "memory", 12000, true},
		{"descriptors", []Resource{memory, Descriptors(4096, 1033, 1000)}, "descriptors", 4063, true},
		{"conntrack", []Resource{memory, Descriptors(65536, 1033, 1000), Conntrack(16384, 9000, 1000)}, "conntrack", 8384, true},
		{"conntrack, of as many entries as connections", []Resource{memory, Conntrack(8000, 1000, 1000)}, "conntrack", 8000, true},
		{"conntrack, of one that is not tracked", []Resource{memory, Conntrack(8000, 999, 1000)}, "conntrack", 8008, true},
		{"conntrack, of half the connections", []Resource{memory, Conntrack(5000, 500, 1000)}, "conntrack", 10000, true},
		{"few connections are tracked", []Resource{memory, Conntrack(8000, 10, 1000)}, "memory", 12000, true},
		{"none is tracked", []Resource{memory, Conntrack(8000, 0, 1000)}, "memory", 12000, true},
		{"not known, and lower", []Resource{unknown, Descriptors(65536, 1033, 1000)}, "memory", 9000, false},
		{"not known, and higher", []Resource{unknown, Descriptors(4096, 1033, 1000)}, "descriptors", 4063, false},
		{"nothing sayable", []Resource{Descriptors(0, 10, 1), memory}, "memory", 12000, false},
		{"full", []Resource{memory, Conntrack(1000, 5000, 1000)}, "conntrack", 0, true},
		{"impossible", []Resource{memory, Descriptors(4096, 10, 1000)}, "memory", 12000, false},
		{"none", nil, "", 0, false},
	} {
		got := Capacity(c.resources)
		if got.Name != c.binding || got.Fits != c.fits || got.Known != c.known || got.Known == (got.Reason != "") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		declared     float64
		nodes, spare int
		want         float64
		survivable   bool
	}{
		{1.5, 2, 1, 2, true}, {1.5, 3, 1, 1.5, true}, {1.2, 5, 1, 1.25, true}, {1.5, 6, 4, 3, true},
		{1.5, 1, 1, 1.5, false}, {1.5, 0, 1, 1.5, false}, {1.5, 1, 0, 1.5, true}, {math.NaN(), 3, 0, 1, true}, {0.2, 3, -1, 1, true},
	} {
		if got, survivable := Target(c.declared, c.nodes, c.spare); got != c.want || survivable != c.survivable {
			t.Errorf("%g of %d nodes with %d spare: %g, %v", c.declared, c.nodes, c.spare, got, survivable)
		}
	}
}

func TestAssess(t *testing.T) {
	m := taught(t)
	fits := func(n uint64) Resource { return Resource{Fits: n, Known: true} }
	if p := Assess(fits(12000), 10000, 1.5, m); !p.Known || !p.Below || p.Ratio != 1.2 || p.Generous || p.Suffices != 15000 || p.SufficientMemory < 850e6 || p.SufficientMemory > 1200e6 {
		t.Errorf("too little: %+v", p)
	}
	if p := Assess(fits(40000), 10000, 1.5, m); p.Below || !p.Generous {
		t.Errorf("far too much: %+v", p)
	}
	if p := Assess(fits(20000), 10000, 1.5, m); p.Below || p.Generous {
		t.Errorf("right: %+v", p)
	}
	if p := Assess(fits(20000), 0, 1.5, m); p.Known || p.Below || p.Generous {
		t.Errorf("no load: %+v", p)
	}
	if p := Assess(Resource{Fits: 100}, 10000, 1.5, Model{}); p.Known || p.Below || p.SufficientMemory != 0 {
		t.Errorf("not known: %+v", p)
	}
}

func TestPeak(t *testing.T) {
	const day = 24 * time.Hour
	var p Peak
	at := epoch()
	see := func(after time.Duration, n, want uint64) {
		t.Helper()
		at = at.Add(after)
		if p = p.Observe(at, n, 30*day); p.Value() != want {
			t.Fatalf("after %d at %v: %d, want %d", n, at, p.Value(), want)
		}
	}
	see(0, 100, 100)
	see(day, 900, 900)
	see(day, 200, 900)
	see(-2*time.Hour, 300, 900)
	see(28*day, 10, 900)
	see(4*day, 10, 10)
	see(400*day, 20, 20)
	see(-400*day, 5, 20) // the clock was wrong: what it saw is not forgotten
	see(33*day, 7, 7)
	see(0, 1<<40, math.MaxUint32)
}

// Neither a clock that goes back and on, nor another window, nor one that is too short loses the peak.
func TestPeakOfBadClocks(t *testing.T) {
	const day = 24 * time.Hour
	p := Peak{}.Observe(epoch(), 900, 30*day)
	if on := p.Observe(epoch().Add(-2*day), 10, 30*day).Observe(epoch(), 5, 30*day); on.Value() != 900 {
		t.Errorf("there and back: %d", on.Value())
	}
	for _, window := range []time.Duration{time.Hour, time.Second, 0, -day} {
		if other := p.Observe(epoch().Add(time.Second), 10, window); other.Value() != 900 || other.Part < time.Second {
			t.Errorf("window %v: %d in parts of %v", window, other.Value(), other.Part)
		}
	}
}

// A limit that changes counts at once; without one nothing is forecast.
func TestLimitChanges(t *testing.T) {
	m := taught(t)
	f := Forecast{Start: epoch(), Level: math.Log1p(8000), Learned: 1}
	var e Exhaustion
	for i, step := range []struct {
		limit  uint64
		active bool
	}{{2e9, false}, {300e6, false}, {300e6, false}, {300e6, true}, {2e9, true}, {0, true}, {2e9, true}, {2e9, true}, {2e9, true}, {2e9, false}, {0, false}, {0, false}, {0, false}} {
		if e = e.Step(f, Memory(step.limit, m)); e.Active != step.active {
			t.Fatalf("step %d, limit %d: active %v", i, step.limit, e.Active)
		}
	}
}

// The factor and its uses agree with plain multiplication.
func TestCholesky(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		var root, m matrix
		for i := range dim {
			for j := range dim {
				root[i][j] = r.NormFloat64()
			}
		}
		for i := range dim {
			for j := range dim {
				m[i][j] = dot(root[i], root[j])
			}
			m[i][i] += 0.1
		}
		factor, ok := m.cholesky()
		if !ok {
			t.Fatalf("not positive definite: %v", m)
		}
		v := vector{r.Float64(), r.Float64(), r.Float64(), r.Float64()}
		back := m.times(factor.solve(v))
		inverse := factor.inverse()
		again := m.times(inverse.times(v))
		for i := range dim {
			if math.Abs(back[i]-v[i]) > 1e-9 || math.Abs(again[i]-v[i]) > 1e-9 {
				t.Fatalf("solved %v, inverted %v, want %v", back, again, v)
			}
		}
		if got, want := factor.quadratic(v), dot(v, inverse.times(v)); math.Abs(got-want) > 1e-9*want {
			t.Fatalf("quadratic %g, want %g", got, want)
		}
	}
	for _, bad := range []matrix{{}, {{1, 2}, {2, 1}}, {{math.NaN()}}, {{math.Inf(1)}}} {
		if _, ok := bad.cholesky(); ok {
			t.Errorf("%v has a factor", bad)
		}
	}
}
