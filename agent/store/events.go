package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/nakama-warden/nakama-warden/status"
)

// AppendEvents keeps the events, in one synced transaction, and gives each its Sequence, in place. Sequences ascend
// strictly, also over restarts.
func (s *Store) AppendEvents(events []status.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := s.write(eventsBucket, func(b backend) error { return b.appendEvents(events) }); err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	return nil
}

// Events returns the events that the query selects, oldest first.
func (s *Store) Events(q status.EventQuery) ([]status.Event, error) {
	return s.read(func(b backend) ([]status.Event, error) { return b.events(q) })
}

// EventsAfter returns the oldest events after a sequence, at most limit of them. A gap in their sequences is what the
// bound of the list dropped.
func (s *Store) EventsAfter(sequence uint64, limit int) ([]status.Event, error) {
	return s.read(func(b backend) ([]status.Event, error) { return b.eventsAfter(sequence, limit) })
}

func (s *Store) read(op func(backend) ([]status.Event, error)) (found []status.Event, err error) {
	err = s.do(func(b backend) (err error) {
		found, err = op(b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return found, nil
}

// filled is how full bbolt makes the pages of events: they only grow at their end, and a half that is left empty for what
// comes between would stay empty.
const filled = 0.95

func (d *disk) appendEvents(events []status.Event) error {
	numbered, kept := slices.Clone(events), d.kept
	err := d.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(eventsBucket))
		b.FillPercent = filled
		for i := range numbered {
			sequence, err := b.NextSequence()
			if err != nil {
				return err
			}
			numbered[i].Sequence = sequence
			text, err := json.Marshal(numbered[i])
			if err != nil {
				return err
			}
			key := eventKey(sequence)
			if err := b.Put(key, text); err != nil {
				return err
			}
			kept += sizeOf(key, text)
		}
		var err error
		kept, err = d.dropOldest(b, kept)
		return err
	})
	if err == nil {
		copy(events, numbered)
		d.kept = kept
	}
	return err
}

// dropOldest keeps the bucket, which has so many bytes, at its bound, and returns how many are left. Sequences have no
// gaps, so the first one kept follows from the last.
func (d *disk) dropOldest(b *bbolt.Bucket, bytes int64) (int64, error) {
	last := b.Sequence()
	c := b.Cursor()
	for key, text := c.First(); key != nil && d.bound.exceeded(sequenceOf(key), last, bytes); key, text = c.First() {
		bytes -= sizeOf(key, text)
		if err := c.Delete(); err != nil {
			return 0, err
		}
	}
	return bytes, nil
}

func (d *disk) events(q status.EventQuery) (found []status.Event, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(eventsBucket)).Cursor()
		for key, text := c.Last(); key != nil && sequenceOf(key) > q.After; key, text = c.Prev() {
			if q.Limit > 0 && len(found) == q.Limit {
				break
			}
			var e status.Event
			// One event that no longer fits must not hide the others.
			if json.Unmarshal(text, &e) == nil && selects(q, e) {
				found = append(found, e)
			}
		}
		return nil
	})
	slices.Reverse(found)
	return found, err
}

func (d *disk) eventsAfter(sequence uint64, limit int) (found []status.Event, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(eventsBucket)).Cursor()
		for key, text := c.Seek(eventKey(sequence + 1)); key != nil && len(found) < limit; key, text = c.Next() {
			var e status.Event
			if json.Unmarshal(text, &e) == nil {
				found = append(found, e)
			}
		}
		return nil
	})
	return found, err
}

func (m *memory) appendEvents(events []status.Event) error {
	for i := range events {
		m.last++
		events[i].Sequence = m.last
	}
	m.list = append(m.list, events...)
	if over := len(m.list) - m.limit; over > 0 {
		m.list = slices.Delete(m.list, 0, over)
	}
	return nil
}

func (m *memory) events(q status.EventQuery) ([]status.Event, error) {
	var found []status.Event
	for _, e := range slices.Backward(m.list) {
		if q.Limit > 0 && len(found) == q.Limit {
			break
		}
		if selects(q, e) {
			found = append(found, e)
		}
	}
	slices.Reverse(found)
	return found, nil
}

func (m *memory) eventsAfter(sequence uint64, limit int) ([]status.Event, error) {
	var found []status.Event
	for _, e := range m.list {
		if len(found) == limit {
			break
		}
		if e.Sequence > sequence {
			found = append(found, e)
		}
	}
	return found, nil
}

// selects says whether a query asks for an event. Times do not ascend with sequences: each event tells its own.
func selects(q status.EventQuery, e status.Event) bool {
	return e.Sequence > q.After && !e.Time.Before(q.Since) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind))
}

func eventKey(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, sequence) }

// sequenceOf is 0, and so the oldest, for a key that is none of ours.
func sequenceOf(key []byte) uint64 {
	if len(key) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}
