package enforcer

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

func TestADriftIsRepairedCountedAndTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		r.disturb("nft")
		r.wantHeld(w, nowhere)
		told := r.told(status.KindDrift)
		if len(told) != 1 {
			t.Fatalf("%d drifts told; want 1", len(told))
		}
		want := map[string]string{"kind": "table", "by": "nft", "pid": "42", "changes": "- table inet nakama_warden",
			"repair_seconds": "0.000000"}
		for field, text := range want {
			if told[0].Fields[field] != text {
				t.Errorf("%s is %q; want %q", field, told[0].Fields[field], text)
			}
		}
		f := r.wantState(StateEnforcing)
		if f.Drifts["table"] != 1 || f.Repairs.Count != 1 || f.LastDrift == nil || f.LastDrift.By != "nft" {
			t.Errorf("%+v; want one drift of the table by nft", f)
		}
	})
}

func TestWithoutADriftNothingIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.table.events <- kernel.Event{Time: time.Now(), Table: true, By: kernel.Writer{PID: 42, Name: "nft"}}
		pass(time.Minute)
		if n := len(r.told(status.KindDrift)); n != 0 || len(r.commits()) != 1 {
			t.Errorf("%d drifts told, %d commits; want none, and the first", n, len(r.commits()))
		}
	})
}

func TestEventsThatWaitAreOneRound(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.table.flush()
		r.table.mu.Lock() // the loop waits for the kernel at the first
		for i := range 50 {
			r.table.events <- kernel.Event{Time: time.Now(), Table: true, By: kernel.Writer{PID: uint32(i), Name: fmt.Sprint("nft", i%2)}}
		}
		r.table.mu.Unlock()
		pass(time.Millisecond)
		// The first read-back of the apply is one; a repair is read back too.
		if n := len(r.table.verified); n > 4 {
			t.Errorf("verified %d times for 50 events at once; want at most 4", n)
		}
		told := r.told(status.KindDrift)
		if len(told) != 1 {
			t.Fatalf("%d drifts; want 1", len(told))
		}
	})
}

func TestACauseNamesEachWriterOnce(t *testing.T) {
	var c cause
	for _, w := range []kernel.Writer{{PID: 1, Name: "nft"}, {PID: 2, Name: "nft"}, {PID: 1, Name: "nft"}, {PID: 3, Name: "firewalld"}, {}} {
		c.add(kernel.Event{Table: true, By: w})
	}
	c.add(kernel.Event{Around: true, By: kernel.Writer{PID: 4, Name: "dockerd"}}) // did not touch our table
	if got := c.by(); got != "nft, firewalld" || len(c.writers) != 3 {
		t.Errorf("%q, %d writers; want nft, firewalld of 3", got, len(c.writers))
	}
}

func TestAFailedRepairIsTriedFromTheBeginning(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		r.table.set(func(f *fakeTable) { f.commitErr = errors.New("no buffer space available") })
		r.disturb("nft")
		r.wantState(StateFailed)
		if told := r.told(status.KindCommitFailed); len(told) != 1 {
			t.Errorf("told %+v; want the failure once", told)
		}
		r.table.set(func(f *fakeTable) { f.commitErr = nil })
		pass(2 * time.Second)
		r.wantState(StateEnforcing)
		r.wantHeld(w, nowhere)
	})
}

func TestADriftIsFoundByTheClockWhereNothingTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		r.table.flush()
		pass(verifyAtLeast + 2*tick)
		r.wantHeld(w, nowhere)
		if told := r.told(status.KindDrift); len(told) != 1 || told[0].Fields["by"] != "" {
			t.Errorf("told %+v; want one drift by nobody known", told)
		}
	})
}

func TestVerificationTakesItsShareOnly(t *testing.T) {
	for _, tt := range []struct {
		cost time.Duration
		want time.Duration // between two
	}{
		{0, 30 * time.Second},
		{50 * time.Millisecond, 30 * time.Second},
		{time.Second, 500 * time.Second},
	} {
		t.Run(tt.cost.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.table.set(func(f *fakeTable) { f.cost = tt.cost })
				r.apply(wishFor(t, opsOld))
				pass(5 * (tt.want + 2*tick))
				r.table.mu.Lock()
				verified := slices.Clone(r.table.verified)
				r.table.mu.Unlock()
				if len(verified) < 4 {
					t.Fatalf("verified %d times; want at least 4", len(verified))
				}
				for i := range verified[1:] {
					if gap := verified[i+1].Sub(verified[i]); gap < tt.want || gap > tt.want+tt.cost+2*tick {
						t.Errorf("verified after %s; want %s", gap, tt.want)
					}
				}
			})
		})
	}
}

func TestAVerificationThatFailsIsToldAndTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.table.set(func(f *fakeTable) { f.verifyErr = errors.New("dump torn") })
		pass(verifyAtLeast + 5*time.Second + time.Millisecond)
		if f := r.wantState(StateFailed); f.Problem != "dump torn" {
			t.Errorf("problem %q", f.Problem)
		}
		if n := len(r.table.verified); n < 4 || n > 7 {
			t.Errorf("verified %d times in the 5 s behind the first; want once a second", n)
		}
		if told := r.told(status.KindCommitFailed); len(told) != 1 {
			t.Errorf("told %d times; want once", len(told))
		}
		r.table.set(func(f *fakeTable) { f.verifyErr = nil })
		pass(2 * time.Second)
		r.wantState(StateEnforcing)
	})
}

