package discovery

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// Follower keeps services apart and recognises them when they come back: it gives every process a unit's name of its own
// (nakama, nakama-2), which the process keeps until it ends and its successor gets. The zero value has seen nothing. It
// belongs to one goroutine.
type Follower struct {
	running []Found
	last    map[string]seen // by unit, also of those that are gone
	updates uint64
}

// seen is who had a unit's name last.
type seen struct {
	program string
	update  uint64 // when it was there last
}

// mostRemembered bounds the units that are gone and still remembered: a container may have another name each time.
const mostRemembered = 256

// Update takes what runs now. Restarted are those that have the unit's name of one that ended, however long ago, and are
// not among the appeared; one that is back at once is not among the vanished.
func (f *Follower) Update(found []Found) (appeared, vanished, restarted []Found) {
	if f.last == nil {
		f.last = map[string]seen{}
	}
	f.updates++
	now := slices.SortedFunc(slices.Values(found), byAge)
	used := map[string]bool{}
	strangers := make([]int, 0, len(now))
	for i := range now {
		if before := f.recognise(now[i]); before != "" {
			now[i].Unit = before
			used[before] = true
		} else {
			strangers = append(strangers, i)
		}
	}
	for _, i := range strangers {
		now[i].Unit = f.name(now[i], used)
		used[now[i].Unit] = true
		if _, known := f.last[now[i].Unit]; known {
			restarted = append(restarted, now[i])
		} else {
			appeared = append(appeared, now[i])
		}
	}
	for _, was := range f.running {
		if !used[was.Unit] {
			vanished = append(vanished, was)
		}
	}
	f.remember(now)
	return appeared, vanished, restarted
}

// Running returns what the last Update was given, the oldest first, each with its own unit's name.
func (f *Follower) Running() []Found { return slices.Clone(f.running) }

// recognise returns the unit's name of a process that was there at the last Update.
func (f *Follower) recognise(p Found) string {
	i := slices.IndexFunc(f.running, func(was Found) bool {
		return was.PID == p.PID && was.StartTicks == p.StartTicks && was.Program == p.Program
	})
	if i < 0 {
		return ""
	}
	return f.running[i].Unit
}

// name finds the first free one. That of another program is not free, even when it is gone: where two share a container
// they would change places when both are started again.
func (f *Follower) name(p Found, used map[string]bool) string {
	base := cmp.Or(p.Unit, p.Program)
	name := base
	for n := 2; ; n++ {
		last, known := f.last[name]
		if !used[name] && (!known || last.program == p.Program) {
			return name
		}
		name = base + "-" + strconv.Itoa(n)
	}
}

func (f *Follower) remember(now []Found) {
	f.running = now
	for _, p := range now {
		f.last[p.Unit] = seen{p.Program, f.updates}
	}
	if len(f.last) <= mostRemembered+len(now) {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(f.last), func(a, b string) int { return cmp.Compare(f.last[a].update, f.last[b].update) })
	for _, unit := range oldest[:len(oldest)-mostRemembered-len(now)] {
		delete(f.last, unit)
	}
}
