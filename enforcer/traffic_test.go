package enforcer

import (
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

func TestCountersNeverGoBack(t *testing.T) {
	refused := ruleset.CounterName("nakama-console", ruleset.VerdictRefused)
	counted := func(r *rig, packets uint64) {
		r.table.set(func(f *fakeTable) { f.counters[refused] = status.Count{Packets: packets, Bytes: 60 * packets} })
		pass(tick + time.Millisecond)
	}
	bubble(t, func(t *testing.T, r *rig) {
		total := func() status.Count { return r.Snapshot().Services[0].Traffic[ruleset.VerdictRefused] }
		wantTotal := func(what string, packets uint64) {
			t.Helper()
			if got, want := total(), (status.Count{Packets: packets, Bytes: 60 * packets}); got != want {
				t.Errorf("%s: %+v; want %+v", what, got, want)
			}
		}
		r.apply(wishFor(t, opsOld))
		if traffic := r.Snapshot().Services[0].Traffic; len(traffic) != 0 {
			t.Errorf("before the first look: %+v; want nothing", traffic)
		}
		counted(r, 10)
		wantTotal("counted", 10)
		counted(r, 3)
		wantTotal("reset by somebody, then 3 more", 13)
		r.disturb("nft")
		wantTotal("in another table", 13)
		counted(r, 20) // more than in the table before: only the rebuild tells the two apart
		wantTotal("counted there", 33)
		r.apply(wishFor(t, opsNew))
		counted(r, 22)
		wantTotal("after a change of elements, which rebuilds nothing", 35)
		r.table.flush()
		pass(tick + time.Millisecond) // the counters are looked at before anybody tells of the flush
		r.disturb("nft")
		wantTotal("after a flush that the counters saw first", 35)
		counted(r, 1)
		if err := r.Withdraw(t.Context(), StateRemoved, status.Event{}); err != nil {
			t.Fatal(err)
		}
		wantTotal("taken out", 36)
		r.apply(wishFor(t, opsNew))
		counted(r, 4)
		wantTotal("and back", 40)
	})
}

func TestHistogramIsCumulative(t *testing.T) {
	h := newHistogram()
	for _, seconds := range []float64{.0004, .0005, .003, 60} {
		h.observe(seconds)
	}
	s := h.snapshot()
	if s.Count != 4 || s.Counts[0] != 2 || s.Counts[1] != 2 || s.Counts[3] != 3 || s.Counts[len(s.Counts)-1] != 3 {
		t.Errorf("%+v", s)
	}
	if s.Sum < 60.0038 || s.Sum > 60.004 {
		t.Errorf("sum %g", s.Sum)
	}
	s.Counts[0] = 99
	if !slices.Equal(h.snapshot().Counts[:2], []uint64{2, 2}) {
		t.Error("a snapshot shares its counts")
	}
}

func TestServicesSayWhyTheyAreNotEnforced(t *testing.T) {
	w := wishFor(t, opsOld)
	for _, tt := range []struct {
		held   bool
		reason string
	}{{true, ""}, {false, "the kernel does not hold the rules"}} {
		s := Services(w.Policy, tt.held)[0]
		if s.Enforced != tt.held || s.Reason != tt.reason {
			t.Errorf("%+v; want enforced %t, %q", s, tt.held, tt.reason)
		}
	}
	w.Policy.Services[0].Mode = "audit"
	if s := Services(w.Policy, true)[0]; s.Enforced || s.Reason != "audit: counted, not refused" {
		t.Errorf("%+v; want that it is audit", s)
	}
}

func TestALongChangeIsBounded(t *testing.T) {
	lines := make([]string, toldChanges+3)
	if got := bounded(lines); len(got) != toldChanges+1 || got[toldChanges] != "and 3 more" {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
	if got := bounded(lines[:toldChanges]); len(got) != toldChanges {
		t.Errorf("%d lines; want all", len(got))
	}
}
