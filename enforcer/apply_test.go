package enforcer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	opsOld = "10.9.0.0/24"
	opsNew = "10.8.0.0/24"
)

var nowhere = ruleset.Surroundings{}

func TestTheFirstApplyReplacesWhateverThereIs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.wantState(StateStarting)
		r.table.set(func(f *fakeTable) { f.held = ruleset.Build(w.Policy, nowhere) }) // it looks right already
		changes, err := r.Apply(t.Context(), w)
		if err != nil || len(changes) != 0 {
			t.Errorf("changes %q, error %v; want none: the kernel looked right", changes, err)
		}
		if c := r.commits(); len(c) != 1 || !c[0].Rebuild {
			t.Errorf("commits %+v; want one that replaces the table", c)
		}
		r.wantHeld(w, nowhere)
		f := r.wantState(StateEnforcing)
		if !f.Verified || f.LastVerified.IsZero() || f.PolicyHash != w.Policy.Hash() || f.Mode != "enforce" {
			t.Errorf("%+v; want verified, with the wish's hash and mode", f)
		}
	})
}

func TestAnApplyTellsWhatItChanged(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := wishFor(t, opsOld)
		r.apply(w)
		told := r.told(status.KindPolicyApplied)
		if len(told) != 1 {
			t.Fatalf("%d events; want 1", len(told))
		}
		fields := told[0].Fields
		if fields["revision"] != "r1" || fields["why"] != "test" || fields["policy"] != w.Policy.Hash() ||
			!strings.Contains(fields["changes"], "+ chain prerouting") {
			t.Errorf("fields %q", fields)
		}
		if want := "policy " + w.Policy.Hash() + " of revision r1 is in force: "; !strings.HasPrefix(told[0].Summary, want) {
			t.Errorf("%q; want %q", told[0].Summary, want)
		}
		r.apply(w)
		if len(r.told(status.KindPolicyApplied)) != 1 {
			t.Error("an apply that changed nothing was told")
		}
	})
}

func TestARosterChangeIsADifferenceOfElements(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		pass(3 * time.Second)
		next := wishFor(t, opsNew)
		r.apply(next)
		commits := r.commits()
		if last := commits[len(commits)-1]; last.Rebuild || len(last.Elements) != 1 {
			t.Errorf("commit %+v; want elements only", last)
		}
		r.wantHeld(next, nowhere)
		if f := r.wantState(StateEnforcing); !f.LastVerified.Equal(time.Now()) {
			t.Errorf("last verified %s; want now: the elements were read back", f.LastVerified)
		}
	})
}

func TestModeOffTakesTheTableOut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.apply(Wish{Mode: policy.Off})
		if !r.held().Absent() {
			t.Error("the table is still there")
		}
		r.wantState(StateOff)
		r.apply(wishFor(t, opsOld))
		r.wantState(StateEnforcing)
	})
}

func TestAFailingCommitIsRetriedEachSecondAndToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.table.set(func(f *fakeTable) { f.commitErr = errors.New("no buffer space available") })
		w := wishFor(t, opsOld)
		r.Want(w)
		pass(10*time.Second + time.Millisecond)
		if n := len(r.commits()); n < 10 || n > 12 {
			t.Errorf("%d tries in 10 s; want one a second", n)
		}
		told := r.told(status.KindCommitFailed)
		if len(told) != 1 || !strings.Contains(told[0].Summary, "no buffer space") {
			t.Errorf("told %+v; want one event with the reason", told)
		}
		if f := r.wantState(StateFailed); f.Problem == "" || f.Verified || f.NextAttempt.IsZero() {
			t.Errorf("%+v; want the problem and the next attempt", f)
		}
		r.table.set(func(f *fakeTable) { f.commitErr = nil })
		pass(2 * time.Second)
		if f := r.wantState(StateEnforcing); f.Problem != "" || !f.NextAttempt.IsZero() {
			t.Errorf("%+v; want no problem left", f)
		}
		r.wantHeld(w, nowhere)
	})
}

func TestAnotherFailureIsToldAnew(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, reason := range []string{"first", "second"} {
			r.table.set(func(f *fakeTable) { f.commitErr = errors.New(reason) })
			r.Want(wishFor(t, opsOld))
			pass(3 * time.Second)
		}
		if told := r.told(status.KindCommitFailed); len(told) != 2 {
			t.Errorf("told %d failures; want 2", len(told))
		}
	})
}

func TestAWishIsNotForgottenWhenTheSurroundingsCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.table.set(func(f *fakeTable) { f.aroundErr = errors.New("link list torn") })
		next := wishFor(t, opsNew)
		if _, err := r.Apply(t.Context(), next); err == nil {
			t.Error("no error")
		}
		pass(time.Minute) // a verification of what is in force is no word about the wish
		if told := r.told(status.KindCommitFailed); len(told) != 1 || len(r.table.verified) == 0 {
			t.Errorf("told %+v, verified %d times; want the failure once, and that what is in force is looked after", told, len(r.table.verified))
		}
		r.wantState(StateFailed)
		r.table.set(func(f *fakeTable) { f.aroundErr = nil })
		pass(2 * time.Second)
		r.wantState(StateEnforcing)
		r.wantHeld(next, nowhere)
	})
}

