package capacity

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func recorded(t testing.TB, name string) Trace {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := ReadTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// until is the trace up to the first ramp beyond so many connections; the recorder overshot by 16.
func until(trace Trace, connections uint64) Trace {
	for i, s := range trace {
		if s.Connections > connections+50 {
			return trace[:i]
		}
	}
	return trace
}

// settled is the largest memory that was recorded at about n connections.
func settledAt(trace Trace, n uint64) float64 {
	var most uint64
	for _, s := range trace {
		if s.Connections >= n && s.Connections < n+50 {
			most = max(most, s.Memory)
		}
	}
	return float64(most)
}

func TestReplay(t *testing.T) {
	for _, c := range []struct {
		file      string
		trained   uint64
		asked     uint64
		tolerance float64
	}{
		{"nakama-rss-main.csv", 4000, 12000, 0.10},
		{"nakama-rss-main.csv", 8000, 12000, 0.10},
		{"nakama-rss-main.csv", 4000, 8000, 0.15}, // at 4,000 the heap stood at its ceiling, at 8,000 below
		{"nakama-rss-bare.csv", 4000, 8000, 0.10},
	} {
		trace := recorded(t, c.file)
		m := until(trace, c.trained).Model(0)
		truth := settledAt(trace, c.asked)
		mean, upper := m.At(float64(c.asked))
		off := mean/truth - 1
		t.Logf("%s to %d: at %d %.0f MB, seen %.0f MB: %+.1f %%, bound %.0f MB", c.file, c.trained, c.asked, mean/1e6, truth/1e6, 100*off, upper/1e6)
		if math.Abs(off) > c.tolerance || upper < truth {
			t.Errorf("%s to %d: at %d %.0f MB, at most %.0f MB; seen %.0f MB", c.file, c.trained, c.asked, mean/1e6, upper/1e6, truth/1e6)
		}
		if known, reason := m.Known(); !known {
			t.Errorf("%s to %d: not known: %s", c.file, c.trained, reason)
		}
	}
}

// The whole of the main trace, with its disconnects and decays, leads nobody astray.
func TestReplayOfTheWhole(t *testing.T) {
	trace := recorded(t, "nakama-rss-main.csv")
	m := trace.Model(0)
	truth := settledAt(trace, 12000)
	if mean, upper := m.At(12000); math.Abs(mean/truth-1) > 0.05 || upper < truth {
		t.Errorf("at 12000 %.0f MB, at most %.0f MB; seen %.0f MB", mean/1e6, upper/1e6, truth/1e6)
	}
	if known, reason := m.Known(); !known {
		t.Error(reason)
	}
}

func TestFlatHoldIsNotKnown(t *testing.T) {
	var hold Trace
	for _, s := range recorded(t, "nakama-rss-main.csv") {
		if s.Connections == 12000 {
			hold = append(hold, s)
		}
	}
	m := hold.Model(0)
	if m.Day.Windows < 5 {
		t.Fatalf("%d windows: the test is wrong", m.Day.Windows)
	}
	known, reason := m.Known()
	if known || !strings.Contains(reason, "insufficient variation") {
		t.Errorf("known %v: %s", known, reason)
	}
	r := Memory(2e9, m)
	if want := 2e9 / (965.0e6 / 12000); r.Known || math.Abs(float64(r.Fits)/want-1) > 0.02 {
		t.Errorf("fits %d, known %v; want the naive %0.f and not known", r.Fits, r.Known, want)
	}
}

// In the decay after a mass disconnect memory and level still are those of the load before. That forecasts nothing, even where
// the load before did exhaust the memory.
func TestNoExhaustionInTheDecay(t *testing.T) {
	const fits = 7000
	f := Forecast{Step: 20 * time.Second}
	var e Exhaustion
	var loaded, decayed bool
	for _, s := range recorded(t, "nakama-rss-main.csv") {
		var complete bool
		if f, complete = f.Observe(s.Time, s.Connections); !complete {
			continue
		}
		_, meets := f.Meets(fits)
		e = e.Step(f, Resource{Fits: fits, Known: true})
		seconds := s.Time.Unix()
		loaded = loaded || seconds < 360 && e.Active
		if decay := seconds > 400 && seconds < 800; decay {
			decayed = true
			if meets {
				t.Errorf("at %d s, with %d connections, %d are expected to be reached", seconds, s.Connections, fits)
			}
			if e.Active && seconds > 520 {
				t.Errorf("at %d s exhaustion is still forecast", seconds)
			}
		}
	}
	if !loaded || !decayed {
		t.Error("no forecast before the disconnect, or no decay: this trace proves nothing")
	}
}
