package culprit

import "golang.org/x/sys/unix"

// The inodes of the namespaces that the host started with, the same in every kernel (linux/proc_ns.h).
const (
	initialUser = 0xEFFFFFFD
	initialPID  = 0xEFFFFFFC
)

// inInitial says whether this process is in the initial namespace of a kind. Where /proc is of another PID namespace
// there is no /proc/self, and the answer is no.
func inInitial(kind string, inode uint64) bool {
	var found unix.Stat_t
	err := unix.Stat("/proc/self/ns/"+kind, &found)
	return err == nil && found.Ino == inode
}
