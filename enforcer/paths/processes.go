package paths

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is a running program. Threads and their namespaces of their own are not looked at.
type process struct {
	pid   int
	name  string // as the kernel has it: at most 15 bytes
	netns string // such as "net:[4026531840]"; "" where it could not be seen
}

// maxName is how many bytes of a program's name the kernel keeps.
const maxName = 15

// named says that the process is one of these programs.
func (p process) named(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return p.name == name[:min(len(name), maxName)] })
}

// readProcesses lists what runs.
func readProcesses(proc string) ([]process, error) {
	dir, err := os.Open(proc)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", proc, err)
	}
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		netns, err := os.Readlink(filepath.Join(proc, name, "ns/net"))
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			continue // ended
		}
		comm, err := readSmall(filepath.Join(proc, name, "comm"))
		if err != nil {
			continue
		}
		all = append(all, process{pid: pid, name: strings.TrimSuffix(string(comm), "\n"), netns: netns})
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all, nil
}

// readSmall reads a file of /proc that fits into one read. It is called for every process: os.ReadFile would take twice
// as many system calls.
func readSmall(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var buf [128]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return bytes.Clone(buf[:n]), nil
}

// argv returns the arguments of a process, the program first.
func argv(proc string, pid int) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}
