// Package loki sends the stored events to Loki, in their order, at least once.
//
// The one idea: the store's list of events is the queue. It is on disk and bounded already, so all that is kept beside it is
// a cursor: the sequence up to which Loki has everything. Loki away for a day costs a cursor that stands still; what the
// bound of the list drops meanwhile shows as a gap in the sequences, and is counted. What may be sent twice, after a crash
// between an answer and the storing of the cursor, has the same time and line, which Loki takes for one.
//
// Of github.com/grafana/loki-client-go, which only this package knows, one batch is under way at a time, tried once: how
// often and how long to try again is decided here, where a stop is heard.
package loki

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Target is where events go, and as whose.
type Target struct {
	URL          string // of the push API; empty: nowhere
	TenantID     string
	Username     string
	PasswordFile string
	CAFile       string
	Labels       map[string]string // of every stream, beside job and kind
}

// Storage is the store: its list of events, and a place for the cursor.
type Storage interface {
	EventsAfter(sequence uint64, limit int) ([]status.Event, error)
	Get(bucket, key string, into any) (found bool, err error)
	Update(...Change) error
}

// Change is one step of Update: the value to keep, or nil to delete what is kept. It is the store's.
type Change = struct {
	Bucket, Key string
	Value       any
}

// Options are the world around a Shipper.
type Options struct {
	Storage Storage
	Changed func() <-chan struct{} // closed when the next event is stored
	Tell    func(status.Event)     // of a delivery that fails and of one that works again
	Lost    func(events uint64)
	Log     *slog.Logger
	Now     func() time.Time
	Pace    Pace // DefaultPace if zero
}

// Pace is how long things take.
type Pace struct {
	Wait     time.Duration // how long the client gathers a batch
	Timeout  time.Duration // of one attempt
	Retry    time.Duration // before the second attempt; doubled for each further one
	RetryMax time.Duration
	Patience time.Duration // how long deliveries fail before an event tells it
	Grace    time.Duration // what a batch under way gets at the end, and then what the client gets to close
}

// DefaultPace is a daemon's.
func DefaultPace() Pace {
	return Pace{Wait: time.Second, Timeout: 10 * time.Second, Retry: time.Second, RetryMax: time.Minute, Patience: time.Minute,
		Grace: time.Second} // the whole daemon has 5 s
}

// maxBatch bounds a batch in events; maxBatchBytes, in bytes of lines, is what the client's own default is.
const (
	maxBatch      = 4000
	maxBatchBytes = 1 << 20
)

// Shipper sends events. Replace may be called at any time; all else happens in Run.
type Shipper struct {
	o Options

	mu       sync.Mutex // guards what follows
	target   *Target    // nil: not known yet, so that nothing is sent and nothing forgotten
	replaced chan struct{}

	client *client // nil: none is open
	open   Target  // what it was opened for
	cursor *cursor // nil: not read yet
	batch  int     // how many events the next batch may have
	outage outage
}

// New makes a Shipper without a target.
func New(o Options) *Shipper {
	if o.Pace == (Pace{}) {
		o.Pace = DefaultPace()
	}
	return &Shipper{o: o, replaced: make(chan struct{}), batch: maxBatch}
}

// Replace has events go to another target, from where the former one got to. Without a URL it forgets how far that is.
func (s *Shipper) Replace(t Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.target = &t
	close(s.replaced)
	s.replaced = make(chan struct{})
}

// Run sends until ctx ends, and then waits for what is under way no longer than Pace.Grace. Its error is always nil.
func (s *Shipper) Run(ctx context.Context) error {
	defer func() { s.shut(ctx) }()
	for ctx.Err() == nil {
		// Taken before the look at the list, so that nothing is missed between.
		changed := s.o.Changed()
		target, replaced := s.current()
		next := s.step(ctx, target)
		if next == again {
			continue
		}
		var retry <-chan time.Time
		if next > 0 {
			retry, changed = time.After(time.Duration(next)), nil
		}
		select {
		case <-ctx.Done():
		case <-replaced:
			s.outage.attempts = 0
		case <-changed:
		case <-retry:
		}
	}
	return nil
}

// pause is what follows a step: again at once, later, or when something changed.
type pause time.Duration

const (
	again    pause = -1
	untilNew pause = 0
)

// step sends one batch.
func (s *Shipper) step(ctx context.Context, t *Target) pause {
	switch {
	case t == nil:
		return untilNew
	case t.URL == "":
		s.shut(ctx)
		s.forget()
		return untilNew
	}
	if err := s.use(ctx, *t); err != nil {
		return s.failed(err)
	}
	entries, passed, err := s.next(t.Labels)
	switch {
	case err != nil:
		return s.failed(err)
	case len(entries) == 0 && passed:
		return again
	case len(entries) == 0:
		return untilNew
	}
	switch err := s.client.push(ctx, entries); {
	case err == nil:
		s.advance(entries[len(entries)-1].sequence)
		s.recovered()
		s.batch = min(2*s.batch, maxBatch)
		return again
	case errors.Is(err, errRefused) && len(entries) > 1:
		// One bad entry costs the whole batch: halve it until that entry stands alone.
		s.batch = len(entries) / 2
		return again
	case errors.Is(err, errRefused):
		s.lose(1, "Loki refuses an event", err)
		s.advance(entries[0].sequence)
		s.batch = min(2*s.batch, maxBatch)
		return again
	case ctx.Err() != nil:
		return untilNew
	default:
		if errors.Is(err, errStuck) {
			s.shut(ctx)
		}
		return s.failed(err)
	}
}

func (s *Shipper) current() (*Target, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target, s.replaced
}

// use opens a client for the target, unless the one that is open is for it. Labels are not the client's.
func (s *Shipper) use(ctx context.Context, t Target) error {
	t.Labels = nil
	if s.client != nil && s.open.same(t) {
		return nil
	}
	s.shut(ctx)
	c, err := open(t, s.o.Pace)
	if err != nil {
		return err
	}
	s.client, s.open = c, t
	return nil
}

func (s *Shipper) shut(ctx context.Context) {
	if s.client != nil {
		s.client.close(ctx)
		s.client = nil
	}
}

func (t Target) same(o Target) bool {
	return t.URL == o.URL && t.TenantID == o.TenantID && t.Username == o.Username && t.PasswordFile == o.PasswordFile && t.CAFile == o.CAFile
}
