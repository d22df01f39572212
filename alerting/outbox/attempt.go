package outbox

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nakama-warden/nakama-warden/status"
)

// longestAnswer bounds what is kept of an answer, in bytes.
const longestAnswer = 500

// answer is what an attempt to deliver came to.
type answer struct {
	ok    bool
	retry bool
	text  string
	later time.Duration // how long the receiver asks to be left alone
}

// attempt delivers the alerts within the deadline. When the context ends, an attempt that runs has the grace to be answered.
func (o *Outbox) attempt(ctx context.Context, r Receiver, alerts []status.Alert) answer {
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.options.Deadline)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(o.options.Grace, cancel) })
	defer stop()

	retry, text, err := r.Deliver(trying, alerts)
	a := answer{ok: err == nil, retry: retry, text: text}
	if err != nil && text == "" {
		a.text = err.Error()
	}
	a.text = shorten(a.text)
	var busy interface{ RetryAfter() time.Duration }
	if errors.As(err, &busy) {
		a.later = busy.RetryAfter()
	}
	return a
}

// Test sends the alert through every receiver at once, past what waits, and stores nothing. A receiver that takes it is no longer
// taken to fail: after a final refusal nothing else may be tried for hours.
func (o *Outbox) Test(ctx context.Context, a status.Alert) []status.ReceiverTest {
	a.Test = true
	receivers := o.receivers()
	tests := make([]status.ReceiverTest, len(receivers))
	var all sync.WaitGroup
	for i, r := range receivers {
		all.Go(func() {
			begun := time.Now()
			got := o.attempt(ctx, r, []status.Alert{a})
			tests[i] = status.ReceiverTest{Receiver: r.Name(), OK: got.ok, Answer: got.text, Took: time.Since(begun)}
			if got.ok {
				o.mended(r.Name(), begun)
			}
		})
	}
	all.Wait()
	return tests
}

// mended takes in that a receiver took a test that began then: what failed before is tried at once.
func (o *Outbox) mended(receiver string, begun time.Time) {
	o.mu.Lock()
	var events []status.Event
	if l := named(o.lanes, receiver); l != nil && !l.failing.IsZero() && !l.failing.After(begun) {
		events = l.works()
		signal(l.wake)
	}
	o.mu.Unlock()
	o.tell(events)
}

func (o *Outbox) receivers() (all []Receiver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lanes {
		all = append(all, l.receiver)
	}
	return all
}

// shorten keeps the beginning of a text, as valid UTF-8.
func shorten(text string) string {
	if len(text) > longestAnswer {
		end := longestAnswer
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