func TestWhoAskedMayLeave(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		gone, leave := context.WithCancel(t.Context())
		leave()
		next := wishFor(t, opsNew)
		taken := opsOld
		if _, err := r.Apply(gone, next); err == nil {
			taken = opsNew
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("%v; want the end of the context, or that it was taken", err)
		}
		r.wantState(StateEnforcing)
		r.wantHeld(wishFor(t, taken), nowhere)
		if told := r.told(status.KindCommitFailed); len(told) != 0 {
			t.Errorf("told %+v; want nothing", told)
		}
	})
}

func TestWhatWasInDoubtIsVerifiedSoonAfterAnApply(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.table.set(func(f *fakeTable) { f.aroundErr = errors.New("link list torn") })
		r.Want(wishFor(t, opsNew))
		pass(time.Millisecond)
		r.table.set(func(f *fakeTable) { f.aroundErr = nil })
		pass(3 * tick)
		r.wantState(StateEnforcing)
	})
}

func TestADifferingReadBackIsVerifiedInTheNextRound(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.table.set(func(f *fakeTable) { f.commitErr = kernel.ErrDiffers })
		w := wishFor(t, opsOld)
		if _, err := r.Apply(t.Context(), w); !errors.Is(err, kernel.ErrDiffers) {
			t.Errorf("%v; want ErrDiffers", err)
		}
		r.wantState(StateFailed)
		r.table.set(func(f *fakeTable) { f.commitErr = nil })
		pass(tick + time.Millisecond)
		r.wantState(StateEnforcing)
		if n := len(r.commits()); n != 1 {
			t.Errorf("%d commits; want 1: the table is held, and was only looked at again", n)
		}
		if told := r.told(status.KindCommitFailed); len(told) != 0 {
			t.Errorf("told %+v; want nothing", told)
		}
	})
}

func TestPlanChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		before := len(r.commits())
		changes, err := r.Plan(t.Context(), wishFor(t, opsNew).Policy)
		if want := []string{"- element admins4 { 10.9.0.0/24 }", "+ element admins4 { 10.8.0.0/24 }"}; err != nil ||
			!(slices.Contains(changes, want[0]) && slices.Contains(changes, want[1]) && len(changes) == 2) {
			t.Errorf("%q, %v; want %q", changes, err, want)
		}
		if len(r.commits()) != before {
			t.Error("plan committed something")
		}
		r.wantHeld(wishFor(t, opsOld), nowhere)
	})
}

func TestWithdrawnLastsUntilApply(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		if err := r.Withdraw(t.Context(), StateRemoved, status.Event{Kind: status.KindPolicyRemoved}); err != nil {
			t.Fatal(err)
		}
		if f := r.wantState(StateRemoved); f.Verified || !r.held().Absent() {
			t.Error("the rules are still there, or said to be")
		}
		if len(r.told(status.KindPolicyRemoved)) != 1 {
			t.Error("not told")
		}
		next := wishFor(t, opsNew)
		r.Want(next)
		r.disturb("nft")
		r.table.events <- kernel.Event{Time: time.Now(), Around: true}
		pass(2 * time.Minute)
		if !r.held().Absent() {
			t.Error("the rules came back by themselves")
		}
		r.wantState(StateRemoved)
		if len(r.told(status.KindDrift)) != 0 {
			t.Error("a drift was told of a table that is not to be there")
		}
		r.apply(next)
		r.wantState(StateEnforcing)
		r.wantHeld(next, nowhere)
	})
}

func TestAWithdrawalThatFailsIsNoWithdrawal(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.apply(wishFor(t, opsOld))
		r.table.set(func(f *fakeTable) { f.commitErr = errors.New("operation not permitted") })
		if err := r.Withdraw(t.Context(), StateRemoved, status.Event{Kind: status.KindPolicyRemoved}); err == nil {
			t.Error("no error")
		}
		r.wantState(StateEnforcing)
		if len(r.told(status.KindPolicyRemoved)) != 0 {
			t.Error("told")
		}
	})
}

func TestOnlyTheNewestWishCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		newest := wishFor(t, opsNew)
		for range 3 {
			r.Want(wishFor(t, opsOld))
		}
		r.Want(newest)
		r.run()
		r.wantHeld(newest, nowhere)
		if n := len(r.commits()); n != 1 {
			t.Errorf("%d commits; want 1", n)
		}
		r.end()
		<-r.ended
	})
}

func TestTheEndReleases(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"the table becomes plain", nil, true},
		{"another has it", kernel.ErrOwned, true},
		{"the kernel refuses", errors.New("no buffer space available"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.table.set(func(f *fakeTable) { f.releaseErr = tt.err })
				r.run()
				r.apply(wishFor(t, opsOld))
				r.end()
				if err := <-r.ended; (err == nil) != tt.ok {
					t.Errorf("%v", err)
				}
				if r.table.released != 1 {
					t.Errorf("released %d times", r.table.released)
				}
				r.wantHeld(wishFor(t, opsOld), nowhere)
				if _, err := r.Apply(t.Context(), wishFor(t, opsOld)); !errors.Is(err, errEnded) {
					t.Errorf("apply behind the end: %v; want errEnded", err)
				}
			})
		})
	}
}
