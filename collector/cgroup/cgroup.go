// Package cgroup finds the memory limit that really binds a process.
//
// A process may be charged in a cgroup nested many levels deep, and every level above it may carry a limit of its own:
// the smallest of them binds, or else the host's memory. Both versions and the hybrid of them are read; where their
// files are is asked of the mount table and never assumed, since containers mount them elsewhere and see only a part.
//
// The files and their meaning: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel.
package cgroup

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// Limits are what bounds the memory of one process.
type Limits struct {
	Bytes uint64 // the one that binds; 0 where not even the host's memory is known
	By    string // host, or cgroup PATH
	// Known is false where a level could not be read: then a smaller limit than Bytes may exist.
	Known bool
	// Hidden is true where the visible cgroups are only a part (a container's view) and a limit above them cannot be seen.
	Hidden bool

	// OOMKills counts at the level that binds; on the host, everything the kernel killed for want of memory.
	// A unit's own cgroup is made afresh when the unit restarts, and its count with it: HostOOMKills only grows.
	OOMKills     uint64
	HostOOMKills uint64

	// Of the process's own cgroup, so of everything in it. 0: unknown.
	Anonymous uint64
	Kernel    uint64 // with socket buffers: charged alike, and no more reclaimable
}

const (
	byHost   = "host"
	byCgroup = "cgroup "
)

// Read finds what binds a process, where proc is where procfs is mounted and hostTotal the host's memory in bytes, 0 if
// that is unknown. With an error, Limits still holds what could be read. A process that vanished is fs.ErrNotExist.
func Read(proc string, pid int, hostTotal uint64) (Limits, error) {
	limits := Limits{Bytes: hostTotal, By: byHost}
	limits.HostOOMKills, _ = HostOOMKills(proc)
	limits.OOMKills = limits.HostOOMKills

	member, limited, err := memberOf(proc, pid)
	if err != nil {
		return limits, fmt.Errorf("find the cgroup of process %d: %w", pid, err)
	}
	if !limited { // no hierarchy accounts for memory
		limits.Known = hostTotal > 0
		return limits, nil
	}
	levels, err := member.levels(filepath.Join(proc, "self", "mountinfo"))
	if err != nil {
		return limits, fmt.Errorf("find cgroup %s of process %d: %w", member.path, pid, err)
	}
	read := readV2
	if member.version == 1 {
		read = readV1
	}
	if err := read(levels, hostTotal, &limits); err != nil {
		return limits, fmt.Errorf("read the memory limits of process %d: %w", pid, err)
	}
	return limits, nil
}

// HostOOMKills is how many processes the kernel killed for want of memory since the host started, whatever limit was met;
// false where it does not count them (before Linux 4.13).
func HostOOMKills(proc string) (uint64, bool) {
	keys, err := readKeys(filepath.Join(proc, "vmstat"))
	n, counted := keys["oom_kill"]
	return n, err == nil && counted && n < unlimited
}

func memberOf(proc string, pid int) (member, bool, error) {
	text, err := readFile(filepath.Join(proc, strconv.Itoa(pid), "cgroup"), small)
	if err != nil {
		return member{}, false, err
	}
	return parseMember(text)
}
