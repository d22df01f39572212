package discovery

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// descriptor is what /proc/PID/fdinfo tells of one: on which mount its file is, and the file's inode there.
type descriptor struct{ mount, inode uint64 }

// untold is why descriptors are not seen although the process may be looked into: the kernel is older than 5.14.
type untold struct{ error }

func (u untold) Unwrap() error { return u.error }

// mostTold is how many descriptors of a process are asked about: each takes three system calls, and listeners are opened
// before connections.
const mostTold = 4096

// toldSockets finds which of the sockets a process of another user holds. The links in its fd folder are for that user
// alone, or for CAP_DAC_READ_SEARCH, which reads every file of the host too; fdinfo is for whoever may look into the
// process (CAP_SYS_PTRACE). sockets is the mount that sockets are on: a file with the inode of one is none.
func (f *Finder) toldSockets(pid int, sockets uint64, wanted map[uint64]bool) (map[uint64]bool, error) {
	dir, err := os.Open(f.path(pid, "fdinfo"))
	if err != nil {
		return nil, f.forbidden(pid, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(mostTold)
	if err != nil && !errors.Is(err, io.EOF) { // a kernel thread has none
		return nil, f.forbidden(pid, err)
	}
	m := f.known[pid]
	held := map[uint64]bool{}
	var buffer [128]byte
	for _, name := range watchersLast(names) {
		if m != nil && m.watchers[name] {
			continue
		}
		text, err := readSmall(int(dir.Fd()), name, buffer[:])
		switch d, ok := parseDescriptor(text); {
		case errors.Is(err, fs.ErrPermission):
			return nil, f.forbidden(pid, err)
		case m != nil && bytes.Contains(text, []byte("\ntfd:")):
			m.watchers[name] = true
		case ok && d.mount == sockets && wanted[d.inode]:
			held[d.inode] = true
		}
		if len(held) == len(wanted) {
			break
		}
	}
	return held, nil
}

// watchersLast puts the descriptors below 6 behind all others, highest first: among them a runtime has its epoll. Of that
// the kernel writes out all that it watches before the first byte can be read, and the program waits meanwhile: with
// 100,000 connections for some hundredths of a second. Listeners are opened right behind it, and once they are found
// nothing more is read.
func watchersLast(names []string) []string {
	var low, others []string
	for _, name := range names {
		if len(name) == 1 && name < "6" {
			low = append(low, name)
		} else {
			others = append(others, name)
		}
	}
	slices.Reverse(low)
	return append(others, low...)
}

// forbidden tells a kernel that keeps fdinfo for the process's own user from a process that may not be looked into.
func (f *Finder) forbidden(pid int, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if _, closed := os.Readlink(f.path(pid, "ns/net")); closed != nil {
		return err
	}
	return untold{err}
}

// socketMount learns, of a socket of our own, which mount all sockets of this kernel are on; false where fdinfo does not
// tell.
func (f *Finder) socketMount() (uint64, bool) {
	if f.sockets != 0 {
		return f.sockets, true
	}
	own, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(own)
	var about unix.Stat_t
	text, err := os.ReadFile(filepath.Join(f.opts.Proc, "thread-self/fdinfo", strconv.Itoa(own)))
	if err := errors.Join(err, unix.Fstat(own, &about)); err != nil {
		return 0, false
	}
	d, ok := parseDescriptor(text)
	if !ok || d.inode != about.Ino {
		return 0, false
	}
	f.sockets = d.mount
	return d.mount, true
}

// parseDescriptor reads lines such as "mnt_id:	10" and "ino:	4711". What follows them depends on the kind of file.
func parseDescriptor(text []byte) (descriptor, bool) {
	mount, ok := numberAt(text, "mnt_id:\t")
	inode, ok2 := numberAt(text, "ino:\t")
	return descriptor{mount, inode}, ok && ok2
}

// numberAt is the number on the first whole line that begins with a label.
func numberAt(text []byte, label string) (uint64, bool) {
	for line := range bytes.Lines(text) {
		number, found := bytes.CutPrefix(line, []byte(label))
		number, whole := bytes.CutSuffix(number, []byte("\n"))
		if found && whole {
			n, err := strconv.ParseUint(string(number), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
