package cgroup

import (
	"errors"
	"io/fs"
	"path/filepath"
)

const v1Limit = "memory.limit_in_bytes"

// readV1 reads the hierarchy of the memory controller.
func readV1(levels []level, hostTotal uint64, into *Limits) error {
	least, err := smallest(levels, v1Limit)
	path := levels[least.index].path
	stat, statErr := readKeys(filepath.Join(levels[0].dir, "memory.stat"))
	if errors.Is(statErr, fs.ErrNotExist) {
		statErr = nil
	}
	if effective := stat["hierarchical_memory_limit"]; effective > 0 {
		least, path = bindingV1(levels, effective)
		err = nil // whatever level could not be read, the kernel counted it in
	}
	if into.settle(least, path, hostTotal) {
		into.OOMKills = killsV1(levels[:least.index+1])
	}
	into.Known = into.Known && err == nil
	return first(err, statErr, usedV1(levels[0], stat, hostTotal, into))
}

// bindingV1 trusts the kernel's own minimum: it counts levels above the visible ones too, and leaves out ancestors that do
// not bind since use_hierarchy is off. What remains is to find the level that it comes from.
func bindingV1(levels []level, bytes uint64) (bound, string) {
	if bytes >= unlimited {
		return bound{}, ""
	}
	for i, level := range levels {
		if n, limited, err := readLimit(filepath.Join(level.dir, v1Limit)); err == nil && limited && n == bytes {
			return bound{bytes, i, true}, level.path
		}
	}
	top := len(levels) - 1
	return bound{bytes, top, true}, levels[top].path + " (a level above it)"
}

// killsV1 adds the levels up to the binding one: in version 1 each counts only its own processes.
func killsV1(levels []level) (sum uint64) {
	for _, level := range levels {
		sum += readCount(filepath.Join(level.dir, "memory.oom_control"), "oom_kill")
	}
	return sum
}

func usedV1(own level, stat map[string]uint64, hostTotal uint64, into *Limits) error {
	var kernel uint64
	for _, file := range []string{"memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes"} {
		// Some kernels are built without one or the other.
		if n, err := readNumber(filepath.Join(own.dir, file)); err == nil && n < unlimited {
			kernel += n
		}
	}
	return first(
		keep(&into.Anonymous, filepath.Join(own.dir, "memory.stat")+": total_rss", stat["total_rss"], hostTotal),
		keep(&into.Kernel, own.dir+": kernel memory", kernel, hostTotal),
	)
}
