package discovery

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// mostTold is how many descriptors of a process are asked about: each takes three system calls, and listeners are opened
// before connections.
const mostTold = 4096

// toldSockets finds which of the sockets a process of another user holds. sockets is the mount that sockets are on.
func (f *Finder) toldSockets(pid int, sockets uint64, wanted map[uint64]bool) (map[uint64]bool, error) {
	dir, err := os.Open(f.path(pid, "fdinfo"))
	if err != nil {
		return nil, procfs.Forbidden(f.opts.Proc, pid, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(mostTold)
	if err != nil && !errors.Is(err, io.EOF) { // a kernel thread has none
		return nil, procfs.Forbidden(f.opts.Proc, pid, err)
	}
	m := f.known[pid]
	held := map[uint64]bool{}
	var buffer [128]byte
	for _, name := range watchersLast(names) {
		if m != nil && m.watchers[name] {
			continue
		}
		text, err := procfs.ReadSmall(int(dir.Fd()), name, buffer[:])
		switch d, ok := procfs.ParseDescriptor(text); {
		case errors.Is(err, fs.ErrPermission):
			return nil, procfs.Forbidden(f.opts.Proc, pid, err)
		case m != nil && d.Watches:
			m.watchers[name] = true
		case ok && d.Mount == sockets && wanted[d.Inode]:
			held[d.Inode] = true
		}
		if len(held) == len(wanted) {
			break
		}
	}
	return held, nil
}

// watchersLast puts the low descriptors behind all others, highest first. Once the listeners are found nothing more is read.
func watchersLast(names []string) []string {
	var low, others []string
	for _, name := range names {
		if procfs.Low(name) {
			low = append(low, name)
		} else {
			others = append(others, name)
		}
	}
	slices.Reverse(low)
	return append(others, low...)
}

// socketMount is the mount that sockets are on; false where fdinfo does not tell.
func (f *Finder) socketMount() (mount uint64, told bool) {
	if f.sockets == 0 {
		mount, told = procfs.SocketMount(f.opts.Proc)
		if !told {
			return 0, false
		}
		f.sockets = mount
	}
	return f.sockets, true
}
