package cgroup

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// v1 is the hierarchy of the memory controller alone.
type v1 struct{}

const v1Limit = "memory.limit_in_bytes"

func (v1) read(levels []level, hostTotal uint64, into *Limits) error {
	least, err := smallest(levels, v1Limit)
	stat, statErr := readKeys(filepath.Join(levels[0].dir, "memory.stat"))
	if errors.Is(statErr, fs.ErrNotExist) {
		statErr = nil
	}
	path := levels[least.index].path
	if effective, told := stat["hierarchical_memory_limit"]; told && effective > 0 {
		least, path = v1{}.effective(levels, effective)
	}
	if into.settle(least, path, hostTotal) {
		into.OOMKills = v1{}.kills(levels[:least.index+1])
	}
	into.Known = into.Known && err == nil
	return errors.Join(err, statErr, v1{}.used(levels[0], stat, hostTotal, into))
}

// effective trusts the kernel's own minimum: it also counts levels above the visible ones, and leaves out ancestors that
// do not bind since use_hierarchy is off. What remains is to find the level that it comes from.
func (v1) effective(levels []level, bytes uint64) (bound, string) {
	for i, level := range levels {
		if n, limited, err := readLimit(filepath.Join(level.dir, v1Limit)); err == nil && limited && n == bytes {
			return bound{bytes, i, true}, level.path
		}
	}
	top := len(levels) - 1
	return bound{bytes, top, true}, levels[top].path + " (a level above it)"
}

// kills adds the levels up to the binding one: in version 1 each counts only its own processes.
func (v1) kills(levels []level) (sum uint64) {
	for _, level := range levels {
		n, _ := readKey(filepath.Join(level.dir, "memory.oom_control"), "oom_kill")
		sum += n
	}
	return sum
}

func (v1) used(own level, stat map[string]uint64, hostTotal uint64, into *Limits) error {
	var kernel uint64
	for _, file := range []string{"memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes"} {
		// Both are left out of some kernels.
		if n, err := readNumber(filepath.Join(own.dir, file)); err == nil {
			kernel += n
		}
	}
	name := filepath.Join(own.dir, "memory.stat")
	return errors.Join(
		use(&into.Anonymous, name+": total_rss", stat["total_rss"], hostTotal),
		use(&into.Kernel, own.dir+": kernel memory", kernel, hostTotal),
	)
}
