package paths

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// vanished says that a process or namespace ended while it was looked at, which is no problem.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// remedied ends an error in what a person can do about it.
func remedied(err error) string {
	text := err.Error()
	switch {
	case errors.As(err, new(procfs.Untold)):
		text += " (needs Linux 5.14 or newer, or CAP_DAC_READ_SEARCH; see \"capabilities\" in the manual)"
	case errors.As(err, new(rootsAlone)):
		text += " (only root may list its tables: iptables-legacy-save and ip6tables-legacy-save show what there is)"
	case errors.Is(err, fs.ErrPermission):
		text += " (needs CAP_NET_ADMIN for rules, CAP_SYS_PTRACE for processes; see \"capabilities\" in the manual)"
	}
	return text
}
