package outbox

import (
	"slices"

	"github.com/nakama-warden/nakama-warden/status"
)

// entry is one alert that waits for one receiver.
type entry struct {
	receiver string
	sequence uint64 // ascends in the order of Put
	key      string // of the alert
	alert    status.Alert
	unsynced bool // the transaction that stores it has not ended: a crash now would lose it
	flying   bool // an attempt to deliver it runs
	tried    bool // the receiver may have it: an attempt may succeed and its answer be lost
}

// ends tells whether it is the end of an alert; else it is its beginning, or another word of one that fires.
func (e *entry) ends() bool { return e.alert.State == status.AlertResolved }

// queue is what waits for one receiver, oldest first, and what is known of what it has heard.
type queue struct {
	receiver string
	ledger   *ledger
	waiting  []*entry
	heard    map[string]bool   // keys of the alerts that it knows to fire
	unheard  map[string]*entry // keys of the alerts that fire and whose beginning it will never hear: nor will it of their end
}

func newQueue(receiver string, l *ledger) queue {
	return queue{receiver: receiver, ledger: l, heard: map[string]bool{}, unheard: map[string]*entry{}}
}

// put adds the alerts and makes room. The entries it returns are to be delivered once they are synced.
func (q *queue) put(alerts []status.Alert, limit int) (fresh []*entry, dropped int) {
	for _, a := range alerts {
		if e := q.add(a); e != nil {
			fresh = append(fresh, e)
		} else {
			dropped++
		}
	}
	return fresh, dropped + q.shrink(limit)
}

// add returns nil for the end of an alert whose beginning was lost.
func (q *queue) add(a status.Alert) *entry {
	key := a.Key()
	if q.unheard[key] != nil {
		q.listen(key)
		if a.State == status.AlertResolved && !q.knows(key, len(q.waiting)) {
			return nil
		}
	}
	if last := q.lastOf(key, len(q.waiting)); last != nil && last.alert.State == a.State && !last.flying {
		last.alert, last.unsynced = a, true // a later word of the same, at the place of the earlier one
		q.ledger.keep(last)
		return last
	}
	e := &entry{receiver: q.receiver, sequence: q.ledger.next(), key: key, alert: a, unsynced: true}
	q.waiting = append(q.waiting, e)
	q.ledger.keep(e)
	return e
}

// batch takes the oldest entries for an attempt: up to n, no two of one key. A receiver may fold those of one Deliver into
// one message, where the end of an alert would hide its beginning.
func (q *queue) batch(n int) []*entry {
	heads := q.heads()
	return fly(heads[:min(n, len(heads))])
}

// probe takes one entry for an attempt, a different key's each turn: so an alert that the receiver stumbles over does not
// hold up the others for ever.
func (q *queue) probe(turn int) []*entry {
	heads := q.heads()
	if len(heads) == 0 {
		return nil
	}
	return fly(heads[turn%len(heads):][:1])
}

// heads are the oldest entries of each key, as far as they are synced.
func (q *queue) heads() (heads []*entry) {
	seen := map[string]bool{}
	for _, e := range q.waiting {
		if e.unsynced {
			break
		}
		if !seen[e.key] {
			seen[e.key] = true
			heads = append(heads, e)
		}
	}
	return heads
}

func fly(entries []*entry) []*entry {
	for _, e := range entries {
		e.flying, e.tried = true, true
	}
	return entries
}

// land ends an attempt that brought nothing.
func (q *queue) land(entries []*entry) {
	for _, e := range entries {
		e.flying = false
	}
}

// delivered ends an attempt that succeeded.
func (q *queue) delivered(entries []*entry) {
	for _, e := range entries {
		q.remove(e)
		if e.ends() {
			delete(q.heard, e.key)
		} else {
			q.heard[e.key] = true // what was lost of the same key came later
		}
	}
}

// repeated notes that the receiver was told again of an alert that fires.
func (q *queue) repeated(key string) {
	q.heard[key] = true
	q.listen(key)
}

// listen forgets that the beginning of an alert was lost.
func (q *queue) listen(key string) {
	if lost := q.unheard[key]; lost != nil {
		q.ledger.forget(lost)
		delete(q.unheard, key)
	}
}

// lose gives up an entry, and with a beginning that the receiver has not heard of also its end, be it waiting or yet to
// come. It returns how many entries went.
func (q *queue) lose(e *entry) int {
	at := slices.Index(q.waiting, e)
	known, next := q.knows(e.key, at), q.nextOf(e.key, at+1)
	q.remove(e)
	switch {
	case e.ends():
		delete(q.heard, e.key)
	case known:
	case next == nil:
		q.mute(e)
	case next.ends():
		q.remove(next)
		return 2
	}
	return 1
}

// mute remembers, also on disk, that the beginning of an alert was lost.
func (q *queue) mute(e *entry) {
	q.listen(e.key)
	name := status.Condition{Name: e.alert.Name, Subject: e.alert.Subject}
	lost := &entry{receiver: q.receiver, sequence: e.sequence, key: e.key, alert: status.Alert{Condition: name}}
	q.unheard[e.key] = lost
	q.ledger.keepLost(lost)
}

func (q *queue) remove(e *entry) {
	q.waiting = slices.DeleteFunc(q.waiting, func(other *entry) bool { return other == e })
	q.ledger.forget(e)
}

// knows tells whether the receiver takes the alert for firing once it has heard all that waits before the place.
func (q *queue) knows(key string, place int) bool {
	if last := q.lastOf(key, place); last != nil {
		return !last.ends()
	}
	return q.heard[key]
}

func (q *queue) lastOf(key string, before int) *entry {
	for _, e := range slices.Backward(q.waiting[:before]) {
		if e.key == key {
			return e
		}
	}
	return nil
}

func (q *queue) nextOf(key string, from int) *entry {
	for _, e := range q.waiting[from:] {
		if e.key == key {
			return e
		}
	}
	return nil
}
