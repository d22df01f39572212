package discovery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mostSettings bounds a configuration file: whoever runs the process chooses it.
const mostSettings = 1 << 20

// readInside reads a regular file as a process sees it: a relative path begins where it works, and no link leads out
// of its root. The kernel sees to the latter, and so to what changes meanwhile.
func (f *Finder) readInside(pid int, path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		dir, err := f.workingDirectory(pid)
		if err != nil {
			return nil, err
		}
		path = filepath.Join(dir, path)
	}
	root, err := os.Open(f.path(pid, "root"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Found first and opened second, because opening alone does something to a device or a FIFO.
	place, err := unix.Openat2(int(root.Fd()), path, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return nil, protected{&fs.PathError{Op: "find", Path: path, Err: lasting(err)}}
	}
	defer unix.Close(place)
	var about unix.Stat_t
	if err := unix.Fstat(place, &about); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if about.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", place))
	if err != nil {
		return nil, protected{fmt.Errorf("open %s: %w", path, err)}
	}
	defer file.Close()
	return readBounded(file, path)
}

func readBounded(file io.Reader, path string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, mostSettings+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > mostSettings {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, mostSettings)
	}
	return text, nil
}

// workingDirectory returns the process's own below its root.
func (f *Finder) workingDirectory(pid int) (string, error) {
	root, err := os.Readlink(f.path(pid, "root"))
	if err != nil {
		return "", err
	}
	dir, err := os.Readlink(f.path(pid, "cwd"))
	if err != nil {
		return "", err
	}
	return "/" + strings.TrimPrefix(dir, strings.TrimSuffix(root, "/")), nil
}

// protected is why a file could not be opened although the process that has it may be looked into.
type protected struct{ error }

func (p protected) Unwrap() error { return p.error }

// lasting keeps a missing file apart from a process that has ended, which is no problem: it stays one.
func lasting(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no such file")
	}
	return err
}
