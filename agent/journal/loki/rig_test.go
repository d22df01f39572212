package loki

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

// rig is a shipper over a real store.
type rig struct {
	t     testing.TB
	store *store.Store
	path  string
	pace  Pace
	lost  atomic.Uint64
	told  chan status.Event

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	now     time.Time
}

// quick is a pace at which a test does not wait.
func quick() Pace {
	return Pace{Wait: 5 * time.Millisecond, Timeout: 5 * time.Second, Retry: time.Millisecond, RetryMax: 4 * time.Millisecond,
		Patience: time.Hour, Grace: 50 * time.Millisecond}
}

func newRig(t testing.TB, o store.Options) *rig {
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "db"), pace: quick(), told: make(chan status.Event, 100),
		changed: make(chan struct{}), now: noon()}
	r.openStore(o)
	return r
}

func (r *rig) openStore(o store.Options) {
	r.t.Helper()
	o.Now = noon
	var err error
	if r.store, err = store.Open(r.path, o); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.store.Close() })
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) changes() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// happen stores events of the kind, whose summaries count on from first.
func (r *rig) happen(kind string, first, n int) {
	r.t.Helper()
	events := make([]status.Event, n)
	for i := range events {
		events[i] = status.Event{Time: noon().Add(time.Duration(first+i) * time.Microsecond), Kind: kind, Summary: fmt.Sprint(first + i)}
	}
	r.keep(events...)
}

func (r *rig) keep(events ...status.Event) {
	r.t.Helper()
	if err := r.store.AppendEvents(events); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// run starts a shipper; stop ends it, waits, and says how long that took.
func (r *rig) run(targets ...Target) (s *Shipper, stop func() time.Duration) {
	r.t.Helper()
	s = New(Options{Storage: r.store, Changed: r.changes, Tell: func(e status.Event) { r.told <- e },
		Lost: func(n uint64) { r.lost.Add(n) }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: r.clock, Pace: r.pace})
	for _, target := range targets {
		s.Replace(target)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(ctx) }()
	stop = func() time.Duration {
		began := time.Now()
		cancel()
		<-ended
		return time.Since(began)
	}
	r.t.Cleanup(func() { stop() })
	return s, stop
}

// hear waits for the next event that the shipper tells.
func (r *rig) hear() status.Event {
	r.t.Helper()
	select {
	case e := <-r.told:
		return e
	case <-time.After(20 * time.Second):
		r.t.Fatal("nothing was told")
	}
	return status.Event{}
}

// cursor is what is stored.
func (r *rig) cursor() uint64 {
	r.t.Helper()
	var c cursor
	if _, err := r.store.Get(bucket, cursorKey, &c); err != nil {
		r.t.Fatal(err)
	}
	return c.Sequence
}

func targetOf(s *server) Target { return Target{URL: s.URL + "/loki/api/v1/push"} }

// sequences are those of the lines, in the order of their arrival; what arrived twice counts once, as it does in Loki.
func sequences(t testing.TB, got []received) []uint64 {
	t.Helper()
	var all []uint64
	seen := map[uint64]bool{}
	for _, e := range got {
		var l line
		if err := json.Unmarshal([]byte(e.line), &l); err != nil {
			t.Fatalf("%s: %v", e.line, err)
		}
		if !seen[l.Sequence] {
			seen[l.Sequence] = true
			all = append(all, l.Sequence)
		}
	}
	return all
}

// wantSequences wants all from first to last, in their order.
func wantSequences(t testing.TB, got []received, first, last uint64) {
	t.Helper()
	all := sequences(t, got)
	if uint64(len(all)) != last-first+1 {
		t.Errorf("%d events arrived, want %d", len(all), last-first+1)
	}
	for i, sequence := range all {
		if sequence != first+uint64(i) {
			t.Fatalf("event %d came as number %d", sequence, i)
		}
	}
}
