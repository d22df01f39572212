// Package journal writes down what happened: each event goes to the log and to the store's bounded list, from where its
// package loki sends it on.
//
// The one idea: whoever tells an event never waits for the disk. Events enter through a buffered channel and one goroutine
// drains it in batches; what finds the channel full, or the store failing, is counted as a loss. The log goes on even when
// the store does not.
package journal

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// buffered is how many events may come while the disk syncs.
	buffered = 1024
	// batched is how many events share one sync of the disk at most.
	batched = 256
)

// The sinks by which losses are counted.
const (
	SinkChannel = "channel" // events that found the channel full
	SinkStore   = "store"   // events that the store refused
	SinkLoki    = "loki"    // events that Loki will never have
)

// Storage is the store's bounded list of events. AppendEvents gives each event its Sequence, in place.
type Storage interface {
	AppendEvents([]status.Event) error
	Events(status.EventQuery) ([]status.Event, error)
	EventsAfter(sequence uint64, limit int) ([]status.Event, error)
}

// Journal is safe for concurrent use.
type Journal struct {
	log     *slog.Logger
	storage Storage
	now     func() time.Time
	sink    chan status.Event

	mu       sync.Mutex // guards what follows
	told     map[string]uint64
	dropped  map[string]uint64
	changed  chan struct{}
	storeErr bool // the last batch was not stored
}

// New makes a Journal; it writes nothing down before Run.
func New(log *slog.Logger, storage Storage, now func() time.Time) *Journal {
	return &Journal{log: log, storage: storage, now: now, sink: make(chan status.Event, buffered),
		told: map[string]uint64{}, dropped: map[string]uint64{}, changed: make(chan struct{})}
}

// Sink is for those who send events themselves. They must not block on it, and count their own losses; Tell does both.
func (j *Journal) Sink() chan<- status.Event { return j.sink }

// Tell hands an event over without waiting. A zero Time becomes now.
func (j *Journal) Tell(e status.Event) {
	if e.Time.IsZero() {
		e.Time = j.now()
	}
	select {
	case j.sink <- e:
	default:
		j.mu.Lock()
		defer j.mu.Unlock()
		j.dropped[SinkChannel]++
	}
}

// Run writes events down until the context ends, and then what was told before that. Its error is always nil.
func (j *Journal) Run(ctx context.Context) error {
	for {
		select {
		case e := <-j.sink:
			j.write(ctx, j.batch(e))
		case <-ctx.Done():
			j.drain(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// Events returns the stored events that the query selects, oldest first.
func (j *Journal) Events(q status.EventQuery) ([]status.Event, error) { return j.storage.Events(q) }

// page is how many events a follower is given at a time: memory is not to grow with how far behind it is.
const page = 1000

// EventsAfter returns the next stored events after a sequence, oldest first: not all of them if there are many, none if
// there are none.
func (j *Journal) EventsAfter(sequence uint64) ([]status.Event, error) {
	return j.storage.EventsAfter(sequence, page)
}

// Lost counts events that a sink lost.
func (j *Journal) Lost(sink string, events uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dropped[sink] += events
}

// Changed returns a channel that is closed when the next event is stored. Whoever follows takes the channel first,
// then queries, then waits: so nothing is missed between.
func (j *Journal) Changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}

// Counts returns how many events were written down, by kind, and how many were lost, by sink.
func (j *Journal) Counts() (told, dropped map[string]uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.told), maps.Clone(j.dropped)
}

// batch returns the event and those that wait behind it.
func (j *Journal) batch(first status.Event) []status.Event {
	events := []status.Event{first}
	for len(events) < batched {
		select {
		case e := <-j.sink:
			events = append(events, e)
		default:
			return events
		}
	}
	return events
}

func (j *Journal) drain(ctx context.Context) {
	for {
		select {
		case e := <-j.sink:
			j.write(ctx, j.batch(e))
		default:
			return
		}
	}
}

func (j *Journal) write(ctx context.Context, events []status.Event) {
	for i := range events {
		if events[i].Time.IsZero() {
			events[i].Time = j.now()
		}
		j.logEvent(ctx, events[i])
	}
	err := j.storage.AppendEvents(events)
	failed := err != nil
	if j.count(events, failed) == failed {
		return
	}
	if failed {
		j.log.ErrorContext(ctx, "events are not stored, only logged", "error", err)
	} else {
		j.log.InfoContext(ctx, "events are stored again")
	}
}

// count returns whether the batch before this one failed to be stored.
func (j *Journal) count(events []status.Event, failed bool) (before bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		j.told[e.Kind]++
	}
	before, j.storeErr = j.storeErr, failed
	if failed {
		j.dropped[SinkStore] += uint64(len(events))
		return before
	}
	close(j.changed)
	j.changed = make(chan struct{})
	return before
}

// logEvent writes a record that carries the event's own time, not that of the writing.
func (j *Journal) logEvent(ctx context.Context, e status.Event) {
	level := levelOf(e)
	if !j.log.Enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(e.Time, level, e.Summary, 0)
	record.AddAttrs(slog.String("kind", e.Kind))
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		record.AddAttrs(slog.String(field, e.Fields[field]))
	}
	// As with every slog call, a log that cannot be written has nobody left to tell.
	_ = j.log.Handler().Handle(ctx, record)
}

// levelOf is Error where the firewall may not be what was asked for, and Warn where somebody should have a look.
func levelOf(e status.Event) slog.Level {
	switch e.Kind {
	case status.KindCommitFailed, status.KindConfigInvalid:
		return slog.LevelError
	case status.KindDrift, status.KindDriftFight, status.KindPaused, status.KindReverted, status.KindRosterHeld, status.KindSourceFailed,
		status.KindStoreDegraded, status.KindDeliveryFailed, status.KindServiceDown, status.KindOOMKill:
		return slog.LevelWarn
	case status.KindAlertFiring:
		if e.Fields["severity"] != status.SeverityInfo {
			return slog.LevelWarn
		}
	}
	return slog.LevelInfo
}
