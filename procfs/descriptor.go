package procfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Who holds a socket is told twice. The links in the fd folder of a process are for its own user alone, or for
// CAP_DAC_READ_SEARCH, which reads every file of the host too; fdinfo is for whoever may look into the process
// (CAP_SYS_PTRACE), and tells the inode since Linux 5.14.

// SocketInode reads the link of a descriptor, such as "socket:[12345]"; false if it is no socket.
func SocketInode(link []byte) (uint64, bool) {
	number, isSocket := bytes.CutPrefix(link, []byte("socket:["))
	number, closed := bytes.CutSuffix(number, []byte("]"))
	if !isSocket || !closed {
		return 0, false
	}
	inode, err := strconv.ParseUint(string(number), 10, 64)
	return inode, err == nil
}

// Descriptor is what /proc/PID/fdinfo tells of one.
type Descriptor struct {
	Mount, Inode uint64 // where its file is: a file with the inode of a socket, but on another mount than sockets, is none
	Watches      bool   // it is an epoll that watches something
}

// Low says that a descriptor is below 6, where a runtime has its epoll. Of that the kernel writes out all that it watches
// before the first byte can be read, and the program waits meanwhile: with 100,000 connections for some hundredths of a
// second. Listeners are opened right behind it, so the low ones are best looked at last.
func Low(descriptor string) bool { return len(descriptor) == 1 && descriptor < "6" }

// ParseDescriptor reads lines such as "mnt_id:	10" and "ino:	4711". What follows them depends on the kind of file, and may be
// cut off.
func ParseDescriptor(text []byte) (Descriptor, bool) {
	mount, ok := numberAt(text, "mnt_id:\t")
	inode, ok2 := numberAt(text, "ino:\t")
	return Descriptor{mount, inode, bytes.Contains(text, []byte("\ntfd:"))}, ok && ok2
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

// SocketMount learns, of a socket of our own, which mount all sockets of this kernel are on; false where fdinfo does not
// tell.
func SocketMount(proc string) (uint64, bool) {
	own, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(own)
	var about unix.Stat_t
	text, err := os.ReadFile(filepath.Join(proc, "thread-self/fdinfo", strconv.Itoa(own)))
	if err := errors.Join(err, unix.Fstat(own, &about)); err != nil {
		return 0, false
	}
	d, ok := ParseDescriptor(text)
	if !ok || d.Inode != about.Ino {
		return 0, false
	}
	return d.Mount, true
}

// Untold is why descriptors are not seen although the process may be looked into: the kernel is older than 5.14.
type Untold struct{ error }

// Unwrap returns what was forbidden.
func (u Untold) Unwrap() error { return u.error }

// Forbidden tells a kernel that keeps fdinfo for the process's own user (Untold) from a process that may not be looked
// into (the error, as any other that is no refusal).
func Forbidden(proc string, pid int, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if _, closed := os.Readlink(filepath.Join(proc, strconv.Itoa(pid), "ns/net")); closed != nil {
		return err
	}
	return Untold{err}
}
