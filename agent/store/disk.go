package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

const (
	eventsBucket = "events"
	markBucket   = "nakama-warden" // says whose file it is
	formatKey    = "format"
	openedKey    = "opened"
	format       = "1"
)

// errBroken says that bbolt panicked or that a page of the file could not be read.
var errBroken = errors.New("the database broke")

// disk is a bbolt file. Its methods return errBroken at most once: after that only close may be called.
type disk struct {
	file   *os.File
	db     *bbolt.DB
	bound  bound
	kept   int64 // bytes of events
	broken bool
}

// mapFile checks the locked file and hands it to bbolt. It closes the file if it fails.
func mapFile(f *os.File, readOnly bool, b bound) (*disk, error) {
	d := &disk{file: f, bound: b}
	if err := d.open(readOnly); err != nil {
		d.broken = true // only the file is left to close
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *disk) open(readOnly bool) error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 && readOnly {
		return errors.New("the file is empty")
	}
	if info.Size() > 0 {
		if err := verify(d.file, info.Size()); err != nil {
			return err
		}
	}
	err = d.guard(func() (err error) {
		d.db, err = bbolt.Open(d.file.Name(), 0o600, &bbolt.Options{
			ReadOnly: readOnly, PreLoadFreelist: !readOnly, Timeout: lockWait,
			// The file that is locked and verified, not what may be at its path by now.
			OpenFile: func(string, int, os.FileMode) (*os.File, error) { return d.file, nil },
		})
		return err
	})
	if err != nil {
		return err
	}
	return d.measure()
}

// guard turns a panic of bbolt, and the fault of a page that cannot be read (a disk error, a file truncated under us),
// into errBroken.
func (d *disk) guard(op func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			d.broken = true
			err = fmt.Errorf("%w: %v", errBroken, r)
		}
	}()
	return op()
}

func (d *disk) update(op func(*bbolt.Tx) error) error {
	return d.guard(func() error { return d.db.Update(op) })
}

func (d *disk) view(op func(*bbolt.Tx) error) error {
	return d.guard(func() error { return d.db.View(op) })
}

// mark makes a fresh file ours and refuses another's. That it writes each time proves that the disk can be written.
func (d *disk) mark(now time.Time, firstSequence uint64) error {
	return d.update(func(tx *bbolt.Tx) error {
		if err := checkMark(tx); err != nil {
			return err
		}
		mark, err := tx.CreateBucketIfNotExists([]byte(markBucket))
		if err != nil {
			return err
		}
		events, err := tx.CreateBucketIfNotExists([]byte(eventsBucket))
		if err != nil {
			return err
		}
		if events.Sequence() == 0 {
			if err := events.SetSequence(firstSequence); err != nil {
				return err
			}
		}
		opened := []byte(now.UTC().Format(time.RFC3339))
		return errors.Join(mark.Put([]byte(formatKey), []byte(format)), mark.Put([]byte(openedKey), opened))
	})
}

func checkMark(tx *bbolt.Tx) error {
	if first, _ := tx.Cursor().First(); first == nil {
		return nil
	}
	if mark := tx.Bucket([]byte(markBucket)); mark == nil || string(mark.Get([]byte(formatKey))) != format {
		return errForeign
	}
	return nil
}

func (d *disk) get(bucket, key string) (value []byte, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(bucket)); b != nil {
			value = slices.Clone(b.Get([]byte(key))) // bbolt's slice is the map of the file
		}
		return nil
	})
	return value, err
}

// copyInto fills an empty memory with all that the file holds.
func (d *disk) copyInto(m *memory) error {
	err := d.view(func(tx *bbolt.Tx) error {
		if err := checkMark(tx); err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if string(name) == eventsBucket {
				m.startAt(b.Sequence())
				return nil
			}
			return b.ForEach(func(key, value []byte) error {
				if value == nil {
					return nil // a bucket in a bucket: not ours
				}
				return m.put(string(name), map[string][]byte{string(key): slices.Clone(value)})
			})
		})
	})
	if err != nil || m.last == 0 {
		return err
	}
	m.list, err = d.events(status.EventQuery{Limit: m.limit})
	return err
}

// close lets go of the file. A broken database may hold locks that it would wait for, so only its file is closed then.
func (d *disk) close() error {
	if d.broken || d.db == nil {
		// The map that stays behind keeps the open file, and with it the lock, alive: closing alone would not free it.
		unlock := unix.Flock(int(d.file.Fd()), unix.LOCK_UN)
		return errors.Join(unlock, d.file.Close())
	}
	return d.db.Close()
}
