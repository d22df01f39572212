// Package outbox brings alerts to receivers: at least once, in order, over restarts.
//
// The one idea: an alert waits once for each receiver, on disk, in the transaction that also stores what its sender remembers
// of it, and it leaves when that receiver's success was read, or its final refusal. Each receiver has a queue and a goroutine of
// its own, so that one that hangs delays nobody. What is delivered twice is what was answered while the process was being
// killed, before that answer was on disk.
//
// What waits is bounded for each receiver; queue.shrink says what goes first.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Receiver is somebody who is told of alerts.
type Receiver interface {
	Name() string
	// Deliver tells the alerts, at most one of each key, and ends with its context. It may be called for a test while
	// another call runs. No error means that a success was read; else retry says whether trying again may help. An error
	// with a method RetryAfter() time.Duration in its chain says when. answer is for people, and bounded.
	Deliver(ctx context.Context, alerts []status.Alert) (retry bool, answer string, err error)
	// Repeat is how often it wants to be told of all that fires while nothing else waits for it; 0: never.
	Repeat() time.Duration
}

// Change is a value to store, or to delete where Value is nil. It is an alias: the storage names the same type.
type Change = struct {
	Bucket, Key string
	Value       any
}

// Storage keeps values by bucket and key.
type Storage interface {
	// Update makes all the changes, or none, and returns when they are synced.
	Update(changes ...Change) error
	// All calls each with every value of the bucket, in the order of the keys.
	All(bucket string, each func(key string, value json.RawMessage) error) error
}

// Options are the choices of New. The zero value is a daemon's, that nothing fires in.
type Options struct {
	// Firing returns the alerts that receivers should know to fire; New asks, too. An alert must have left it before its end is
	// Put.
	Firing func() []status.Alert
	Tell   func(status.Event) // must not block
	Jitter func() float64     // in [0, 1); math/rand/v2 if nil

	Limit    int           // how many alerts may wait for one receiver; 1,000 if 0
	Deadline time.Duration // of one attempt; 10 s if 0
	// First is how long the first failure is waited out, 1 s if 0; it doubles up to Longest, 5 min if 0.
	First, Longest time.Duration
	// Grace is how long an attempt may go on when Run is to end: an answer that is not read is a second delivery. 2 s if 0.
	Grace time.Duration
}

// batched is how many alerts go in one Deliver at most.
const batched = 64

// Outbox is safe for concurrent use.
type Outbox struct {
	options Options
	storage Storage
	changed chan struct{} // the lanes are others now; holds one

	disk sync.Mutex // one transaction at a time; locked before mu

	mu     sync.Mutex // guards what follows
	lanes  []*lane    // in the order of the receivers
	ledger ledger
}

// New makes an Outbox of what the storage holds. It delivers nothing before Run. What cannot be read is told as an event: an
// error means that two receivers have one name.
func New(storage Storage, receivers []Receiver, o Options) (*Outbox, error) {
	x := &Outbox{options: o.withDefaults(), storage: storage, changed: make(chan struct{}, 1)}
	if err := distinct(receivers); err != nil {
		return nil, err
	}
	x.load()
	_ = x.Replace(receivers) // what the disk refuses is written with the next change
	return x, nil
}

// Put stores the alerts for every receiver, and the sender's own changes with them, in one synced transaction, and then hands
// them over. It hands them over also with an error: then the changes are on no disk yet, and are written with the next ones. So
// their values must not change any more, and nobody else may write to their keys.
func (o *Outbox) Put(alerts []status.Alert, with ...Change) error {
	var fresh []*entry
	var events []status.Event
	o.mu.Lock()
	for _, c := range with {
		o.ledger.owe(c)
	}
	for _, l := range o.lanes {
		entries, dropped := l.queue.put(alerts, o.options.Limit)
		fresh = append(fresh, entries...)
		events = append(events, l.dropped(dropped)...)
	}
	o.mu.Unlock()

	err := o.flush()
	o.release(fresh)
	o.tell(events)
	if err != nil {
		return fmt.Errorf("store %d alerts for delivery: %w", len(alerts), err)
	}
	return nil
}

// Deliveries says how each receiver is doing, in their order. Results count alerts, but for "failed", which counts attempts;
// what was repeated counts too.
func (o *Outbox) Deliveries() []status.Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []status.Delivery
	for _, l := range o.lanes {
		all = append(all, l.delivery())
	}
	return all
}

// release lets go of entries whose transaction has ended, and wakes everybody.
func (o *Outbox) release(entries []*entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range entries {
		e.unsynced = false
	}
	for _, l := range o.lanes {
		signal(l.wake)
	}
}

// tell is called without the lock: who hears of an event may ask for Deliveries.
func (o *Outbox) tell(events []status.Event) {
	for _, e := range events {
		e.Time = time.Now()
		o.options.Tell(e)
	}
}

func (o Options) withDefaults() Options {
	if o.Firing == nil {
		o.Firing = func() []status.Alert { return nil }
	}
	if o.Tell == nil {
		o.Tell = func(status.Event) {}
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Limit <= 0 {
		o.Limit = 1000
	}
	for _, d := range []struct {
		duration *time.Duration
		usual    time.Duration
	}{{&o.Deadline, 10 * time.Second}, {&o.First, time.Second}, {&o.Longest, 5 * time.Minute}, {&o.Grace, 2 * time.Second}} {
		if *d.duration <= 0 {
			*d.duration = d.usual
		}
	}
	return o
}

func distinct(receivers []Receiver) error {
	seen := map[string]bool{}
	for _, r := range receivers {
		if seen[r.Name()] {
			return fmt.Errorf("two receivers are named %q", r.Name())
		}
		seen[r.Name()] = true
	}
	return nil
}

// signal leaves a word in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
