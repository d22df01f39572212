package paths

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// telling finds sockets by what /proc/PID/fdinfo tells of each descriptor. Low ones are postponed.
type telling struct {
	proc    string
	sockets uint64 // the mount that all sockets are on; 0: not asked yet
	low     []func() bool
}

// eachSocket does as the function of that name where that was forbidden.
func (t *telling) eachSocket(pid int, forbidden error, visit func(inode uint64) bool) error {
	if !t.learn() {
		return procfs.Forbidden(t.proc, pid, forbidden)
	}
	path := filepath.Join(t.proc, strconv.Itoa(pid), "fdinfo")
	dir, err := os.Open(path)
	if err != nil {
		return procfs.Forbidden(t.proc, pid, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxDescriptors)
	if err != nil && !errors.Is(err, io.EOF) { // a kernel thread has none
		return procfs.Forbidden(t.proc, pid, err)
	}
	slices.Reverse(names) // of the low ones, the nearer to the listeners the likelier
	for _, name := range names {
		if procfs.Low(name) {
			t.low = append(t.low, func() bool { return t.see(filepath.Join(path, name), visit) })
		}
	}
	for _, name := range slices.Backward(names) {
		if !procfs.Low(name) && !t.see(filepath.Join(path, name), visit) {
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
	var buffer [128]byte
	text, err := procfs.ReadSmall(unix.AT_FDCWD, path, buffer[:])
	if err != nil {
		return true // closed meanwhile
	}
	d, ok := procfs.ParseDescriptor(text)
	return !ok || d.Mount != t.sockets || visit(d.Inode)
}

// learn finds the mount that sockets are on; false where fdinfo does not tell.
func (t *telling) learn() (told bool) {
	if t.sockets == 0 {
		t.sockets, told = procfs.SocketMount(t.proc)
		return told
	}
	return true
}
