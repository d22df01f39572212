package store

import (
	"maps"

	"github.com/nakama-warden/nakama-warden/status"
)

// memory keeps things until the process ends.
type memory struct {
	values map[string]map[string][]byte
	list   []status.Event
	last   uint64 // the sequence given last
	limit  int
}

func newMemory(limit int) *memory {
	return &memory{values: map[string]map[string][]byte{}, limit: limit}
}

// startAt makes sequences go on after this one, if they are not ahead of it.
func (m *memory) startAt(last uint64) { m.last = max(m.last, last) }

func (m *memory) put(bucket string, values map[string][]byte) error {
	if m.values[bucket] == nil {
		m.values[bucket] = map[string][]byte{}
	}
	maps.Copy(m.values[bucket], values)
	return nil
}

func (m *memory) get(bucket, key string) ([]byte, error) { return m.values[bucket][key], nil }

func (m *memory) close() error { return nil }
