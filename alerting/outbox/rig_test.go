package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// disk is a Storage that can be full.
type disk struct {
	mu     sync.Mutex // guards what follows
	values map[place]string
	full   bool
	writes int
	gate   chan struct{} // if not nil, a transaction ends when it can be received from
}

var errFull = errors.New("no space left on device")

func (d *disk) Update(changes ...Change) error {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return errFull
	}
	d.writes++
	for _, c := range changes {
		at := place{c.Bucket, c.Key}
		if c.Value == nil {
			delete(d.values, at)
			continue
		}
		text, err := json.Marshal(c.Value)
		if err != nil {
			return err
		}
		d.values[at] = string(text)
	}
	return nil
}

func (d *disk) All(bucket string, each func(string, json.RawMessage) error) error {
	d.mu.Lock()
	values := maps.Clone(d.values)
	d.mu.Unlock()
	for _, at := range slices.SortedFunc(maps.Keys(values), func(a, b place) int { return strings.Compare(a.key, b.key) }) {
		if at.bucket == bucket {
			if err := each(at.key, json.RawMessage(values[at])); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries is how many alerts are stored, lost ones included.
func (d *disk) entries() (n int) {
	_ = d.All(bucket, func(key string, _ json.RawMessage) error {
		if key != receiversKey {
			n++
		}
		return nil
	})
	return n
}

// read is how often was written so far, and the value at a place.
func (d *disk) read(at place) (writes int, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes, d.values[at]
}

func (d *disk) setGate(gate chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = gate
}

func (d *disk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// ear is a Receiver that answers what the test says.
type ear struct {
	name   string
	repeat time.Duration

	mu     sync.Mutex // guards what follows
	answer func(ctx context.Context, alerts string) error
	heard  []string // every attempt that succeeded
	times  []time.Time
}

func newEar(name string) *ear { return &ear{name: name} }

func (e *ear) Name() string          { return e.name }
func (e *ear) Repeat() time.Duration { return e.repeat }

// refusal is an error that is final.
type refusal struct{ error }

// busy is an error that says when to come back.
type busy time.Duration

func (busy) Error() string               { return "too many requests" }
func (b busy) RetryAfter() time.Duration { return time.Duration(b) }

func (e *ear) Deliver(ctx context.Context, alerts []status.Alert) (bool, string, error) {
	text := short(alerts)
	e.mu.Lock()
	e.times = append(e.times, time.Now())
	answer := e.answer
	e.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(ctx, text)
	}
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard = append(e.heard, text)
		return false, "ok", nil
	}
	final := errors.As(err, new(refusal))
	return !final, "", err
}

func (e *ear) answers(answer func(ctx context.Context, alerts string) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

func (e *ear) fails(err error) { e.answers(func(context.Context, string) error { return err }) }

// took returns what was heard since it was asked last, an attempt by "|".
func (e *ear) took() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := strings.Join(e.heard, "|")
	e.heard = nil
	return all
}

// attempts returns when attempts were made since it was asked last, from the moment given.
func (e *ear) attempts(from time.Time) (all []time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, at := range e.times {
		all = append(all, at.Sub(from))
	}
	e.times = nil
	return all
}

// short writes alerts as the tests do: A begins, a ends; the letter is the name, the sign the severity: A! critical, A info (A.),
// A warning.
func short(alerts []status.Alert) string {
	var all []string
	for _, a := range alerts {
		name := a.Name
		if a.State == status.AlertResolved {
			name = strings.ToLower(name)
		}
		all = append(all, name+map[string]string{status.SeverityCritical: "!", status.SeverityInfo: "."}[a.Severity])
	}
	return strings.Join(all, " ")
}

// alerts reads what short writes.
func alerts(text string) (all []status.Alert) {
	for word := range strings.FieldsSeq(text) {
		a := status.Alert{Condition: status.Condition{Severity: status.SeverityWarning}, State: status.AlertFiring}
		name := strings.TrimRight(word, ".!")
		switch word[len(name):] {
		case "!":
			a.Severity = status.SeverityCritical
		case ".":
			a.Severity = status.SeverityInfo
		}
		a.Name = strings.ToUpper(name)
		if a.Name != name {
			a.State = status.AlertResolved
		}
		all = append(all, a)
	}
	return all
}

// rig is a running Outbox inside a bubble of testing/synctest: its time passes in pass only.
type rig struct {
	*Outbox
	t    *testing.T
	disk *disk
	end  context.CancelFunc
	done chan error

	mu     sync.Mutex // guards what follows
	firing []status.Alert
	events []status.Event
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, disk: &disk{values: map[place]string{}}}
}

// start runs an Outbox on what the disk holds, after the end of the one before.
func (r *rig) start(o Options, ears ...*ear) {
	r.t.Helper()
	o.Firing = func() []status.Alert { r.mu.Lock(); defer r.mu.Unlock(); return r.firing }
	o.Tell = func(e status.Event) { r.mu.Lock(); defer r.mu.Unlock(); r.events = append(r.events, e) }
	if o.Jitter == nil {
		o.Jitter = func() float64 { return 1 } // the whole pause: 1 s, 2 s, 4 s …
	}
	var err error
	if r.Outbox, err = New(r.disk, receivers(ears), o); err != nil {
		r.t.Fatal(err)
	}
	ctx, end := context.WithCancel(r.t.Context())
	r.end, r.done = end, make(chan error, 1)
	go func(x *Outbox, done chan error) { done <- x.Run(ctx) }(r.Outbox, r.done)
	synctest.Wait()
}

func (r *rig) stop() {
	r.end()
	<-r.done
}

func receivers(ears []*ear) (all []Receiver) {
	for _, e := range ears {
		all = append(all, e)
	}
	return all
}

func (r *rig) put(text string, with ...Change) {
	r.t.Helper()
	if err := r.Put(alerts(text), with...); err != nil {
		r.t.Errorf("Put(%s): %v", text, err)
	}
	synctest.Wait()
}

func (r *rig) fires(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.firing = alerts(text)
}

// told returns the events since it was asked last, without their times.
func (r *rig) told() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.events {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", e.Kind, e.Fields["result"])))
	}
	r.events = nil
	return strings.Join(all, ", ")
}

func (r *rig) delivery(receiver string) status.Delivery {
	r.t.Helper()
	for _, d := range r.Deliveries() {
		if d.Receiver == receiver {
			return d
		}
	}
	r.t.Fatalf("no delivery of %s", receiver)
	return status.Delivery{}
}

func (r *rig) wantCounts(receiver string, queued, delivered, failed, refused, dropped int) {
	r.t.Helper()
	d := r.delivery(receiver)
	got := []int{d.Queued, int(d.Results[resultDelivered]), int(d.Results[resultFailed]), int(d.Results[resultRefused]),
		int(d.Results[resultDropped])}
	if want := []int{queued, delivered, failed, refused, dropped}; !slices.Equal(got, want) {
		r.t.Errorf("%s: queued, delivered, failed, refused, dropped = %v, want %v", receiver, got, want)
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d) // the bubble's time
	synctest.Wait()
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// bubble runs body in a bubble and ends its Outbox.
func bubble(t *testing.T, body func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		body(t, r)
		r.stop()
	})
}
