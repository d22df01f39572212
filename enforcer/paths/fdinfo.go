package paths

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

// telling finds sockets by what /proc/PID/fdinfo tells of each descriptor. The links in the fd folder of a process are for
// its own user alone, or for CAP_DAC_READ_SEARCH, which reads every file of the host too; fdinfo is for whoever may look
// into the process (CAP_SYS_PTRACE), since Linux 5.14.
type telling struct {
	proc    string
	sockets uint64 // the mount that all sockets are on; 0: not asked yet
	low     []func() bool
}

// untold is why descriptors are not seen although the process may be looked into: the kernel is older than 5.14.
type untold struct{ error }

func (u untold) Unwrap() error { return u.error }

// isLow says that a descriptor is below 6, where a runtime has its epoll. Of that the kernel writes out all that it watches
// before the first byte can be read, and the program waits meanwhile: with 100,000 connections for some hundredths of a
// second. Listeners are opened right behind it, so the low ones are postponed.
func isLow(name string) bool { return len(name) == 1 && name < "6" }

// eachSocket does as the function of that name where that was forbidden.
func (t *telling) eachSocket(pid int, forbidden error, visit func(inode uint64) bool) error {
	if !t.learn() {
		return t.reason(pid, forbidden)
	}
	path := filepath.Join(t.proc, strconv.Itoa(pid), "fdinfo")
	dir, err := os.Open(path)
	if err != nil {
		return t.reason(pid, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxDescriptors)
	if err != nil && !errors.Is(err, io.EOF) { // a kernel thread has none
		return t.reason(pid, err)
	}
	slices.Reverse(names) // of the low ones, the nearer to the listeners the likelier
	for _, name := range names {
		if isLow(name) {
			t.low = append(t.low, func() bool { return t.see(filepath.Join(path, name), visit) })
		}
	}
	for _, name := range slices.Backward(names) {
		if !isLow(name) && !t.see(filepath.Join(path, name), visit) {
			break
		}
	}
	return nil
}

// postponed looks at the low descriptors for as long as something is wanted.
func (t *telling) postponed(wanted func() bool) {
	for _, see := range t.low {
		if !wanted() || !see() {
			return
		}
	}
}

// see visits one descriptor if it is a socket's. False means that no more are wanted.
func (t *telling) see(path string, visit func(inode uint64) bool) bool {
	text, err := readSmall(path)
	if err != nil {
		return true // closed meanwhile
	}
	mount, inode, ok := parseDescriptor(text)
	return !ok || mount != t.sockets || visit(inode)
}

// reason tells a kernel that keeps fdinfo for the process's own user from a process that may not be looked into.
func (t *telling) reason(pid int, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if _, closed := os.Readlink(filepath.Join(t.proc, strconv.Itoa(pid), "ns/net")); closed != nil {
		return err
	}
	return untold{err}
}

// learn finds, of a socket of our own, the mount that all sockets of this kernel are on: a file with the inode of a socket
// is none. False where fdinfo does not tell.
func (t *telling) learn() bool {
	if t.sockets != 0 {
		return true
	}
	own, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(own)
	var about unix.Stat_t
	text, err := readSmall(filepath.Join(t.proc, "thread-self/fdinfo", strconv.Itoa(own)))
	if err := errors.Join(err, unix.Fstat(own, &about)); err != nil {
		return false
	}
	mount, inode, ok := parseDescriptor(text)
	if !ok || inode != about.Ino {
		return false
	}
	t.sockets = mount
	return true
}

// parseDescriptor reads lines such as "mnt_id:	10" and "ino:	4711". What follows them depends on the kind of file.
func parseDescriptor(text []byte) (mount, inode uint64, ok bool) {
	mount, ok = numberAt(text, "mnt_id:\t")
	inode, ok2 := numberAt(text, "ino:\t")
	return mount, inode, ok && ok2
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
