package collector

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestWhatWasLearntOutlivesTheDaemon(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.climb(16)
	text, err := json.Marshal(s.Learnt())
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]Learnt
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	next := newScene(back, aNakama("another"))
	next.hold(1, 5)
	if got := next.Learnt()["nakama"].Peak.Value(); got != 8000 {
		t.Errorf("a peak of %d while it does not run; want 8,000", got)
	}
	next = newScene(back, aNakama("nakama"))
	next.now = s.now
	next.hold(1, 8000)
	if before, after := s.capacity(0), next.capacity(0); !after.Known || after.Fits != before.Fits || after.Peak != before.Peak {
		t.Errorf("%+v; want %+v as before", after, before)
	}
}

func TestWhatWasLearntOutlivesTheUnit(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.climb(16)
	peak := s.Learnt()["nakama"].Peak.Value()
	s.sample.Units, s.learns = nil, nil
	s.pass(10)
	if got := s.Learnt()["nakama"].Peak.Value(); got != peak || peak != 8000 {
		t.Errorf("a peak of %d after the unit has gone; want %d", got, peak)
	}
}

// Containers get a name with each start: what is remembered of them is bounded, and the last to be forgotten is who was there
// last.
func TestWhatWasLearntOfManyUnitsIsBounded(t *testing.T) {
	before := map[string]Learnt{"before": {}} // without a time
	s := newScene(before, aNakama("nakama"))
	for i := range 2 * learntOf {
		s.add(aNakama(fmt.Sprint("container-", i)))
		s.hold(2, 100, 100)
		s.sample.Units, s.learns = s.sample.Units[:1], s.learns[:1]
	}
	learnt := s.Learnt()
	if len(learnt) != learntOf {
		t.Errorf("%d units are remembered; want %d", len(learnt), learntOf)
	}
	for name, want := range map[string]bool{"before": false, "nakama": true, "container-0": false, fmt.Sprint("container-", 2*learntOf-1): true} {
		if _, got := learnt[name]; got != want {
			t.Errorf("%s is remembered: %t; want %t", name, got, want)
		}
	}
}

// Who asks for what was learnt may keep it: it does not change under them.
func TestLearntIsASnapshot(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.hold(1, 100)
	learnt := s.Learnt()
	s.add(aNakama("another"))
	s.hold(1, 200, 200)
	if got := learnt["nakama"].Peak.Value(); len(learnt) != 1 || got != 100 || !learnt["nakama"].Last.Equal(s.now.Add(-time.Second)) {
		t.Errorf("%d units, a peak of %d; want what was asked for", len(learnt), got)
	}
}
