package enforcer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// keeper is what Run owns: nobody else reads or writes it.
type keeper struct {
	wish      Wish
	wished    bool
	withdrawn string // the state that a person put the rules out into; empty: they are to be in

	ruleset      ruleset.Ruleset // what was committed last
	around       ruleset.Surroundings
	found        paths.Found   // by what ways packets come
	aroundLooked time.Time     // when the ways were looked at last …
	aroundOwed   time.Duration // … and what pause was owed for it then
	inForce      bool          // ruleset was committed by this process and not failed since
	behind       bool          // ruleset is not yet the wish's
	verified     bool
	problem      string

	lastVerified time.Time
	verifyAt     time.Time
	retryAt      time.Time

	traffic   traffic
	repairs   histogram
	drifts    map[string]uint64
	lately    hourly // drifts
	lastDrift *status.Drift
	fight     fight
}

func newKeeper() keeper {
	return keeper{drifts: map[string]uint64{}, traffic: newTraffic(), repairs: newHistogram()}
}

// plan compares the kernel with a policy.
func (e *Enforcer) plan(ctx context.Context, p policy.Policy) (ruleset.Change, error) {
	around, _, err := e.lookAround(ctx, p)
	if err != nil {
		return ruleset.Change{}, err
	}
	have, err := e.table.Read(ctx)
	if err != nil {
		return ruleset.Change{}, err
	}
	return ruleset.Diff(have, ruleset.Build(p, around)), nil
}

// apply puts the wish into the kernel. The first time, the whole table is replaced whatever it looks like: only what
// this process has committed is known to the last bit.
func (e *Enforcer) apply(ctx context.Context) (changes []string, err error) {
	defer e.publish()
	e.behind = true
	around, found, err := e.lookAround(ctx, e.wish.Policy)
	if err != nil {
		e.fail(err)
		return nil, err
	}
	want := ruleset.Build(e.wish.Policy, around)
	have := e.ruleset
	if !e.inForce {
		if have, err = e.table.Read(ctx); err != nil {
			e.fail(err)
			return nil, err
		}
	}
	change := ruleset.Diff(have, want)
	err = e.commit(ctx, change, want)
	if err != nil && !errors.Is(err, kernel.ErrDiffers) {
		e.inForce = false
		e.fail(err)
		return nil, err
	}
	e.ruleset, e.around, e.found, e.inForce, e.behind, e.problem = want, around, found, true, false, ""
	replaceNewest(e.cuts, sentence{e.wish.Policy, found.Listeners})
	if err == nil {
		err = e.readBack(ctx)
	}
	if err != nil {
		e.doubt()
		return nil, err
	}
	changes = change.Lines()
	if len(changes) > 0 {
		e.tellApplied(changes)
	}
	return changes, nil
}

// commit makes the kernel hold want, by the cheapest change that is certain.
func (e *Enforcer) commit(ctx context.Context, change ruleset.Change, want ruleset.Ruleset) error {
	if want.Absent() {
		return e.table.Remove(ctx)
	}
	if !e.inForce {
		change = ruleset.Replace(want)
	}
	if change.Empty() {
		return nil
	}
	return e.replace(ctx, change)
}

// replace commits a change. Counters begin at zero in a table that took the place of another.
func (e *Enforcer) replace(ctx context.Context, change ruleset.Change) error {
	err := e.table.Commit(ctx, change)
	if change.Rebuild && (err == nil || errors.Is(err, kernel.ErrDiffers)) {
		e.traffic.tableReplaced()
	}
	return err
}

// readBack asks the kernel whether it holds what was committed, to the last element.
func (e *Enforcer) readBack(ctx context.Context) error {
	if e.ruleset.Absent() {
		e.confirm()
		return nil
	}
	drift, err := e.compare(ctx)
	if err == nil && !drift.None() {
		err = kernel.ErrDiffers
	}
	if err == nil {
		e.confirm()
	}
	return err
}

// compare verifies, and has the next time wait as long as the cost of this one asks for.
func (e *Enforcer) compare(ctx context.Context) (kernel.Drift, error) {
	began := time.Now()
	drift, err := e.table.Verify(ctx)
	e.verifyAt = time.Now().Add(max(verifyAtLeast, time.Duration(float64(time.Since(began))/verifyShare)))
	return drift, err
}

// confirm notes that the kernel was just read back. Why a wish is not in force yet is still to be told.
func (e *Enforcer) confirm() {
	if !e.behind {
		e.problem = ""
	}
	e.verified, e.lastVerified = true, time.Now()
}

// doubt notes that somebody changed the table between our commit and its read-back: their event is on its way, and
// the next round verifies in any case.
func (e *Enforcer) doubt() {
	e.verified, e.verifyAt = false, time.Now()
}

func (e *Enforcer) tellApplied(changes []string) {
	p, name := e.wish.Policy, e.wish.Policy.Hash()
	if e.wish.Revision != "" {
		name += " of revision " + e.wish.Revision
	}
	e.o.Tell(status.Event{Kind: status.KindPolicyApplied,
		Summary: fmt.Sprintf("policy %s is in force: %d services, %d changes (%s)", name, len(p.Services), len(changes), e.wish.Why),
		Fields: map[string]string{
			"policy":   p.Hash(),
			"revision": e.wish.Revision,
			"why":      e.wish.Why,
			"changes":  strings.Join(bounded(changes), "\n"),
		}})
}

// withdraw takes the table out, by a person's word.
func (e *Enforcer) withdraw(ctx context.Context, state string) error {
	defer e.publish()
	if err := e.table.Remove(ctx); err != nil {
		return err
	}
	e.traffic.tableReplaced()
	e.withdrawn, e.inForce, e.verified, e.ruleset, e.problem = state, false, false, ruleset.Ruleset{}, ""
	return nil
}

// toldChanges bounds how many lines of a change an event carries.
const toldChanges = 20

func bounded(lines []string) []string {
	if len(lines) <= toldChanges {
		return lines
	}
	return append(lines[:toldChanges:toldChanges], fmt.Sprintf("and %d more", len(lines)-toldChanges))
}
