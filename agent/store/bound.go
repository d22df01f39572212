package store

import (
	"cmp"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"
)

const (
	// DefaultEventLimit is how many events are kept unless KeepEvents or Options say otherwise.
	DefaultEventLimit = 10000
	// DefaultEventBytes bounds what the events take as JSON, whatever their number. The file is a few percent larger.
	DefaultEventBytes = 64 << 20
)

const limitKey = "event-limit"

// bound is how much of the list of events is kept.
type bound struct {
	events int // 0: what the file says
	bytes  int64
}

func (o Options) bound() bound {
	return bound{events: max(0, o.EventLimit), bytes: cmp.Or(max(0, o.EventBytes), DefaultEventBytes)}
}

// inMemory is the number of events without a file: a host's memory is not to pay for a broken disk.
func (b bound) inMemory() int { return cmp.Or(b.events, DefaultEventLimit) }

// exceeded says that the event with the first sequence must go, so that the list up to last, of that many bytes, fits.
func (b bound) exceeded(first, last uint64, bytes int64) bool {
	return first+uint64(b.events) <= last || bytes > b.bytes
}

// KeepEvents changes how many events are kept, from the next one on. The file remembers it: a command that writes while no
// daemon runs must not drop what the daemon keeps.
func (s *Store) KeepEvents(limit int) error {
	if limit < 1 {
		return fmt.Errorf("keep %d events: want 1 or more", limit)
	}
	if err := s.write(markBucket, func(b backend) error { return b.keepEvents(limit) }); err != nil {
		return fmt.Errorf("keep %d events: %w", limit, err)
	}
	return nil
}

func (d *disk) keepEvents(limit int) error {
	if d.bound.events == limit {
		return nil
	}
	err := d.update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(markBucket)).Put([]byte(limitKey), []byte(strconv.Itoa(limit)))
	})
	if err == nil {
		d.bound.events = limit
	}
	return err
}

// keepEvents of a memory does not make it larger than it was to be.
func (m *memory) keepEvents(limit int) error {
	m.limit = min(limit, DefaultEventLimit)
	return nil
}

// measure reads the bound that the file remembers and how far it is used.
func (d *disk) measure() error {
	return d.view(func(tx *bbolt.Tx) error {
		if mark := tx.Bucket([]byte(markBucket)); mark != nil && d.bound.events == 0 {
			if limit, err := strconv.Atoi(string(mark.Get([]byte(limitKey)))); err == nil && limit > 0 {
				d.bound.events = limit
			}
		}
		d.bound.events = cmp.Or(d.bound.events, DefaultEventLimit)
		events := tx.Bucket([]byte(eventsBucket))
		if events == nil {
			return nil
		}
		return events.ForEach(func(key, text []byte) error {
			d.kept += sizeOf(key, text)
			return nil
		})
	})
}

func sizeOf(key, text []byte) int64 { return int64(len(key) + len(text)) }
