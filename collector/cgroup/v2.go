package cgroup

import "path/filepath"

// readV2 reads the unified hierarchy.
func readV2(levels []level, hostTotal uint64, into *Limits) error {
	least, err := smallest(levels, "memory.max")
	at := levels[least.index]
	if into.settle(least, at.path, hostTotal) {
		// memory.events counts this level and all below it, memory.events.local only processes that sit at this very level.
		into.OOMKills = readCount(filepath.Join(at.dir, "memory.events"), "oom_kill")
	}
	into.Known = into.Known && err == nil
	// The root of all cgroups has no memory.max. Where the topmost visible one has it, there are more above.
	into.Hidden = exists(filepath.Join(levels[len(levels)-1].dir, "memory.max"))
	return first(err, usedV2(levels[0], hostTotal, into))
}

// usedV2 reads the process's own cgroup. Without memory.max the level is not accounted for, or it is the root, whose
// statistics are the whole host's.
func usedV2(own level, hostTotal uint64, into *Limits) error {
	if !exists(filepath.Join(own.dir, "memory.max")) {
		return nil
	}
	name := filepath.Join(own.dir, "memory.stat")
	stat, err := readKeys(name)
	if err != nil {
		return err
	}
	kernel, summed := stat["kernel"]
	if !summed { // before Linux 5.18 only its parts are there
		kernel = stat["kernel_stack"] + stat["pagetables"] + stat["percpu"] + stat["vmalloc"] + stat["slab"]
	}
	return first(
		keep(&into.Anonymous, name+": anon", stat["anon"], hostTotal),
		keep(&into.Kernel, name+": kernel", kernel+stat["sock"], hostTotal),
	)
}
