package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestTheStepOfAnAnswer(t *testing.T) {
	r := newRig(t)
	r.at = noon().Add(17 * time.Minute)
	const day = 24 * time.Hour
	for _, test := range []struct {
		ago, step time.Duration
		want      time.Duration
		steps     int
	}{
		{time.Minute, 0, 10 * time.Second, 6},
		{time.Hour, 0, 10 * time.Second, 360},
		{8 * time.Hour, 0, 10 * time.Second, 2880},
		{9 * time.Hour, 0, 30 * time.Second, 1080},
		{day, 0, 30 * time.Second, 2880},
		{2 * day, 0, 5 * time.Minute, 577},
		{7 * day, 0, 5 * time.Minute, 2017},
		{30 * day, 0, 15 * time.Minute, 2881},
		{1000 * day, 0, 15 * time.Minute, 30*96 + 50}, // as much as is kept
		{day, 10 * time.Second, 10 * time.Second, 8640},
		{30 * day, 10 * time.Second, 10 * time.Second, 24*360 + 102}, // as much as is kept in such steps
		{30 * day, 5 * time.Minute, 5 * time.Minute, 8641},
		{2 * day, time.Hour, time.Hour, 49},
		{time.Second, day, day, 1},
	} {
		q := status.HistoryQuery{Since: r.at.Add(-test.ago), Step: test.step}
		h := r.ask(q)
		_, f, err := frameOf(status.HistoryQuery{Since: q.Since, Until: r.at, Step: test.step}, r.at.Unix())
		if err != nil || h.Step != test.want || f.steps != test.steps {
			t.Errorf("%s in steps of %s: %d of %s, %v; want %d of %s", test.ago, test.step, f.steps, h.Step, err, test.steps, test.want)
		}
		if h.Units == nil {
			t.Error("units are null")
		}
	}
}

func TestQueriesThatMakeNoSense(t *testing.T) {
	r := newRig(t)
	for _, q := range []status.HistoryQuery{
		{Since: noon()},
		{Since: noon().Add(time.Hour)},
		{Since: noon().Add(-time.Hour), Until: noon().Add(-2 * time.Hour)},
		{Step: time.Second},
		{Step: 15 * time.Second},
		{Step: 10*time.Second + 1},
		{Step: -10 * time.Second},
		{Step: 48 * time.Hour},
	} {
		if h, err := r.Query(q); err == nil {
			t.Errorf("%+v: %+v", q, h)
		}
	}
}

func TestUntilEndsBeforeItsStep(t *testing.T) {
	r := newRig(t)
	r.see(time.Minute, nakama(7))
	h := r.ask(status.HistoryQuery{Since: noon().Add(10 * time.Second), Until: noon().Add(30 * time.Second), Step: 10 * time.Second})
	if got := line(h.Units[0].Connections); got != "2×7" || h.Start != noon().Add(10*time.Second) {
		t.Errorf("%s from %s", got, h.Start)
	}
	if h = r.ask(status.HistoryQuery{Until: noon()}); len(h.Units) != 0 || h.Start != noon().Add(-24*time.Hour) {
		t.Errorf("a day before: %d units from %s", len(h.Units), h.Start)
	}
}

func TestTheSecondThatIsNotOverIsTold(t *testing.T) {
	r := newRig(t)
	r.see(time.Second, nakama(7))
	r.at = noon().Add(time.Millisecond)
	if h := r.ask(status.HistoryQuery{}); len(h.Units) != 1 {
		t.Errorf("%d units", len(h.Units))
	}
}

func TestAUnitThatDidNotRunIsNotTold(t *testing.T) {
	r := newRig(t)
	r.see(time.Minute, nakama(7))
	r.at = noon().Add(10 * time.Minute)
	if h := r.ask(status.HistoryQuery{Since: noon().Add(5 * time.Minute)}); len(h.Units) != 0 {
		t.Errorf("%+v", h.Units)
	}
}

// Steps that do not divide an hour go over the end of a chunk.
func TestAStepOverTwoChunks(t *testing.T) {
	r := newRig(t)
	r.at = noon().Add(-time.Minute)
	u := nakama(9)
	u.Capacity = &status.Capacity{Known: true, Fits: 900}
	r.see(time.Minute, u)
	u = nakama(7)
	u.Capacity = &status.Capacity{Known: true, Fits: 700}
	r.see(time.Minute, u)
	h := r.ask(status.HistoryQuery{Since: noon().Add(-time.Minute), Step: 70 * time.Second})
	if got := line(h.Units[0].Connections) + ", " + line(h.Units[0].Fits); got != "9 7, 2×700" {
		t.Error(got)
	}
}

func TestOneUnit(t *testing.T) {
	r := newRig(t)
	other := nakama(9)
	other.Name = "nakama-2.service"
	r.see(time.Minute, nakama(7), other)
	for name, want := range map[string]int{"nakama.service": 1, "nakama-2.service": 1, "": 2, "nakama": 0} {
		if h := r.ask(status.HistoryQuery{Unit: name}); len(h.Units) != want || want == 1 && h.Units[0].Name != name {
			t.Errorf("%q: %d units", name, len(h.Units))
		}
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	r := newRig(t)
	for hour := range 24 * 30 { // other containers each hour
		var units []status.Unit
		for i := range 4 {
			u := nakama(uint64(hour + i))
			u.Name = fmt.Sprintf("container-%03d-%d", hour, i)
			units = append(units, u)
		}
		r.see(2*time.Second, units...)
		r.at = r.at.Add(time.Hour - 2*time.Second)
	}
	h := r.ask(status.HistoryQuery{Since: noon(), Step: 5 * time.Minute})
	if want := mostNumbers / columns / 8641; len(h.Units) != want || h.LeftOut < 1000 {
		t.Errorf("%d units, %d left out; want %d", len(h.Units), h.LeftOut, want)
	}
	if last := h.Units[len(h.Units)-1].Name; last != "container-719-3" {
		t.Errorf("the last is %s: those that ran last go first", last)
	}
	if h = r.ask(status.HistoryQuery{Since: noon(), Unit: "container-699-1"}); len(h.Units) != 1 || h.LeftOut != 0 {
		t.Errorf("asked for one: %d units, %d left out", len(h.Units), h.LeftOut)
	}
}
