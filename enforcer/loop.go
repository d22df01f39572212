package enforcer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// tick is how often counters are read and timers are looked at.
	tick = time.Second
	// verifyAtLeast and verifyShare: a full verification costs more the more elements there are. It runs every
	// max(30 s, cost/0.002), so that it never takes more than 0.2 % of a core (design: Enforcement, Verification).
	verifyAtLeast = 30 * time.Second
	verifyShare   = 0.002
	// retryAfter is how long a failed commit waits; the service stays as it was meanwhile.
	retryAfter = time.Second
	// releaseWithin bounds the last batch of a deliberate exit.
	releaseWithin = 2 * time.Second
)

// Run keeps the kernel at the newest wish until ctx ends, then lets go of the table, whose rules stay.
func (e *Enforcer) Run(ctx context.Context) error {
	defer close(e.ended)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	around := time.NewTimer(0)
	around.Stop()
	defer around.Stop()
	var cutting sync.WaitGroup
	cutting.Go(func() { e.cut(ctx) })
	defer cutting.Wait()
	waiting := false // for around: what comes meanwhile must not put it off again and again
	settled := true  // or one more look is due, at what an event began
	for {
		select {
		case <-ctx.Done():
			return e.release()
		case w := <-e.wishes:
			e.wish, e.wished = w, true
			e.try(ctx)
		case r := <-e.requests:
			r.work(ctx)
			close(r.done)
		case event := <-e.table.Events():
			if e.onEvent(ctx, event) && !waiting {
				around.Reset(e.aroundPause())
				waiting, settled = true, false
			}
		case <-around.C:
			e.reconsiderAround(ctx)
			if waiting = false; !settled {
				around.Reset(aroundAgain)
				settled = true
			}
		case <-ticker.C:
			e.onTick(ctx)
		}
		e.publish()
	}
}

// onEvent handles an event and those that wait behind it as one: a verification looks at the kernel of now. It says
// whether the surroundings may have changed.
func (e *Enforcer) onEvent(ctx context.Context, first kernel.Event) (around bool) {
	cause := cause{at: first.Time}
	touched := false
	for event, more := first, true; more; {
		touched = touched || event.Table
		around = around || event.Around
		cause.add(event)
		select {
		case event = <-e.table.Events():
		default:
			more = false
		}
	}
	switch {
	case touched && e.holding():
		e.verify(ctx, cause)
		e.calm(ctx)
	case touched && !e.inForce:
		e.try(ctx)
	}
	return around
}

// onTick does what is due.
func (e *Enforcer) onTick(ctx context.Context) {
	now := time.Now()
	if (!e.inForce || e.behind) && !now.Before(e.retryAt) {
		e.try(ctx)
	}
	if e.holding() && !now.Before(e.verifyAt) {
		e.verify(ctx, cause{at: now})
		e.reconsiderAround(ctx) // iptables-legacy tells nobody of its NAT
	}
	e.endFight(now)
	if e.holding() {
		if counts, err := e.table.Counters(ctx); err == nil {
			e.traffic.read(counts)
		}
		// After the packets: a repair that is rendered already is faster, and nothing waits for it now.
		if err := e.table.Prepare(); err != nil {
			e.problem = err.Error()
		}
	}
}

// holding says that the kernel should hold a ruleset of ours now.
func (e *Enforcer) holding() bool { return e.inForce && e.withdrawn == "" && !e.ruleset.Absent() }

// try applies the wish; a failure is told once and tried again.
func (e *Enforcer) try(ctx context.Context) {
	if e.withdrawn != "" || !e.wished {
		return
	}
	if _, err := e.apply(ctx); err != nil && ctx.Err() == nil {
		e.retryAt = time.Now().Add(retryAfter)
	}
}

// cut ends connections beside the loop, which has better things to do.
func (e *Enforcer) cut(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-e.cuts:
			if e.o.Cut != nil {
				e.o.Cut(ctx, s.policy, s.listeners)
			}
		}
	}
}

// release ends the loop: whoever comes after may take the table over, and its rules stay until then.
func (e *Enforcer) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), releaseWithin)
	defer cancel()
	defer e.publish()
	if err := e.table.Release(ctx); err != nil && !errors.Is(err, kernel.ErrOwned) {
		return fmt.Errorf("leave the rules in place: %w", err)
	}
	return nil
}

// fail notes why the kernel is not at the wish, and tells it when it is news.
func (e *Enforcer) fail(err error) {
	e.verified = false
	if e.problem == err.Error() {
		return
	}
	e.problem = err.Error()
	e.o.Tell(status.Event{Kind: status.KindCommitFailed, Summary: "the rules could not be put into the kernel: " + e.problem,
		Fields: map[string]string{"error": e.problem}})
}