func TestOtherSurroundingsMakeAnotherRuleset(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		bridged := ruleset.Surroundings{NAT: true, Bridges: []string{"docker0"}}
		r.table.set(func(f *fakeTable) { f.around = bridged })
		for range 50 { // a container engine does much at once
			r.table.events <- kernel.Event{Time: time.Now(), Around: true}
			pass(10 * time.Millisecond)
		}
		if n := len(r.commits()); n != 2 {
			t.Errorf("%d commits while events come for 500 ms; want the first and one for the bridge", n)
		}
		r.wantHeld(w, bridged)
		if n := r.table.asked; n > 5 {
			t.Errorf("the surroundings were read %d times in 500 ms; want once in %s", n, aroundAtMost)
		}
		told := r.told(status.KindPolicyApplied)
		if last := told[len(told)-1]; last.Fields["why"] != "the ways to the services changed (NAT, bridges, containers, proxies)" {
			t.Errorf("why: %q", last.Fields["why"])
		}
		if paths := r.Snapshot().Firewall.HookedPaths; !slices.Equal(paths, []string{"prerouting", "input", "forward"}) {
			t.Errorf("hooked paths %q", paths)
		}
		if n, commits := len(r.table.verified), len(r.commits()); n != commits {
			t.Errorf("verified %d times; want once after each of %d commits: nothing touched our table", n, commits)
		}
	})
}

func TestSurroundingsThatNobodyToldOfAreFoundByTheClock(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		nat := ruleset.Surroundings{NAT: true}
		r.table.set(func(f *fakeTable) { f.around = nat })
		pass(verifyAtLeast + 2*tick)
		r.wantHeld(w, nat)
	})
}

func TestAFightBeginsAndEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		for range fightDrifts + 5 {
			r.disturb("firewalld")
			pass(100 * time.Millisecond)
		}
		told := r.told(status.KindDriftFight)
		if len(told) != 1 || told[0].Fields["by"] != "firewalld" {
			t.Errorf("told %+v; want one fight with firewalld", told)
		}
		if f := r.wantState(StateEnforcing); f.Fight != "firewalld" {
			t.Errorf("fight with %q", f.Fight)
		}
		r.wantHeld(w, nowhere)
		pass(fightWindow + 2*tick)
		if f := r.Snapshot().Firewall; f.Fight != "" {
			t.Errorf("still a fight with %q", f.Fight)
		}
		for range fightDrifts {
			r.disturb("firewalld")
		}
		if n := len(r.told(status.KindDriftFight)); n != 2 {
			t.Errorf("%d fights told; want 2", n)
		}
	})
}

func TestDriftsNowAndThenAreNoFight(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		for range 3 * fightDrifts {
			r.disturb("nft")
			pass(fightWindow/fightDrifts + 200*time.Millisecond)
		}
		if told := r.told(status.KindDriftFight); len(told) != 0 {
			t.Errorf("told %+v", told)
		}
	})
}

func TestARoundOfAFightTakesItsShareOnly(t *testing.T) {
	for _, tt := range []struct {
		f    fight
		want time.Duration
	}{
		{fight{on: false, cost: time.Second}, 0},
		{fight{on: true, cost: time.Millisecond}, 5 * time.Millisecond},
		{fight{on: true, cost: time.Minute}, retryAfter},
	} {
		if got := tt.f.pause(); got != tt.want {
			t.Errorf("%+v pauses %s; want %s", tt.f, got, tt.want)
		}
	}
}

func TestDriftsOfTheLastHour(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		for _, step := range []struct {
			after  time.Duration
			drifts int
			want   int
		}{
			{0, 0, 0}, {0, 2, 2}, {30 * time.Minute, 1, 3}, {29*time.Minute + 50*time.Second, 0, 3},
			{2 * time.Minute, 0, 1}, {30 * time.Minute, 0, 0}, {10 * time.Hour, 1, 1},
		} {
			pass(step.after)
			for range step.drifts {
				r.disturb("nft")
			}
			pass(2 * tick) // the snapshot ages without another drift
			if got := r.Snapshot().Firewall.DriftsLately; got != step.want {
				t.Errorf("after %s and %d drifts: %d in the last hour; want %d", step.after, step.drifts, got, step.want)
			}
		}
	})
}

func TestAFightIsCountedInBoundedMemory(t *testing.T) {
	var h hourly
	now := time.Unix(1_000_000, 0)
	for range 100_000 {
		h.add(now)
		now = now.Add(100 * time.Millisecond)
	}
	if got := h.total(now); got < 35_400 || got > 36_000 {
		t.Errorf("%d within the hour; want 36,000 or up to a minute's less", got)
	}
	if got := h.total(now.Add(-24 * time.Hour)); got != 0 {
		t.Errorf("%d the day before: a clock that was set back counts nothing", got)
	}
}

func TestUnsafeIsToldWhereItOpensSomething(t *testing.T) {
	for _, c := range []struct {
		name    string
		service policy.Service
		want    bool
	}{
		{"a console for anyone", policy.Service{Name: "nakama-console", From: []string{policy.Anyone}, Unsafe: true}, true},
		{"a database for balancers", policy.Service{Role: policy.RoleCockroachDB, From: []string{policy.GroupLoadBalancers}, Unsafe: true}, true},
		{"the word alone", policy.Service{Name: "nakama-console", From: []string{policy.GroupAdmins}, Unsafe: true}, false},
		{"a port of the players, which may be open", policy.Service{Name: "nakama-api", Ports: []uint16{7350}, From: []string{policy.Anyone}, Unsafe: true}, false},
	} {
		services := Services(policy.Policy{Services: []policy.Service{c.service}}, true)
		if services[0].Unsafe != c.want {
			t.Errorf("%s: unsafe %v", c.name, services[0].Unsafe)
		}
	}
}
