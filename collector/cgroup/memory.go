package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// memory reads what one version of cgroups says of memory, from the innermost level to the topmost.
type memory interface {
	read(levels []level, hostTotal uint64, into *Limits) error
}

// bound is the smallest limit found on the way up. Its index is that of its level.
type bound struct {
	bytes uint64
	index int
	found bool
}

// smallest reads the limit of every level. A level without the file has no limit: its controller is not enabled there.
// It goes on after an error, since any limit is better than none, and returns the first.
func smallest(levels []level, file string) (least bound, first error) {
	for i, level := range levels {
		n, limited, err := readLimit(filepath.Join(level.dir, file))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil && first == nil:
			first = err
		case err == nil && limited && (!least.found || n < least.bytes):
			least = bound{n, i, true}
		}
	}
	return least, first
}

// settle writes the limit that binds; a limit above the host's memory is none.
func (l *Limits) settle(least bound, path string, hostTotal uint64) (binds bool) {
	if !least.found || (hostTotal > 0 && least.bytes >= hostTotal) {
		l.Known = hostTotal > 0
		return false
	}
	l.Bytes, l.By, l.Known = least.bytes, byCgroup+path, true
	return true
}

// use keeps a number of bytes unless it is more than the host has, which no cgroup can hold.
func use(into *uint64, name string, bytes, hostTotal uint64) error {
	if hostTotal > 0 && bytes > hostTotal {
		return fmt.Errorf("%s says %d bytes, more than the host has", name, bytes)
	}
	*into = bytes
	return nil
}
