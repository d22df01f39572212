package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lockWait is long enough for a command that only takes a snapshot to be done with it.
	lockWait = time.Second
	// lockRetry is how often the lock is tried: flock can be awaited only without a limit of time.
	lockRetry = 20 * time.Millisecond
)

// errForeign says that a file is sound, but not ours.
var errForeign = errors.New("the file belongs to another program, or to another version")

// openFile opens the file for writing, or makes it.
func (s *Store) openFile() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return s.openSeeded(err)
	}
	err := s.openDisk(0)
	if errors.Is(err, errCorrupt) || errors.Is(err, errBroken) || errors.Is(err, errForeign) {
		return s.startAfresh(err)
	}
	if err == nil || errors.Is(err, ErrLocked) {
		return err
	}
	return s.openSeeded(err)
}

// startAfresh sets the file aside and makes another.
func (s *Store) startAfresh(why error) error {
	aside := s.path + ".corrupt-" + s.now().UTC().Format("20060102T150405.000000000Z")
	if err := os.Rename(s.path, aside); err != nil {
		s.workInMemory(s.newMemory(), errors.Join(why, err))
		return nil
	}
	if err := s.openDisk(s.sequenceAfterLoss()); err != nil {
		s.workInMemory(s.newMemory(), errors.Join(why, err))
		return nil
	}
	s.standing = fmt.Sprintf("what was kept is lost, and begun again: %v; the file is set aside as %s", why, aside)
	return nil
}

// openSeeded works in memory, over what the file tells if it can at least be read.
func (s *Store) openSeeded(why error) error {
	m, err := s.snapshot()
	if errors.Is(err, ErrLocked) {
		return err
	}
	s.workInMemory(m, why)
	return nil
}

// openSnapshot reads the file once. A file that is absent is an empty store.
func (s *Store) openSnapshot() error {
	m, err := s.snapshot()
	if errors.Is(err, ErrLocked) {
		return err
	}
	s.backend = m
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.standing = fmt.Sprintf("%s cannot be read: %v", s.path, err)
	}
	return nil
}

// snapshot copies what the file holds into memory. The memory it returns works, also with an error.
func (s *Store) snapshot() (*memory, error) {
	m := s.newMemory()
	f, err := lockFile(s.path, os.O_RDONLY, unix.LOCK_SH)
	if err != nil {
		return m, err
	}
	d, err := mapFile(f, true, s.bound)
	if err != nil {
		return m, err
	}
	if err := d.copyInto(m); err != nil {
		return s.newMemory(), errors.Join(err, d.close())
	}
	return m, d.close()
}

// openDisk makes the file at path the backend. firstSequence is for a file that is made now.
func (s *Store) openDisk(firstSequence uint64) error {
	f, err := lockFile(s.path, os.O_RDWR|os.O_CREATE, unix.LOCK_EX)
	if err != nil {
		return err
	}
	_ = InheritOwner(f) // a daemon that is kept out by this says so
	d, err := mapFile(f, false, s.bound)
	if err != nil {
		return err
	}
	if err := d.mark(s.now(), firstSequence); err != nil {
		return errors.Join(err, d.close())
	}
	s.backend = d
	return nil
}

// lockFile opens and locks the file that is at path once the lock is held: whoever held it before may have set it aside.
func lockFile(path string, flag, how int) (*os.File, error) {
	timeout := time.After(lockWait)
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		f, err := tryLock(path, flag, how)
		if err != nil || f != nil {
			return f, err
		}
		select {
		case <-timeout:
			return nil, ErrLocked
		case <-retry.C:
		}
	}
}

// tryLock returns no file and no error if somebody else has the lock.
func tryLock(path string, flag, how int) (*os.File, error) {
	// O_NONBLOCK: opening a FIFO would wait for a writer for ever.
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	locked, err := holds(f, path, flag, how)
	if locked {
		return f, nil
	}
	return nil, errors.Join(err, f.Close())
}

func holds(f *os.File, path string, flag, how int) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is not a regular file", path)
	}
	err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(info, there) {
		return false, nil
	}
	if flag&os.O_RDWR != 0 && info.Mode().Perm() != 0o600 {
		_ = f.Chmod(0o600) // fails on another user's file: whoever let us write it had a reason
	}
	return true, nil
}
