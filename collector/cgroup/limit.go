package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// bound is the smallest limit found on the way up, and the index of its level.
type bound struct {
	bytes uint64
	index int
	found bool
}

// smallest reads the limit of every level. A level without the file has no limit: its controller is not enabled there.
// It goes on after an error, since any limit is better than none, and returns the first.
func smallest(levels []level, file string) (least bound, problem error) {
	for i, level := range levels {
		n, limited, err := readLimit(filepath.Join(level.dir, file))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			problem = first(problem, err)
		case limited && (!least.found || n < least.bytes):
			least = bound{n, i, true}
		}
	}
	return least, problem
}

// settle writes down the limit that binds, and says whether it is a cgroup's: one above the host's memory is none.
func (l *Limits) settle(least bound, path string, hostTotal uint64) bool {
	if !least.found || (hostTotal > 0 && least.bytes >= hostTotal) {
		l.Known = hostTotal > 0
		return false
	}
	l.Bytes, l.By, l.Known = least.bytes, byCgroup+path, true
	return true
}

// keep takes a number of bytes over unless it is more than the host has, which no cgroup can hold.
func keep(into *uint64, name string, bytes, hostTotal uint64) error {
	if bytes >= unlimited || (hostTotal > 0 && bytes > hostTotal) {
		return fmt.Errorf("%s says %d bytes, more than this host can hold", name, bytes)
	}
	*into = bytes
	return nil
}

// first returns the first that is an error: one line tells what is wrong, and mending it shows the next.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
