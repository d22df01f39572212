package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// network tells one network namespace from another. The file number of /proc/PID/net/tcp differs from namespace to
// namespace and, unlike what /proc/PID/ns/net leads to, is shown to everybody; only the latter is what others call it.
type network struct {
	table uint64
	inode uint64 // 0 where it may not be seen
}

func (f *Finder) network(pid int) (network, error) {
	return readNetwork(f.path(pid, "net/tcp"), f.path(pid, "ns/net"))
}

// ownNetwork asks of the thread, not of the process: that is its first thread, which another part of the program may have
// left in another namespace.
func (f *Finder) ownNetwork() (network, error) {
	return readNetwork(f.opts.Proc+"/thread-self/net/tcp", f.opts.Proc+"/thread-self/ns/net")
}

func readNetwork(table, link string) (network, error) {
	var about unix.Stat_t
	if err := unix.Stat(table, &about); err != nil {
		return network{}, &fs.PathError{Op: "stat", Path: table, Err: err}
	}
	n := network{table: about.Ino}
	name, err := os.Readlink(link)
	if errors.Is(err, fs.ErrPermission) {
		return n, nil
	}
	if err != nil {
		return network{}, err
	}
	if _, err := fmt.Sscanf(name, "net:[%d]", &n.inode); err != nil {
		return network{}, fmt.Errorf("%s: malformed", link)
	}
	return n, nil
}
