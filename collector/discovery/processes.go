package discovery

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// process is one that runs.
type process struct {
	pid     int
	program string // its name as the kernel has it
}

// maxName is how many bytes of a program's name the kernel keeps.
const maxName = 15

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
		program, err := readSmall(int(dir.Fd()), name+"/comm", buffer[:])
		switch {
		case errors.Is(err, fs.ErrPermission):
			hidden++
		case err == nil:
			visit(pid, bytes.TrimSuffix(program, []byte("\n")))
		}
	}
	return hidden, first, nil
}

// readSmall reads a file of /proc that fits into the buffer. It is called for every process: os.ReadFile would take
// twice as many system calls.
func readSmall(dir int, name string, buffer []byte) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buffer)
	if err != nil {
		return nil, err
	}
	return buffer[:n], nil
}

// path names a file of a process.
func (f *Finder) path(pid int, name string) string {
	return filepath.Join(f.opts.Proc, strconv.Itoa(pid), name)
}

// readStat returns a process's name and start.
func (f *Finder) readStat(pid int) (stat, error) {
	path := f.path(pid, "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	s, ok := parseStat(text)
	if !ok {
		return stat{}, errors.New(path + ": malformed")
	}
	return s, nil
}

// stat is what is used of /proc/PID/stat.
type stat struct {
	program string
	started uint64 // ticks since the host started
}

// statStarted is the place of the start among the fields after the name, which proc_pid_stat(5) counts from 3 to 22.
const statStarted = 22 - 3

// parseStat reads a line such as "17 (nakama) S 1 …". A name may itself hold spaces and parentheses.
func parseStat(line []byte) (stat, bool) {
	opening, closing := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if opening < 0 || closing < opening {
		return stat{}, false
	}
	fields := bytes.Fields(line[closing+1:])
	if len(fields) <= statStarted {
		return stat{}, false
	}
	started, err := strconv.ParseUint(string(fields[statStarted]), 10, 64)
	return stat{string(line[opening+1 : closing]), started}, err == nil
}
