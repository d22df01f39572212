package fleet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// largestFile is far above any inventory (a target is some 30 bytes) and far below the memory of a host.
const largestFile = 32 << 20

// readSource reads every file that a pattern stands for. The answer of a source is whole or none.
func readSource(pattern string) ([]netip.Prefix, error) {
	names, err := matches(pattern)
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, name := range names {
		content, err := readFile(name)
		if err != nil {
			return nil, err
		}
		prefixes, err := parseTargets(name, content)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		all = append(all, prefixes...)
	}
	return union(all), nil
}

// isGlob tells as Prometheus does: only the last part of a path may be a pattern.
func isGlob(pattern string) bool { return strings.ContainsAny(filepath.Base(pattern), `*?[`) }

func matches(pattern string) ([]string, error) {
	if !isGlob(pattern) {
		return []string{pattern}, nil
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no file matches: %w", pattern, fs.ErrNotExist)
	}
	slices.Sort(names)
	return names, nil
}

// readFile fails if the file changes while it is read.
func readFile(name string) (content []byte, err error) {
	// O_NONBLOCK: opening a FIFO would wait for a writer for ever.
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: not a regular file", name)
	}
	content, err = io.ReadAll(io.LimitReader(f, largestFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > largestFile {
		return nil, fmt.Errorf("read %s: larger than %d MiB", name, largestFile>>20)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if after.Size() != int64(len(content)) || !after.ModTime().Equal(before.ModTime()) {
		return nil, fmt.Errorf("read %s: the file changed while it was read", name)
	}
	return content, nil
}
