package collector

import (
	"fmt"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// kills notice that the kernel killed for want of memory. A cgroup goes with its last process and takes its count along; the
// host's count only grows. So a unit that ends just when the host's count rises is taken to have been killed.
type kills struct {
	count   uint64
	known   bool
	at      time.Time         // the host's count rose last
	cgroups map[string]uint64 // counts by what limits a unit, at the last search
}

// host takes in the host's count and returns by how much it rose. What was killed before the agent looked is not told.
func (k *kills) host(now time.Time, count uint64, known bool) (rise uint64) {
	if known && k.known && count > k.count {
		rise, k.at = count-k.count, now
	}
	if known {
		k.count, k.known = count, true
	}
	return rise
}

// lately says that the host's count rose since the search before the last: the count comes first, and the end of a process
// that had much memory a while after.
func (k *kills) lately(now time.Time) bool {
	return !k.at.IsZero() && now.Sub(k.at) <= searchEvery
}

// limits takes in the counts of this search, by what limits a unit, and returns those that rose. A count that went back is that
// of another cgroup with the same name, which began at 0.
func (k *kills) limits(counts map[string]uint64) (rose map[string]bool) {
	rose = map[string]bool{}
	for by, count := range counts {
		before, known := k.cgroups[by]
		if count < before {
			before = 0
		}
		rose[by] = known && count > before
	}
	k.cgroups = counts
	return rose
}

// tellKill is told of a unit, or of the host where it is nobody's.
func tellKill(k *presence) status.Event {
	if k == nil {
		return status.Event{Kind: status.KindOOMKill, Summary: "the kernel killed a process of this host for want of memory: the kernel's log names it"}
	}
	return status.Event{Kind: status.KindOOMKill, Summary: fmt.Sprintf("the kernel killed a process of %s for want of memory", k.called()),
		Fields: map[string]string{"unit": k.called(), "role": k.Role}}
}
