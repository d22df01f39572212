package paths

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// process is a running program. Threads and their namespaces of their own are not looked at.
type process struct {
	pid   int
	name  string // as the kernel has it: at most 15 bytes
	netns string // such as "net:[4026531840]"; "" where it could not be seen
}

// named says that the process is one of these programs.
func (p process) named(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return p.name == name[:min(len(name), procfs.MaxName)] })
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
	var buffer [64]byte
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		netns, err := os.Readlink(filepath.Join(proc, name, "ns/net"))
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			continue // ended
		}
		comm, err := procfs.ReadSmall(int(dir.Fd()), name+"/comm", buffer[:])
		if err != nil {
			continue
		}
		all = append(all, process{pid: pid, name: strings.TrimSuffix(string(comm), "\n"), netns: netns})
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all, nil
}

// argv returns the arguments of a process, the program first.
func argv(proc string, pid int) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}
