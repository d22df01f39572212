package outbox

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nakama-warden/nakama-warden/status"
)

// The results by which deliveries are counted.
const (
	resultDelivered = "delivered"
	resultFailed    = "failed"
	resultRefused   = "refused"
	resultDropped   = "dropped"
)

// lane is the way to one receiver. The lock of the Outbox guards it.
type lane struct {
	name     string
	receiver Receiver
	queue    queue
	wake     chan struct{} // something is to be done earlier than was thought; holds one

	pause     *backoff.ExponentialBackOff
	failures  int       // in a row
	notBefore time.Time // the next attempt
	alone     int       // how many attempts carry one alert only: a batch was refused

	repeatAt  time.Time      // the next repeat; zero: never
	repeating []status.Alert // what is left of the repeat that runs

	results map[string]uint64
	success time.Time // the last
	failing time.Time // since; zero if the last answer was a success
	problem string
}

func newLane(name string, l *ledger, o Options) *lane {
	// The library's own jitter comes from a source that a test cannot hold: see wait.
	pause := &backoff.ExponentialBackOff{InitialInterval: o.First, Multiplier: 2, MaxInterval: o.Longest}
	return &lane{name: name, queue: newQueue(name, l), wake: make(chan struct{}, 1), pause: pause,
		results: map[string]uint64{resultDelivered: 0, resultFailed: 0, resultRefused: 0, resultDropped: 0}}
}

func (l *lane) delivery() status.Delivery {
	return status.Delivery{Receiver: l.name, Queued: len(l.queue.waiting), Results: maps.Clone(l.results),
		LastSuccess: l.success, FailingFrom: l.failing, Problem: l.problem}
}

// serve gives the lane its receiver, perhaps mended: it is tried at once.
func (l *lane) serve(r Receiver, now time.Time) {
	l.receiver, l.repeating = r, nil
	l.planRepeat(now)
	l.resume()
	signal(l.wake)
}

func (l *lane) planRepeat(now time.Time) {
	l.repeatAt = time.Time{}
	if every := l.receiver.Repeat(); every > 0 {
		l.repeatAt = now.Add(every)
	}
}

// resume ends the waiting for a receiver that failed.
func (l *lane) resume() {
	l.pause.Reset()
	l.failures, l.notBefore = 0, time.Time{}
}

func (l *lane) succeeded(alerts int) []status.Event {
	l.results[resultDelivered] += uint64(alerts)
	return l.works()
}

// works notes that the receiver took something, be it a test.
func (l *lane) works() []status.Event {
	now, since := time.Now(), l.failing
	l.success, l.failing, l.problem = now, time.Time{}, ""
	l.resume()
	if since.IsZero() {
		return nil
	}
	summary := fmt.Sprintf("%s takes alerts again, after %s", l.name, now.Sub(since).Round(time.Second))
	return []status.Event{l.event(status.KindDeliveryBack, summary, nil)}
}

// failed notes an attempt that is to be made again, and when.
func (l *lane) failed(r answer, o Options) []status.Event {
	l.results[resultFailed]++
	l.failures++
	l.notBefore = time.Now().Add(max(wait(l.pause.NextBackOff(), o.Jitter()), min(r.later, o.Longest)))
	first := l.failing.IsZero()
	l.fails(r)
	if !first {
		return nil
	}
	summary := fmt.Sprintf("%s does not take alerts, they wait: %s", l.name, r.text)
	return []status.Event{l.event(status.KindDeliveryFailed, summary, map[string]string{"result": resultFailed, "answer": r.text})}
}

// refused notes that the receiver will not have one alert.
func (l *lane) refused(a status.Alert, r answer) []status.Event {
	l.results[resultRefused]++
	l.fails(r)
	summary := fmt.Sprintf("%s refuses %s %s, it is not tried again: %s", l.name, a.State, a.Key(), r.text)
	return []status.Event{l.event(status.KindDeliveryFailed, summary,
		map[string]string{"result": resultRefused, "answer": r.text, "alert": a.Key()})}
}

// dropped notes that alerts went for want of room, or because their beginning did.
func (l *lane) dropped(alerts int) []status.Event {
	if alerts == 0 {
		return nil
	}
	l.results[resultDropped] += uint64(alerts)
	summary := fmt.Sprintf("%s will not hear of %s dropped, %s", l.name,
		amount(alerts, "alert: it was", "alerts: they were"), amount(len(l.queue.waiting), "waits", "wait"))
	return []status.Event{l.event(status.KindDeliveryFailed, summary,
		map[string]string{"result": resultDropped, "alerts": strconv.Itoa(alerts)})}
}

func (l *lane) fails(r answer) {
	l.problem = r.text
	if l.failing.IsZero() {
		l.failing = time.Now()
	}
}

func (l *lane) event(kind, summary string, fields map[string]string) status.Event {
	e := status.Event{Kind: kind, Summary: summary, Fields: map[string]string{"receiver": l.name}}
	maps.Copy(e.Fields, fields)
	return e
}

// amount is a number and its word.
func amount(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

// wait spreads a pause over its second half, so that agents that failed together do not come back together.
func wait(pause time.Duration, jitter float64) time.Duration {
	return pause/2 + time.Duration(jitter*float64(pause/2))
}
