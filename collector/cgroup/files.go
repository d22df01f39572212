package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Files of the kernel are small; the mount table of a host full of containers is not. More than that is no such file.
const (
	small = 64 << 10
	large = 8 << 20
)

func readFile(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, gone(err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s: larger than %d KiB", name, most>>10)
	}
	return text, nil
}

// gone makes one error of the two by which procfs says that a process has ended: it depends on whether the file was
// open already.
func gone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	return err
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// unlimited is far above any memory and the last number that a float64 counts one by one. Version 1 says "no limit" by a
// number near 2^63, version 2 by "max".
const unlimited = 1 << 53

// readLimit returns false where there is no limit.
func readLimit(name string) (uint64, bool, error) {
	text, err := readFile(name, small)
	if err != nil {
		return 0, false, err
	}
	n, limited, err := parseLimit(text)
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", name, err)
	}
	return n, limited, nil
}

func parseLimit(text []byte) (uint64, bool, error) {
	if string(bytes.TrimSpace(text)) == "max" {
		return 0, false, nil
	}
	n, err := parseNumber(text)
	if err != nil {
		return 0, false, err
	}
	if n == 0 {
		return 0, false, errors.New("a limit of 0 bytes, under which nothing can run")
	}
	return n, n < unlimited, nil
}

func readNumber(name string) (uint64, error) {
	text, err := readFile(name, small)
	if err != nil {
		return 0, err
	}
	return parseNumber(text)
}

func parseNumber(text []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number of bytes", text)
	}
	return n, nil
}

// readCount returns one count of a file of "KEY NUMBER" lines; 0 where it is not there, as with older kernels.
func readCount(name, key string) uint64 {
	keys, err := readKeys(name)
	if err != nil || keys[key] >= unlimited {
		return 0
	}
	return keys[key]
}

func readKeys(name string) (map[string]uint64, error) {
	text, err := readFile(name, small)
	if err != nil {
		return nil, err
	}
	return parseKeys(text), nil
}

// parseKeys leaves out lines that are no "KEY NUMBER", which kernels add: what is not there is unknown. Numbers stop at
// unlimited, so that a few of them can be added.
func parseKeys(text []byte) map[string]uint64 {
	keys := map[string]uint64{}
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) != 2 {
			continue
		}
		if n, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
			keys[fields[0]] = min(n, unlimited)
		}
	}
	return keys
}
