package demo

import (
	"context"
	"math"
	"net/netip"
	"strings"
	"testing"
)

// The daemon learns from windows through which the load does not move.
func TestTheTideIsSlow(t *testing.T) {
	const window = 2 // beats, more than fleetWindow
	for node := range nakamaNodes() {
		least, most := uint64(math.MaxUint64), uint64(0)
		for beat := range 2 * tide {
			now, later := playersAt(beat, node), playersAt(beat+window, node)
			least, most = min(least, now), max(most, now)
			if moved, allowed := math.Abs(float64(later)-float64(now)), 0.15*float64(max(now, later))+20; moved > allowed {
				t.Errorf("node %d: from %d to %d players within a window, which teaches nothing", node, now, later)
			}
		}
		if most < 2*least || most > 0.8*nakamaFiles {
			t.Errorf("node %d: %d to %d players; want that they vary, and that all fit", node, least, most)
		}
	}
}

func TestWhenAHabitIsDue(t *testing.T) {
	for name, tt := range map[string]struct {
		habit habit
		want  []int
	}{
		"each beat":    {habit{every: 1}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		"once":         {habit{first: 2, every: onlyOnce}, []int{2}},
		"now and then": {habit{first: 1, every: 3}, []int{1, 4, 7}},
	} {
		var due []int
		for beat := range 8 {
			if tt.habit.due(beat) {
				due = append(due, beat)
			}
		}
		if len(due) != len(tt.want) || due[0] != tt.want[0] || due[len(due)-1] != tt.want[len(tt.want)-1] {
			t.Errorf("%s: due at %v; want %v", name, due, tt.want)
		}
	}
}

// told sends what an audience is told.
type told struct {
	recorder
	lines chan string
}

func (t *told) Progress(line string) { t.lines <- line }

// Without daemons there is nobody to take a configuration over: that is told, and the rest goes on until it is over.
func TestLifeGoesOnAndEnds(t *testing.T) {
	audience := &told{lines: make(chan string, 100)}
	d := start(t, audience)
	for _, a := range d.fleet.agents {
		if err := a.start(); err != nil {
			t.Fatal(err)
		}
		_ = a.process.Wait() // /bin/false
	}
	l, err := newLife(d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.goOn(ctx)
	}()
	for line := range audience.lines {
		if strings.Contains(line, "while kept up: ") {
			break
		}
	}
	want := playersAt(0, 1)
	if got := d.fleet.metrics(t, "prometheus", netip.AddrPortFrom(d.fleet.host("nakama-2").V4, metricsPort), "/metrics")["nakama_sessions"]; got != "100" || want != 100 {
		t.Errorf("%s players on nakama-2; want %d", got, want)
	}
	cancel()
	<-ended
	for _, c := range append(l.crowds, l.stranger) {
		if c.size() > 0 {
			t.Errorf("%d players are left at %s", c.size(), c.to)
		}
	}
}
