// Package procfs reads what the kernel tells of processes, their descriptors and the sockets that listen: from /proc, and
// from sock_diag where /proc is dear.
//
// It knows nothing of firewalls or of memory, and imports nothing of ours: who guards and who measures read the same words
// of the kernel in the same way. What a finding means is theirs.
package procfs

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// MaxName is how many bytes of a program's name the kernel keeps.
const MaxName = 15

// ReadSmall reads a file that fits into the buffer, or as much of it as does, by its name below an open directory
// (unix.AT_FDCWD: below the working directory). It is for what is read of every process: os.ReadFile would take twice as many
// system calls.
func ReadSmall(dir int, name string, buffer []byte) ([]byte, error) {
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

// Stat is what is used of /proc/PID/stat.
type Stat struct {
	Name    string // of the program, as the kernel has it
	Parent  int    // its PID
	Started uint64 // in ticks since the host started
}

// The places of fields in /proc/PID/stat, counted from the one after the name (proc_pid_stat(5) counts that as 3).
const (
	statParent  = 4 - 3
	statStarted = 22 - 3
)

// ParseStat reads a line such as "17 (nft) R 1 …". The name may itself hold spaces and parentheses. The kernel writes a line
// break or a backslash in it as an escape: such a name equals none that a program has.
func ParseStat(line []byte) (Stat, bool) {
	opening, closing := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if opening < 0 || closing < opening {
		return Stat{}, false
	}
	fields := bytes.Fields(line[closing+1:])
	if len(fields) <= statStarted {
		return Stat{}, false
	}
	parent, err := strconv.Atoi(string(fields[statParent]))
	started, err2 := strconv.ParseUint(string(fields[statStarted]), 10, 64)
	if err != nil || err2 != nil {
		return Stat{}, false
	}
	return Stat{string(line[opening+1 : closing]), parent, started}, true
}
