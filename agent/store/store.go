// Package store keeps what must outlive the daemon: small JSON values by bucket and key, and a bounded list of events. It is
// the only writer to the disk.
//
// The one idea: the store always works. A file that is corrupt or another program's is set aside and a fresh one made;
// where nothing can be written, the store works in memory over what the file still tells. Both are told by Problem, and
// neither keeps a host from being guarded. The file is a bbolt database whose every page is checked before bbolt maps it.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// ErrLocked says that another process holds the file.
var ErrLocked = errors.New("locked by another process (stop that nakama-warden, or give this one another --state directory)")

// Options are the choices of Open; the zero value is a daemon's.
type Options struct {
	Now        func() time.Time // time.Now if nil
	EventLimit int              // what KeepEvents said if 0; the oldest events go first
	EventBytes int64            // DefaultEventBytes if 0
	ReadOnly   bool             // take a snapshot of the file and let go of it; nothing is written
}

// Store is safe for concurrent use.
type Store struct {
	path     string
	now      func() time.Time
	bound    bound
	readOnly bool

	// mu guards what follows. It is held during an operation, so that nothing waits on a database that broke under another.
	mu       sync.Mutex
	backend  backend
	standing string            // a problem that lasts until the next Open
	failing  map[string]string // why the last write failed, by bucket: a small value may fit where a large one does not
}

// backend is where things are kept: a bbolt file, or memory.
type backend interface {
	get(bucket, key string) ([]byte, error) // nil: not found
	apply([]change) error                   // all of them, or none
	all(bucket string) ([]change, error)    // in the order of the keys
	appendEvents([]status.Event) error      // sets each Sequence
	events(status.EventQuery) ([]status.Event, error)
	eventsAfter(sequence uint64, limit int) ([]status.Event, error) // oldest first
	keepEvents(limit int) error
	close() error
}

// Open opens or makes the file at path, 0600, and its directory, 0700. The only error is ErrLocked.
func Open(path string, o Options) (*Store, error) {
	s := &Store{path: path, now: o.Now, bound: o.bound(), readOnly: o.ReadOnly, failing: map[string]string{}}
	if s.now == nil {
		s.now = time.Now
	}
	open := s.openFile
	if s.readOnly {
		open = s.openSnapshot
	}
	if err := open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

// Problem says in a sentence what keeps the store from being what it should be; empty if nothing does.
func (s *Store) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := slices.Sorted(maps.Values(s.failing))
	if s.standing != "" {
		parts = slices.Insert(parts, 0, s.standing)
	}
	return strings.Join(slices.Compact(parts), "; ")
}

// Close lets go of the file. The store must not be used afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.backend.close(); err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// Put keeps the value, as JSON, in one synced transaction.
func (s *Store) Put(bucket, key string, value any) error {
	if err := s.put(bucket, map[string]any{key: value}); err != nil {
		return fmt.Errorf("put %s/%s: %w", bucket, key, err)
	}
	return nil
}

// PutAll keeps the values by their keys, each as JSON, all in one synced transaction, or none.
func (s *Store) PutAll(bucket string, values map[string]any) error {
	if err := s.put(bucket, values); err != nil {
		return fmt.Errorf("put %d values into %s: %w", len(values), bucket, err)
	}
	return nil
}

func (s *Store) put(bucket string, values map[string]any) error {
	if err := checkName(bucket); err != nil {
		return err
	}
	changes := make([]change, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, err := json.Marshal(values[key])
		if err != nil {
			return err
		}
		changes = append(changes, change{bucket: bucket, key: key, value: text})
	}
	return s.write(bucket, func(b backend) error { return b.apply(changes) })
}

// Get fills into with the value. A value that does not fit into it counts as not found, with an error that says so; what
// is in into is then undefined.
func (s *Store) Get(bucket, key string, into any) (found bool, err error) {
	if err := checkName(bucket); err != nil {
		return false, fmt.Errorf("get %s/%s: %w", bucket, key, err)
	}
	var text []byte
	err = s.do(func(b backend) (err error) {
		text, err = b.get(bucket, key)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("get %s/%s: %w", bucket, key, err)
	}
	if text == nil {
		return false, nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("get %s/%s: the stored value does not fit: %w", bucket, key, err)
	}
	return true, nil
}

// write is do for what changes a bucket; its last outcome is part of Problem.
func (s *Store) write(bucket string, op func(backend) error) error {
	if s.readOnly {
		return errors.New("the store was opened for reading only")
	}
	err := s.do(op)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failing, bucket)
	if err != nil {
		s.failing[bucket] = s.naming(err)
	}
	return err
}

// naming says with the file what failed. What the system refuses names it already.
func (s *Store) naming(err error) string {
	if refused := (*fs.PathError)(nil); errors.As(err, &refused) {
		return err.Error()
	}
	return fmt.Sprintf("write %s: %v", s.path, err)
}

// do runs one operation. A database that broke under it is never touched again: whoever panicked may hold its locks.
func (s *Store) do(op func(backend) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := op(s.backend)
	if !errors.Is(err, errBroken) {
		return err
	}
	if closeErr := s.backend.close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	s.workInMemory(s.newMemory(), err)
	return err
}

// workInMemory is for what cannot be kept on disk until the next Open.
func (s *Store) workInMemory(m *memory, why error) {
	// Numbers that whoever follows the events has not seen yet: the file's may be out of reach.
	m.startAt(s.sequenceAfterLoss())
	s.backend = m
	s.standing = fmt.Sprintf("%s is kept in memory only, until the next start: %v", s.path, why)
}

func (s *Store) newMemory() *memory { return newMemory(s.bound.inMemory()) }

// sequenceAfterLoss is where sequences go on when the last one is not known: with fewer than one event a second over the
// years, seconds since 1970 are always ahead.
func (s *Store) sequenceAfterLoss() uint64 { return uint64(max(0, s.now().Unix())) }

// checkName keeps values out of the buckets that the store has for itself.
func checkName(bucket string) error {
	if bucket == "" || bucket == eventsBucket || bucket == markBucket {
		return fmt.Errorf("%q cannot be the name of a bucket of values", bucket)
	}
	return nil
}
