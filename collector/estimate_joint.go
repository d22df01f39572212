package collector

import (
	"slices"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

// nakama is a Nakama of the sample and what was learnt of it.
type nakama struct {
	*status.Unit
	*estimate
}

// portion is how much of a limit of memory is one Nakama's, beside what fits on all that share it.
type portion struct {
	capacity.Resource
	joint *status.Joint // nil: it shares with none
}

const (
	// KernelPerConnection is the most that the kernel holds for an idle connection, in bytes, outside of the process and
	// within every limit (facts: connections and memory, Memory).
	KernelPerConnection = 4700
	// kernelInUse is what of it MemAvailable surely lacks: at least 3.7 KB, and MemAvailable over-reports 0.8 KB.
	kernelInUse = 2900

	byHost = "host"
	// idle is how many times larger another's peak is than that of a Nakama that is as good as unused. It does not share the
	// load, and what it costs under load cannot be known.
	idle = 20
)

// outside is what connections take outside of the process.
func outside(connections uint64) uint64 { return KernelPerConnection * connections }

// memoryOf tells how many connections fit into the memory of each Nakama, while the others grow in proportion to their peaks: that
// is how a load balancer fills them. It is what fits into its cgroup or into the host, whichever is less.
func memoryOf(all []nakama, m status.Machine) map[*estimate]portion {
	portions := map[*estimate]portion{}
	for _, group := range sharing(all, func(n nakama) string { return n.Memory.LimitBy }) {
		if by := group[0].Memory.LimitBy; by != byHost {
			divide(portions, group, group[0].Memory.Limit, by)
		}
	}
	for _, group := range sharing(all, func(nakama) string { return byHost }) {
		divideHost(portions, group, m)
	}
	return portions
}

// divideHost divides the host's memory among those that meet it before the limit of their cgroup. The others have all that
// their cgroups may take of it, as have those of which it is not known.
func divideHost(portions map[*estimate]portion, group []nakama, m status.Machine) {
	left := leftFor(group, m)
	for len(group) > 0 {
		shared := map[*estimate]portion{}
		divide(shared, group, left, byHost)
		i := slices.IndexFunc(group, func(n nakama) bool {
			own, limited := portions[n.estimate]
			return limited && (m.MemoryTotal == 0 || !own.Known || own.Fits <= shared[n.estimate].Fits)
		})
		if i < 0 {
			for n, p := range shared {
				portions[n] = p
			}
			return
		}
		own := group[i].Memory
		left -= min(left-1, own.Limit) // never 0, which is no limit
		group = slices.DeleteFunc(slices.Clone(group), func(n nakama) bool { return n.Memory.LimitBy == own.LimitBy })
	}
}

// leftFor is what a group may use of the host's memory: what it has, and what is free. What others have, such as a
// CockroachDB, is theirs.
func leftFor(group []nakama, m status.Machine) uint64 {
	left := m.MemoryAvailable
	for _, n := range group {
		left += n.Memory.Resident + kernelInUse*connectionsOf(n.Ports)
	}
	return min(left, m.MemoryTotal)
}

// divide gives each of a group its part of what the group carries within a limit.
func divide(portions map[*estimate]portion, group []nakama, limit uint64, by string) {
	var shares []capacity.Share
	var names []string
	for _, n := range group {
		share := capacity.Share{Model: n.Model, Connections: n.Peak.Value(), Outside: KernelPerConnection}
		if len(group) > 1 {
			share.Name = n.Name
		}
		shares, names = append(shares, share), append(names, n.Name)
	}
	all := capacity.Joint(limit, shares)
	var joint *status.Joint
	if len(group) > 1 {
		joint = &status.Joint{Units: names, LimitBy: by, Limit: limit, Known: all.Known, Fits: all.Fits, Expected: all.Expected}
	}
	for i, part := range parts(group) {
		portions[group[i].estimate] = portion{part.of(all), joint}
	}
}

// conntrackOf tells how many connections of each Nakama fit into the host's table, which all share; none where nothing of them is
// tracked.
func conntrackOf(all []nakama, m status.Machine) map[*estimate]*capacity.Resource {
	tracked := map[*estimate]*capacity.Resource{}
	if m.Conntrack == nil {
		return tracked
	}
	for _, group := range sharing(all, func(nakama) string { return byHost }) {
		var connections uint64
		for _, n := range group {
			connections += connectionsOf(n.Ports)
		}
		if m.Conntrack.Used == 0 && connections > 0 {
			continue
		}
		r := capacity.Conntrack(m.Conntrack.Limit, m.Conntrack.Used, connections)
		for i, part := range parts(group) {
			own := part.of(r)
			tracked[group[i].estimate] = &own
		}
	}
	return tracked
}

// sharing groups those with the same limit, in the order of the sample. Who is as good as unused is a group of its own.
func sharing(all []nakama, limit func(nakama) string) [][]nakama {
	var groups [][]nakama
	most := map[string]uint64{}
	for _, n := range all {
		most[limit(n)] = max(most[limit(n)], n.Peak.Value())
	}
	place := map[string]int{}
	for _, n := range all {
		by := limit(n)
		unused := idle*n.Peak.Value() < most[by]
		at, known := place[by]
		switch {
		case known && !unused:
			groups[at] = append(groups[at], n)
			continue
		case !unused:
			place[by] = len(groups)
		}
		groups = append(groups, []nakama{n})
	}
	return groups
}

// fraction is a part of a common load, from 0 to 1.
type fraction float64

func (f fraction) of(r capacity.Resource) capacity.Resource {
	r.Fits, r.Expected = uint64(float64(r.Fits)*float64(f)), uint64(float64(r.Expected)*float64(f))
	return r
}

// parts are the parts of the load that a group's members have at their peaks; equal ones before there was any.
func parts(group []nakama) []fraction {
	var sum uint64
	for _, n := range group {
		sum += n.Peak.Value()
	}
	parts := make([]fraction, len(group))
	for i, n := range group {
		if parts[i] = 1 / fraction(len(group)); sum > 0 {
			parts[i] = fraction(n.Peak.Value()) / fraction(sum)
		}
	}
	return parts
}
