package alerting

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// memoryNearlyExhausted judges each limit once: the host's by what is left of it, swap included, and a cgroup's by what the
// units in it hold and cannot give back. Page cache is not counted: the kernel takes it back (facts: Memory).
func memoryNearlyExhausted(h status.Host, threshold float64) []finding {
	found, judged := hostMemory(h, threshold)
	for _, sharing := range byLimit(unitsOf(h)) {
		if judged && sharing[0].Memory.LimitBy == limitHost {
			continue
		}
		if f, exhausted := unitMemory(sharing, threshold); exhausted {
			found = append(found, f)
		}
	}
	return found
}

// hostMemory says also whether the host could be judged: whether its memory is known.
func hostMemory(h status.Host, threshold float64) (found []finding, judged bool) {
	m := machineOf(h)
	total, left := m.MemoryTotal+m.SwapTotal, m.MemoryAvailable+m.SwapFree
	if m.MemoryTotal == 0 || m.MemoryAvailable == 0 || total == 0 || left > total {
		return nil, false
	}
	inUse := float64(total-left) / float64(total)
	if inUse < threshold {
		return nil, true
	}
	if len(unitsOf(h)) == 0 {
		return one(true, summary("the host has %s of %s memory and swap left (%s in use): find what grew, or give it more", bytes(left), bytes(total), percent(inUse))), true
	}
	u := slices.MaxFunc(unitsOf(h), func(a, b status.Unit) int { return cmp.Compare(held(a.Memory), held(b.Memory)) })
	return one(true, summary("the host has %s of %s memory and swap left (%s in use), %s has %s (%s): give it more, or %s",
		bytes(left), bytes(total), percent(inUse), u.Name, bytes(held(u.Memory)), connections(connectionsOf(u)), relief(u.Role))), true
}

// unitMemory is about units within one limit.
func unitMemory(sharing []status.Unit, threshold float64) (finding, bool) {
	var inUse, load uint64
	var names []string
	for _, u := range sharing {
		inUse += held(u.Memory)
		load += connectionsOf(u)
		names = append(names, u.Name)
	}
	slices.Sort(names)
	limit := sharing[0].Memory.Limit
	share := float64(inUse) / float64(limit)
	return finding{subject: strings.Join(names, ", "), summary: summary("%s: %s of %s in use (%s) with %s: raise the limit, or %s",
		few(names), bytes(inUse), bytes(limit), percent(share), connections(load), relief(sharing[0].Role))}, share >= threshold
}

// byLimit puts units together that share a limit, as the units in one slice may. Those whose limit is unknown are left out.
func byLimit(units []status.Unit) [][]status.Unit {
	var groups [][]status.Unit
	for _, u := range units {
		if u.Memory.Limit == 0 {
			continue
		}
		i := slices.IndexFunc(groups, func(g []status.Unit) bool {
			return u.Memory.LimitBy != "" && g[0].Memory.LimitBy == u.Memory.LimitBy && g[0].Memory.Limit == u.Memory.Limit
		})
		if i < 0 {
			groups = append(groups, []status.Unit{u})
			continue
		}
		groups[i] = append(groups[i], u)
	}
	return groups
}

// held is what a unit cannot give back: pages of files can be read again. Where only the whole is known, it is the whole.
func held(m status.Memory) uint64 {
	if m.Anonymous == 0 {
		return m.Resident
	}
	return m.Anonymous + m.Kernel
}

// relief is what helps without more memory.
func relief(role string) phrase {
	if role == roleNakama {
		return "move players away"
	}
	return "lower what it may cache"
}
