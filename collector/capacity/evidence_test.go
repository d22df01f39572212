package capacity

import (
	"testing"
	"time"
)

func TestEvidence(t *testing.T) {
	var m Model
	if e := m.Evidence(); e.Windows != 0 || e.Most != 0 || e.Over != 0 || !(e.Doubt > 1e5) {
		t.Errorf("%+v of nothing; want no windows and much doubt", e)
	}
	at := epoch()
	for i := range uint64(400) { // more than a day: what was seen yesterday counts, too
		n := 1000 + 1000*(i%8)
		m = m.Observe(Window{Start: at, Duration: 5 * time.Minute, MaxMemory: 60e6 + 70e3*n, MaxConnections: n, MinConnections: n})
		at = at.Add(5 * time.Minute)
	}
	e := m.Evidence()
	if e.Windows != 400 || e.Least != 1000 || e.Most != 8000 || e.Over < 400*5*time.Minute-time.Hour || e.Over > 400*5*time.Minute+time.Hour {
		t.Errorf("%+v; want 400 windows of 1,000 to 8,000 connections over a day and a third", e)
	}
	if !(e.Doubt > 0 && e.Doubt < 0.05*m.BytesPerConnection()) {
		t.Errorf("%.0f ± %.0f bytes per connection", m.BytesPerConnection(), e.Doubt)
	}
}

// What connections take outside of the process leaves room for fewer, known or not.
func TestWhatIsTakenOutside(t *testing.T) {
	at := epoch()
	var known, flat Model
	for i := range uint64(100) {
		n := 1000 + 1000*(i%8)
		known = known.Observe(Window{Start: at, Duration: 5 * time.Minute, MaxMemory: 60e3 * n, MaxConnections: n, MinConnections: n})
		flat = flat.Observe(Window{Start: at, Duration: 5 * time.Minute, MaxMemory: 60e3 * 4000, MaxConnections: 4000, MinConnections: 4000})
		at = at.Add(5 * time.Minute)
	}
	for name, m := range map[string]Model{"known": known, "a guess": flat} {
		for _, share := range []Share{{Model: m, Outside: 20e3}, {Model: m, Outside: 20e3, Limit: 600e6}} {
			limit := 1200e6
			if share.Limit > 0 {
				limit = float64(share.Limit)
			}
			r := Joint(1200e6, []Share{share})
			if want := limit / 80e3; float64(r.Expected) < 0.97*want || float64(r.Expected) > 1.03*want {
				t.Errorf("%s, its own limit %d: %d fit; want %.0f", name, share.Limit, r.Expected, want)
			}
		}
	}
}
