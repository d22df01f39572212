package outbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Run delivers until the context ends, and then waits for the attempts that run, at most for the grace. Its error says that
// something is on no disk at the end.
func (o *Outbox) Run(ctx context.Context) error {
	o.serve(ctx)
	if err := o.flush(); err != nil {
		return fmt.Errorf("store what waits for delivery: %w", err)
	}
	return nil
}

// serve keeps a goroutine for each lane, and returns when all of them have.
func (o *Outbox) serve(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	running := map[*lane]context.CancelFunc{}
	for {
		lanes := o.current()
		for l, stop := range running {
			if !slices.Contains(lanes, l) {
				stop()
				delete(running, l)
			}
		}
		for _, l := range lanes {
			if running[l] == nil {
				serving, stop := context.WithCancel(ctx)
				running[l] = stop
				workers.Go(func() { o.work(serving, l) })
			}
		}
		select {
		case <-o.changed:
		case <-ctx.Done():
			return
		}
	}
}

func (o *Outbox) current() []*lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.lanes)
}

// parcel is what goes in one Deliver.
type parcel struct {
	receiver Receiver
	alerts   []status.Alert
	entries  []*entry // none: it is a repeat, of which nothing is stored
}

// work serves one receiver until the context ends.
func (o *Outbox) work(ctx context.Context, l *lane) {
	for ctx.Err() == nil {
		p, until := o.next(l)
		if len(p.alerts) > 0 {
			o.deliver(ctx, l, p)
			continue
		}
		if !o.startRepeat(l) {
			await(ctx, l.wake, until)
		}
	}
}

// next returns what is to be delivered now, or else until when there is nothing, zero for no limit.
func (o *Outbox) next(l *lane) (p parcel, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Now().Before(l.notBefore) {
		return parcel{}, l.notBefore
	}
	p.receiver = l.receiver
	if p.entries = l.take(); len(p.entries) > 0 {
		for _, e := range p.entries {
			p.alerts = append(p.alerts, e.alert)
		}
		// What fires may change before the repeat goes on.
		l.repeating = nil
		return p, time.Time{}
	}
	p.alerts = l.repeating[:min(l.size(), len(l.repeating))]
	return p, l.repeatAt
}

// startRepeat looks what fires if it is time to tell it again, and reports whether it was time.
func (o *Outbox) startRepeat(l *lane) bool {
	if !o.repeatIsDue(l) {
		return false
	}
	firing := o.options.Firing() // without the lock: the answer may take one that is held over a Put
	o.mu.Lock()
	defer o.mu.Unlock()
	l.repeating = firing
	if len(firing) == 0 {
		l.planRepeat(time.Now())
	}
	return true
}

func (o *Outbox) repeatIsDue(l *lane) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	return !l.repeatAt.IsZero() && !now.Before(l.repeatAt) && !now.Before(l.notBefore)
}

func (o *Outbox) deliver(ctx context.Context, l *lane, p parcel) {
	got := o.attempt(ctx, p.receiver, p.alerts)
	o.mu.Lock()
	l.queue.land(p.entries)
	var events []status.Event
	if got.ok || ctx.Err() == nil {
		events = l.settle(p, got, o.options)
	} // else it was cut short, which says nothing of the receiver
	o.mu.Unlock()
	if got.ok || !got.retry {
		// The store tells of its failures itself, and what it refused goes with the next write.
		_ = o.flush()
	}
	o.tell(events)
}

// await returns at a word, at a time (if there is one), or when the context ends.
func await(ctx context.Context, wake <-chan struct{}, until time.Time) {
	var reached <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		reached = timer.C
	}
	select {
	case <-wake:
	case <-reached:
	case <-ctx.Done():
	}
}
