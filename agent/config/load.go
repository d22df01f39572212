package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// readAttempts bounds how often a file that changes while it is read is read again.
const readAttempts = 3

var errChanging = errors.New("the file changes while it is read")

// Load reads the file and parses it. The error is Problems when the content is at fault, else the system's.
func Load(path string) (*Config, error) {
	return load(path, func() (fs.File, error) { return os.Open(path) })
}

func load(path string, open func() (fs.File, error)) (*Config, error) {
	text, err := readWhole(open)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w (write one, or name yours with --config FILE)", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w (run as root, or let this user read the file)", err)
	case errors.Is(err, errChanging):
		return nil, fmt.Errorf("read %s: %w (try again once it is written; better, write it aside and rename it)", path, err)
	case err != nil:
		return nil, err
	}
	return Parse(path, text)
}

// readWhole returns a content that the file had at one instant. Half of a file that is being written may be valid YAML
// with fewer groups, so a file that was touched meanwhile is read again.
func readWhole(open func() (fs.File, error)) ([]byte, error) {
	for range readAttempts {
		text, whole, err := readOnce(open)
		if err != nil || whole {
			return text, err
		}
	}
	return nil, errChanging
}

func readOnce(open func() (fs.File, error)) (text []byte, whole bool, err error) {
	f, err := open()
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if text, err = io.ReadAll(f); err != nil {
		return nil, false, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	whole = before.Size() == after.Size() && before.ModTime().Equal(after.ModTime())
	return text, whole, nil
}
