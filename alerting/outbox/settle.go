package outbox

import (
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// size is how many alerts may go in the next attempt.
func (l *lane) size() int {
	if l.alone > 0 {
		return 1
	}
	return batched
}

// take takes what the next attempt carries of what waits.
func (l *lane) take() []*entry {
	if l.failures > 0 {
		return l.queue.probe(l.failures - 1)
	}
	return l.queue.batch(l.size())
}

// settle draws the consequences of an attempt.
func (l *lane) settle(p parcel, got answer, o Options) []status.Event {
	if l.alone > 0 {
		l.alone--
	}
	switch {
	case got.ok:
		l.queue.delivered(p.entries)
		l.repeated(p)
		return l.succeeded(len(p.alerts))
	case got.retry:
		l.repeating = nil
		return l.failed(got, o)
	case len(p.alerts) > 1:
		// One of them is refused, and nobody knows which.
		l.results[resultFailed]++
		l.alone = len(p.alerts)
		return nil
	}
	return l.refuse(p, got)
}

// refuse gives up the only alert of a parcel.
func (l *lane) refuse(p parcel, got answer) []status.Event {
	events := l.refused(p.alerts[0], got)
	if len(p.entries) == 0 {
		l.advance(1)
		return events
	}
	return append(events, l.dropped(l.queue.lose(p.entries[0])-1)...)
}

// repeated notes that a part of the repeat was delivered.
func (l *lane) repeated(p parcel) {
	if len(p.entries) > 0 {
		return
	}
	for _, a := range p.alerts {
		l.queue.repeated(a.Key())
	}
	l.advance(len(p.alerts))
}

// advance goes on with the repeat, if it still runs, and plans the next one after its end.
func (l *lane) advance(alerts int) {
	if len(l.repeating) == 0 {
		return
	}
	if l.repeating = l.repeating[alerts:]; len(l.repeating) == 0 {
		l.planRepeat(time.Now())
	}
}
