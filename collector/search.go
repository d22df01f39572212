package collector

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

// searching is what the search for services remembers between two of them.
type searching struct {
	finder    *discovery.Finder
	follower  discovery.Follower
	machine   status.Machine
	holders   []discovery.Holder
	presences presences
	kills     kills
	down      []status.Down
	// addresses are the host's own: who comes from there is the host.
	addresses []netip.Addr
	problems  []string
}

// search finds the services, and reads of each and of the host what changes seldom.
func (c *Collector) search(ctx context.Context) {
	c.problems = nil
	now := c.o.Now()
	problem := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			c.problems = append(c.problems, fmt.Sprintf("%s: %v", what, err))
		}
	}
	machine, err := discovery.Machine(ctx)
	problem("read the host's memory", err)
	rise := c.countKills(now, &machine)
	var ended []*presence
	found, blind, err := c.finder.Find(ctx)
	problem("look for services", err)
	c.problems = append(c.problems, blind...)
	if err == nil {
		c.follower.Update(found)
		c.follow(c.follower.Running())
		ended = c.recognise(now, len(blind) > 0)
	}
	holders, blind, err := c.finder.HeldByOther(ctx, guardedPorts(c.o.Guarded()))
	problem("look for who holds ports", err)
	c.problems = append(c.problems, blind...)
	c.holders = holders
	c.addresses, err = ownAddresses()
	problem("read the host's addresses", err)

	roles := c.o.Roles()
	machine.Sharing = discovery.RolesShareHost(roles, c.o.Environment())
	machine.Sizing, machine.Advice = discovery.Undersized(roles, c.o.Environment(), machine.MemoryTotal, machine.CPUs)
	c.machine = machine
	for _, u := range c.units {
		u.learn(ctx, c, machine)
	}
	c.blame(now, ended, rise)
	c.publishKnown()
	slices.Sort(c.problems)
	c.problems = slices.Compact(c.problems)
	c.scrapes.want(c.units)
}

func ownAddresses() ([]netip.Addr, error) {
	networks, err := net.InterfaceAddrs()
	var own []netip.Addr
	for _, network := range networks {
		if prefix, err := netip.ParsePrefix(network.String()); err == nil {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	return own, err
}

func guardedPorts(guarded []Guarded) []discovery.Guarded {
	var ports []discovery.Guarded
	for _, g := range guarded {
		ports = append(ports, discovery.Guarded{Service: g.Service, Port: g.Port, Program: g.Program})
	}
	return ports
}

// follow keeps the units that are still there and begins with those that are not yet known.
func (c *Collector) follow(running []discovery.Found) {
	var units []*unit
	for _, f := range running {
		i := slices.IndexFunc(c.units, func(u *unit) bool {
			return !u.gone && u.PID == f.PID && u.StartTicks == f.StartTicks && u.NetNS == f.NetNS
		})
		u := &unit{proc: c.o.Proc, problems: map[string]string{}}
		if i >= 0 {
			u = c.units[i]
		} else {
			u.estimate = c.newEstimate(f)
		}
		u.Found = f
		units = append(units, u)
	}
	for _, u := range c.units {
		if !slices.Contains(units, u) {
			u.close()
		}
	}
	c.units = units
	c.rememberRoles(running)
}

func (c *Collector) rememberRoles(running []discovery.Found) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range running {
		if f.MetricsPort != 0 && !slices.Contains(c.metricsPorts, f.MetricsPort) {
			c.metricsPorts = append(slices.Clone(c.metricsPorts), f.MetricsPort)
			slices.Sort(c.metricsPorts)
		}
		if !slices.Contains(c.found, f.Role) {
			c.found = append(slices.Clone(c.found), f.Role)
			slices.Sort(c.found)
		}
	}
}

// vanished says that a process has ended since the last search: then the next is due at once.
func (c *Collector) vanished() bool {
	return slices.ContainsFunc(c.units, func(u *unit) bool { return u.gone || !u.alive() })
}

// appeared says that there is a process which the last search did not find.
func (c *Collector) appeared(ctx context.Context) bool {
	found, _, err := c.finder.Find(ctx)
	return err == nil && slices.ContainsFunc(found, func(f discovery.Found) bool {
		return !slices.ContainsFunc(c.units, func(u *unit) bool { return processOf(u.Found) == processOf(f) })
	})
}

// sample measures and publishes.
func (c *Collector) sample(ctx context.Context, now time.Time) {
	s := &status.Sample{Time: now, Machine: c.machine, Problems: slices.Clone(c.problems), Down: c.down}
	var estimates []*estimate
	for _, u := range c.units {
		if measured := u.sample(ctx, c, now); !u.gone {
			u.present(&measured, now)
			s.Units = append(s.Units, measured)
			estimates = append(estimates, u.estimate)
		}
	}
	c.estimateAll(s, estimates, now)
	for _, h := range c.holders {
		s.Held = append(s.Held, status.Holder{Service: h.Service, Port: h.Port, Program: h.Program, PID: h.PID})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// forget closes what the units hold.
func (c *Collector) forget() {
	for _, u := range c.units {
		u.close()
	}
	c.units = nil
}
