package loki

import "fmt"

// Where the cursor is stored.
const (
	bucket    = "loki"
	cursorKey = "sent"
)

// cursor says how far Loki has everything.
type cursor struct {
	Sequence uint64 `json:"sequence"`
}

// beganAfresh is a gap that no events were lost in: after a loss, the store goes on with the seconds since 1970, so that its
// sequences jump by more than events can have happened.
const beganAfresh = 1 << 30

// next reads the events that are due, oldest first. Those before them that cannot be sent any more are counted and passed by;
// a batch ends where there are more of those, so that each is counted once.
func (s *Shipper) next(labels map[string]string) (entries []entry, passed bool, err error) {
	if err := s.begin(); err != nil {
		return nil, false, err
	}
	events, err := s.o.Storage.EventsAfter(s.cursor.Sequence, s.batch)
	if err != nil {
		return nil, false, err
	}
	last, bytes := s.cursor.Sequence, 0
	var gone, old uint64
	for _, e := range events {
		gap, aged := e.Sequence-last-1, s.o.Now().Sub(e.Time) > maxAge
		made := entryOf(e, labels)
		bytes += len(made.line)
		if len(entries) > 0 && (gap > 0 || aged || bytes > maxBatchBytes) {
			break
		}
		if gap < beganAfresh {
			gone += gap
		}
		if aged {
			old, bytes = old+1, 0
		} else {
			entries = append(entries, made)
		}
		last = e.Sequence
	}
	if len(entries) > 0 {
		last = entries[0].sequence - 1
	}
	return entries, s.pass(last, gone, old), nil
}

// pass moves the cursor past what is lost, and says whether anything was.
func (s *Shipper) pass(last, gone, old uint64) bool {
	if gone > 0 {
		s.lose(gone, "the list of events is full, and the oldest were dropped before Loki had them", nil)
	}
	if old > 0 {
		s.lose(old, "Loki does not take events that are older than 7 days", nil)
	}
	if gone+old > 0 {
		s.advance(last)
	}
	return gone+old > 0
}

// begin reads the cursor. Without one, Loki is to get all that is kept, and nothing of it is lost yet.
func (s *Shipper) begin() error {
	if s.cursor != nil {
		return nil
	}
	var stored cursor
	found, err := s.o.Storage.Get(bucket, cursorKey, &stored)
	if err != nil {
		s.o.Log.Warn("how far Loki has the events is not known; all that are kept are sent again", "error", err)
	}
	if err != nil || !found {
		first, err := s.o.Storage.EventsAfter(0, 1)
		if err != nil {
			return fmt.Errorf("find the first event: %w", err)
		}
		stored = cursor{}
		if len(first) > 0 {
			stored.Sequence = first[0].Sequence - 1
		}
	}
	s.cursor = &stored
	s.o.Lost(0) // a counter that begins with its first loss hides that loss from increase()
	return nil
}

// advance moves the cursor. If it cannot be stored, a restart sends some events twice.
func (s *Shipper) advance(sequence uint64) {
	s.cursor = &cursor{Sequence: sequence}
	if err := s.o.Storage.Update(Change{Bucket: bucket, Key: cursorKey, Value: s.cursor}); err != nil {
		s.o.Log.Warn("after a restart Loki gets some events twice", "error", err)
	}
}

// forget makes a later target get all that is kept then.
func (s *Shipper) forget() {
	s.cursor, s.outage = nil, outage{}
	if err := s.o.Storage.Update(Change{Bucket: bucket, Key: cursorKey}); err != nil {
		s.o.Log.Warn("how far Loki had the events is not forgotten", "error", err)
	}
}
