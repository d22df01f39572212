package discovery

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// process is one that runs.
type process struct {
	pid     int
	program string // its name as the kernel has it
}

// eachProcess visits every process that shows its name, and returns how many do not and whether process 1 is among
// those there are: every namespace has one, so where it is missing others are too.
func eachProcess(proc string, visit func(pid int, program []byte)) (hidden int, first bool, err error) {
	dir, err := os.Open(proc)
	if err != nil {
		return 0, false, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, false, err
	}
	var buffer [64]byte
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		first = first || pid == 1
		program, err := procfs.ReadSmall(int(dir.Fd()), name+"/comm", buffer[:])
		switch {
		case errors.Is(err, fs.ErrPermission):
			hidden++
		case err == nil:
			visit(pid, bytes.TrimSuffix(program, []byte("\n")))
		}
	}
	return hidden, first, nil
}

// path names a file of a process.
func (f *Finder) path(pid int, name string) string {
	return filepath.Join(f.opts.Proc, strconv.Itoa(pid), name)
}

// readStat returns a process's name and start.
func (f *Finder) readStat(pid int) (procfs.Stat, error) {
	path := f.path(pid, "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return procfs.Stat{}, err
	}
	s, ok := procfs.ParseStat(text)
	if !ok {
		return procfs.Stat{}, errors.New(path + ": malformed")
	}
	return s, nil
}
