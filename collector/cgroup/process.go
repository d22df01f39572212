package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
)

// GoLimit returns the GOMEMLIMIT that a process was started with; false without one. Of the environment, which is full
// of secrets, nothing else is kept.
func GoLimit(proc string, pid int) (uint64, bool, error) {
	environ, err := openEnvironment(proc, pid)
	if err != nil {
		return 0, false, fmt.Errorf("look for GOMEMLIMIT: %w", gone(err))
	}
	defer environ.Close()
	value, err := lookup(io.LimitReader(environ, mostEnvironment), "GOMEMLIMIT")
	if err != nil {
		return 0, false, fmt.Errorf("look for GOMEMLIMIT of process %d: %w", pid, hint(gone(err)))
	}
	if value == "" {
		return 0, false, nil
	}
	return parseGoLimit(value)
}

// OpenFiles returns the soft limit of open descriptors of a process; false where there is none.
func OpenFiles(proc string, pid int) (uint64, bool, error) {
	text, err := readFile(filepath.Join(proc, strconv.Itoa(pid), "limits"), small)
	if err != nil {
		return 0, false, fmt.Errorf("read the limits of process %d: %w", pid, err)
	}
	return parseOpenFiles(text)
}

// longest is more than any sensible GOMEMLIMIT: a longer entry is another variable and is skipped piece by piece.
const longest = 256

// lookup finds a variable among entries that end in NUL. The first counts, as in Go's runtime.
func lookup(environ io.Reader, name string) (string, error) {
	r := bufio.NewReaderSize(environ, longest)
	for {
		entry, err := r.ReadSlice(0)
		if value, found := bytes.CutPrefix(entry, []byte(name+"=")); found {
			if errors.Is(err, bufio.ErrBufferFull) {
				return "", fmt.Errorf("%s is longer than %d characters", name, longest)
			}
			return string(bytes.TrimSuffix(value, []byte{0})), nil
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice(0)
		}
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
	}
}

// parseGoLimit reads bytes as Go's runtime does: a whole number, perhaps with B, KiB, MiB, GiB or TiB.
func parseGoLimit(value string) (uint64, bool, error) {
	if value == "off" {
		return 0, false, nil
	}
	number, shift := value, 0
	for _, unit := range []struct {
		name  string
		shift int
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}} {
		if rest, found := strings.CutSuffix(value, unit.name); found {
			number, shift = rest, unit.shift
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, false, fmt.Errorf("GOMEMLIMIT=%.40q is no number of bytes", value)
	}
	if n<<shift == math.MaxInt64 { // the runtime's own "off"
		return 0, false, nil
	}
	return n << shift, true, nil
}

// parseOpenFiles reads the line "Max open files SOFT HARD files" of /proc/PID/limits.
func parseOpenFiles(text []byte) (uint64, bool, error) {
	for line := range bytes.Lines(text) {
		rest, found := bytes.CutPrefix(line, []byte("Max open files"))
		if !found {
			continue
		}
		fields := strings.Fields(string(rest))
		if len(fields) == 0 {
			break
		}
		if fields[0] == "unlimited" {
			return 0, false, nil
		}
		n, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			return 0, false, fmt.Errorf("max open files: %.40q is no number", fields[0])
		}
		return n, true, nil
	}
	return 0, false, errors.New("no line of the maximum of open files")
}
