package paths

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// vanished says that a process or namespace ended while it was looked at, which is no problem.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// remedied ends an error in what a person can do about it.
func remedied(err error) string {
	text := err.Error()
	if errors.Is(err, fs.ErrPermission) {
		text += " (needs CAP_NET_ADMIN for rules, CAP_SYS_PTRACE for processes, root for the files of iptables-legacy; see \"capabilities\" in the manual)"
	}
	return text
}
