package history

import (
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestWhatIsTooOldIsNotTold(t *testing.T) {
	r := newRig(t)
	r.see(time.Minute, nakama(7))
	r.store()
	for _, test := range []struct {
		after time.Duration
		step  time.Duration
		want  int
	}{
		{24 * time.Hour, 10 * time.Second, 1},
		{25 * time.Hour, 10 * time.Second, 0},
		{30 * 24 * time.Hour, 5 * time.Minute, 1},
		{31 * 24 * time.Hour, 5 * time.Minute, 0},
	} {
		r.at = noon().Add(test.after)
		r.restart()
		if got := r.ask(status.HistoryQuery{Since: noon(), Step: test.step}); len(got.Units) != test.want {
			t.Errorf("%s later, in steps of %s: %d units; want %d", test.after, test.step, len(got.Units), test.want)
		}
	}
}

func TestAChunkTakesThePlaceOfTheOldest(t *testing.T) {
	r := newRig(t)
	for hour := range 24*40 + 1 {
		r.see(2*time.Second, nakama(uint64(hour)))
		r.at = r.at.Add(time.Hour - 2*time.Second)
		r.store()
	}
	if len(r.disk.values) != 25+31 {
		t.Errorf("%d chunks are stored", len(r.disk.values))
	}
	r.restart()
	for step, want := range map[time.Duration]int{10 * time.Second: 24, 5 * time.Minute: 30 * 24} {
		h, known := r.ask(status.HistoryQuery{Since: r.at.Add(-100 * 24 * time.Hour), Step: step}), 0
		for i, n := range h.Units[0].Connections {
			if n == nil {
				continue
			}
			known++
			if at := h.Start.Add(time.Duration(i) * step); at != noon().Add(time.Duration(*n)*time.Hour) {
				t.Fatalf("at %s what was so in hour %d", at, *n)
			}
		}
		if known < want || known > want+24 {
			t.Errorf("in steps of %s, %d hours are known; want %d", step, known, want)
		}
	}
}

func TestAClockThatGoesBack(t *testing.T) {
	r := newRig(t)
	r.see(time.Minute, nakama(7))
	r.at = noon().Add(20 * time.Second)
	r.see(20*time.Second, nakama(3))
	// The step that it goes back into is seen twice: the most counts. In those that follow, what was there is not true.
	r.want(noon(), "3×7 3")
	r.at = noon().Add(10 * time.Second)
	r.see(70*time.Second, nakama(2))
	r.want(noon(), "2×7 6×2")
}

func TestAClockThatWasAhead(t *testing.T) {
	r := newRig(t)
	r.see(time.Minute, nakama(7))
	r.at = noon().AddDate(8, 0, 0)
	r.see(time.Minute, nakama(9))
	r.store()
	if len(r.disk.values) != 4 {
		t.Errorf("%d chunks are stored: the years between were filled", len(r.disk.values))
	}
	r.restart() // all that is right looks old, and is not thrown away
	r.at = noon().Add(time.Minute)
	r.see(time.Minute, nakama(8))
	r.want(noon(), "6×7 6×8")
	h := r.ask(status.HistoryQuery{Since: noon(), Until: noon().AddDate(9, 0, 0), Step: 24 * time.Hour})
	if len(h.Units[0].Connections) != 1 {
		t.Errorf("%d steps, into the years ahead", len(h.Units[0].Connections))
	}
}

func TestAClockThatWasHoursAheadLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.at = noon().Add(2 * time.Hour)
	r.see(time.Hour, nakama(9))
	r.at = noon()
	r.see(3*time.Hour, nakama(7))
	r.want(noon(), "1080×7")
}

func TestClocksThatCannotBe(t *testing.T) {
	r := newRig(t)
	r.see(time.Minute, nakama(7))
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(1<<40, 0), time.Unix(1<<62, 0)} {
		r.Observe(status.Sample{Time: at, Units: []status.Unit{nakama(9)}})
		r.at = at
		_, _ = r.Query(status.HistoryQuery{Since: at.Add(-time.Hour)}) // whatever it answers, it answers
	}
	r.at = noon().Add(time.Minute)
	r.want(noon(), "6×7")
}

// A clock that jumps with each sample costs a chunk encoded and one decoded, and no more.
func TestAClockThatFlutters(t *testing.T) {
	r := newRig(t)
	for i := range 100 {
		r.at = noon().Add(time.Duration(i%2) * 30 * 24 * time.Hour)
		r.see(time.Second, nakama(7))
	}
	r.at = noon().Add(10 * time.Second)
	r.want(noon(), "7")
}
