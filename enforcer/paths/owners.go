package paths

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// maxDescriptors is how many descriptors of a process are looked at for listeners: programs open these first, and a
// database holds tens of thousands of others.
const maxDescriptors = 4096

// owners finds which of the processes hold the sockets, by inode. It looks into them in their order and stops as soon
// as all are found, so the likely ones come first. Its error tells that some could not be looked into.
func owners(proc string, candidates []process, inodes map[uint64]bool) (map[uint64]process, error) {
	found := map[uint64]process{}
	var forbidden error
	told := telling{proc: proc}
	for _, p := range candidates {
		if len(found) == len(inodes) {
			return found, nil
		}
		visit := func(inode uint64) bool {
			if _, known := found[inode]; inodes[inode] && !known {
				found[inode] = p
			}
			return len(found) < len(inodes)
		}
		err := eachSocket(filepath.Join(proc, strconv.Itoa(p.pid), "fd"), visit)
		if errors.Is(err, fs.ErrPermission) {
			err = told.eachSocket(p.pid, err, visit)
		}
		if errors.Is(err, fs.ErrPermission) && forbidden == nil {
			forbidden = err
		}
	}
	told.postponed(func() bool { return len(found) < len(inodes) })
	if len(found) == len(inodes) {
		return found, nil
	}
	return found, forbidden
}

// eachSocket calls visit with the inode of every socket of a process, lowest descriptor first, until it returns false.
func eachSocket(dir string, visit func(inode uint64) bool) error {
	descriptors, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer descriptors.Close()
	names, err := descriptors.Readdirnames(maxDescriptors)
	if err != nil {
		return err
	}
	for _, name := range names {
		to, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := procfs.SocketInode([]byte(to)); ok && !visit(inode) {
			return nil
		}
	}
	return nil
}

// likelyFirst orders processes for owners: this one, which holds few and whose web port is guarded too, then those with
// one of the names. Each of the others may hold a hundred thousand sockets, which would all be asked for.
func likelyFirst(processes []process, names []string) []process {
	ordered := slices.Clone(processes)
	slices.SortStableFunc(ordered, func(a, b process) int { return rank(a, names) - rank(b, names) })
	return ordered
}

func rank(p process, names []string) int {
	switch {
	case p.pid == os.Getpid():
		return 0
	case p.named(names):
		return 1
	}
	return 2
}
