package store

import (
	"os"
	"path/filepath"
	"syscall"
)

// InheritOwner gives a file that root made to whom its folder belongs: the command line is root's, and the daemon, which
// must read and write what is there, is not. A caller other than root keeps what it makes; so does the daemon, whose
// sandbox knows no chown.
func InheritOwner(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	owner := folder.Sys().(*syscall.Stat_t)
	if owner.Uid == 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
