package collector

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/cgroup"
	"github.com/nakama-warden/nakama-warden/status"
)

// recognise takes in who runs now. blind says that not everything could be seen: then a process that is there still may be a
// service still. It returns whose processes have ended.
func (c *Collector) recognise(now time.Time, blind bool) (ended []*presence) {
	o := c.presences.step(look{
		now: now, running: c.follower.Running(), guarded: c.o.Guarded(), roles: c.o.Roles(),
		unseen: func(p Process) bool {
			_, err := os.Stat(fmt.Sprintf("%s/%d", c.o.Proc, p.PID))
			return blind && err == nil
		},
	})
	for _, u := range c.units {
		u.presence = c.presences.of(u.Found, now)
		if slices.Contains(o.restarted, processOf(u.Found)) {
			u.restarted = now
		}
	}
	for _, e := range o.events {
		c.o.Tell(e)
	}
	c.down = o.down
	return o.ended
}

// present adds to what was measured of a unit what is known of it over time.
func (u *unit) present(s *status.Unit, now time.Time) {
	s.Restarted, s.Memory.OOMKilled = u.restarted, u.presence.Killed
	if u.presence.serves && now.After(u.presence.Served) { // the search before it may have been later
		u.presence.Served = now
	}
}

// countKills adds to the machine what the kernel killed, and returns how many that are since the last search.
func (c *Collector) countKills(now time.Time, machine *status.Machine) (rise uint64) {
	count, known := cgroup.HostOOMKills(c.o.Proc)
	rise = c.kills.host(now, count, known)
	machine.OOMKills, machine.OOMKilled = count, c.kills.at
	return rise
}

// blame tells whom the kernel killed. The host's own limit says nothing of who: it is everybody's.
func (c *Collector) blame(now time.Time, ended []*presence, rise uint64) {
	var killed []*presence
	if c.kills.lately(now) {
		killed = ended
	}
	counts := map[string]uint64{}
	for _, u := range c.units {
		if u.limits.By != byHost {
			counts[u.limits.By] = u.limits.OOMKills
		}
	}
	rose := c.kills.limits(counts)
	for _, u := range c.units {
		if rose[u.limits.By] && !slices.Contains(killed, u.presence) {
			killed = append(killed, u.presence)
		}
	}
	for _, k := range killed {
		k.Killed = now
		for i := range c.down {
			if down := &c.down[i]; down.Name == k.called() && down.Role == k.Role {
				down.OOMKilled = now
			}
		}
		c.o.Tell(tellKill(k))
	}
	if rise > 0 && len(killed) == 0 {
		c.o.Tell(tellKill(nil))
	}
}

// publishKnown is for who asks beside the tick.
func (c *Collector) publishKnown() {
	known := c.presences.all()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = known
}
