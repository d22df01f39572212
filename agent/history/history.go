// Package history remembers what was measured of each unit: every 10 s for a day, every 5 min for 30 days.
//
// The one idea: time is cut into chunks, an hour of fine steps or a day of coarse ones, and the chunks lie in rings. A
// chunk's place follows from its time, so a new one takes the place of the one that is too old to be kept: memory and disk
// are bounded by construction, whatever the clock does. Only the chunk that is being filled is plain; the others are
// encoded (differences, runs, a checksum), a few bytes a step. The store has a copy of each under the key of its place; a
// crash loses what was measured since the last Store.
package history

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Storage is the store: values by bucket and key. PutAll keeps all of them, or none.
type Storage interface {
	Get(bucket, key string, into any) (found bool, err error)
	PutAll(bucket string, values map[string]any) error
}

// bucket is where the chunks are stored.
const bucket = "history"

// StoreEvery is how often Store should be called: what a crash may lose, against writes to the disk.
const StoreEvery = 5 * time.Minute

// History is safe for concurrent use.
type History struct {
	storage Storage
	log     *slog.Logger
	now     func() time.Time

	mu    sync.Mutex // guards what follows
	rings []*ring    // the finest first
}

// New goes on with what is stored. What of it cannot be read is left out, and said in the log.
func New(storage Storage, log *slog.Logger, now func() time.Time) *History {
	h := &History{storage: storage, log: log, now: now}
	for _, g := range grains() {
		r := newRing(g)
		h.restore(r)
		h.rings = append(h.rings, r)
	}
	return h
}

func (h *History) restore(r *ring) {
	for place := range r.kept {
		var data []byte
		found, err := h.storage.Get(bucket, r.key(place), &data)
		if found && err == nil {
			err = r.restore(place, data)
		}
		if err != nil {
			h.log.Warn("a part of the history is left out", "key", r.key(place), "error", err)
		}
	}
}

// Observe takes in a sample.
func (h *History) Observe(s status.Sample) {
	at := s.Time.Unix()
	if at < 0 || at > latest {
		return // no clock that is merely wrong says so
	}
	all := make([]measurement, 0, len(s.Units))
	for _, u := range s.Units {
		all = append(all, measure(u))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rings {
		if !r.observe(at, all) {
			h.log.Warn("the history has no place for so many units: the later ones are left out until the next chunk",
				"most", mostUnits, "chunk", r.span())
		}
	}
}

// Store writes what has changed since it was last stored, in one transaction. After an error, the next Store writes it too.
func (h *History) Store() error {
	values := map[string]any{}
	var taken [][]int
	h.mu.Lock()
	for _, r := range h.rings {
		places := r.takeChanged()
		for _, place := range places {
			values[r.key(place)] = r.encoded(place)
		}
		taken = append(taken, places)
	}
	h.mu.Unlock()
	if len(values) == 0 {
		return nil
	}
	err := h.storage.PutAll(bucket, values)
	if err == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, r := range h.rings {
		r.markChanged(taken[i])
	}
	return fmt.Errorf("store history: %w", err)
}
