package outbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Replace makes these the receivers. What waits for one of the same name waits on, and is tried at once. One that was not
// served before is told what fires; what waits for one that is gone is dropped, which is told as an event.
func (o *Outbox) Replace(receivers []Receiver) error {
	if err := distinct(receivers); err != nil {
		return err
	}
	firing := o.options.Firing()
	var fresh []*entry
	var events []status.Event
	o.mu.Lock()
	before := o.lanes
	o.lanes = nil
	for _, r := range receivers {
		l := named(before, r.Name())
		if l == nil {
			l = newLane(r.Name(), &o.ledger, o.options)
			entries, dropped := l.queue.put(firing, o.options.Limit)
			fresh = append(fresh, entries...)
			events = append(events, l.dropped(dropped)...)
		}
		l.serve(r, time.Now())
		o.lanes = append(o.lanes, l)
	}
	for _, l := range before {
		if !slices.Contains(o.lanes, l) {
			events = append(events, l.close()...)
		}
	}
	o.ledger.owe(Change{bucket, receiversKey, names(o.lanes)})
	o.mu.Unlock()
	signal(o.changed)

	err := o.flush()
	o.release(fresh)
	o.tell(events)
	if err != nil {
		return fmt.Errorf("store the receivers' names: %w", err)
	}
	return nil
}

// close forgets all that waits.
func (l *lane) close() []status.Event {
	waiting := len(l.queue.waiting)
	for _, e := range slices.Clone(l.queue.waiting) {
		l.queue.remove(e)
	}
	for key := range l.queue.unheard {
		l.queue.listen(key)
	}
	if waiting == 0 {
		return nil
	}
	l.results[resultDropped] += uint64(waiting)
	summary := fmt.Sprintf("%s is a receiver no more: %s dropped", l.name, amount(waiting, "alert that waited for it is", "alerts that waited for it are"))
	return []status.Event{l.event(status.KindDeliveryFailed, summary,
		map[string]string{"result": resultDropped, "alerts": strconv.Itoa(waiting)})}
}

// load makes the lanes that were served last, with what waits in them. They have no receivers yet.
func (o *Outbox) load() {
	var served []string
	broken := 0
	err := o.storage.All(bucket, func(key string, value json.RawMessage) error {
		sound := false
		if key == receiversKey {
			sound = json.Unmarshal(value, &served) == nil
		} else {
			sound = o.restore(key, value)
		}
		if !sound {
			broken++
			o.ledger.owe(Change{bucket, key, nil})
		}
		return nil
	})
	for _, name := range served {
		o.lane(name)
	}
	o.ledger.handed = o.ledger.sequence
	firing := o.options.Firing()
	for _, l := range o.lanes {
		l.queue.presume(firing)
		o.tell(l.dropped(l.queue.shrink(o.options.Limit)))
	}
	o.tellLoss(broken, err)
}

// restore takes an entry out of the storage, and reports whether it is one.
func (o *Outbox) restore(key string, value json.RawMessage) bool {
	var r record
	sequence, err := strconv.ParseUint(key, 16, 64)
	if err != nil || keyOf(sequence) != key || json.Unmarshal(value, &r) != nil || r.Receiver == "" {
		return false
	}
	o.ledger.sequence = max(o.ledger.sequence, sequence)
	e := &entry{receiver: r.Receiver, sequence: sequence, key: r.Alert.Key(), alert: r.Alert, tried: true}
	q := &o.lane(r.Receiver).queue
	if r.Lost {
		q.unheard[e.key] = e
	} else {
		q.waiting = append(q.waiting, e)
	}
	return true
}

// presume takes what fires for heard, unless it is known better.
func (q *queue) presume(firing []status.Alert) {
	for _, a := range firing {
		key := a.Key()
		if first := q.nextOf(key, 0); q.unheard[key] == nil && (first == nil || first.ends()) {
			q.heard[key] = true
		}
	}
}

func (o *Outbox) tellLoss(broken int, err error) {
	if broken == 0 && err == nil {
		return
	}
	summary := amount(broken, "stored alert cannot be read, nobody will hear of it", "stored alerts cannot be read, nobody will hear of them")
	if err != nil {
		summary = fmt.Sprintf("what waits for the receivers cannot be read, nobody will hear of it: %v", err)
	}
	o.tell([]status.Event{{Kind: status.KindDeliveryFailed, Summary: summary, Fields: map[string]string{"result": resultDropped}}})
}

// lane returns the lane of that name, made if there is none.
func (o *Outbox) lane(name string) *lane {
	l := named(o.lanes, name)
	if l == nil {
		l = newLane(name, &o.ledger, o.options)
		o.lanes = append(o.lanes, l)
	}
	return l
}

func named(lanes []*lane, name string) *lane {
	if i := slices.IndexFunc(lanes, func(l *lane) bool { return l.name == name }); i >= 0 {
		return lanes[i]
	}
	return nil
}

func names(lanes []*lane) []string {
	all := []string{}
	for _, l := range lanes {
		all = append(all, l.name)
	}
	return all
}
