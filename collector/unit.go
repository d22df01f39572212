package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/collector/application"
	"github.com/nakama-warden/nakama-warden/collector/cgroup"
	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/collector/sockdiag"
	"github.com/nakama-warden/nakama-warden/status"
)

// unit is one process of a service and what was learnt of it.
type unit struct {
	discovery.Found
	tally
	presence  *presence
	restarted time.Time // it was found in the place of another process
	estimate  *estimate // of a Nakama's capacity; nil for others
	proc      string

	limits   cgroup.Limits
	goLimit  uint64
	maxFiles uint64
	clients  []status.Client
	misfit   string // CockroachDB's caches do not fit

	problems map[string]string // by what was tried
	gone     bool              // it ended; the next search tells what became of it
}

// portsCounted is the most ports of one process that are counted.
const portsCounted = 16

// count opens a counter of the ports that are guarded now, unless it is open.
func (u *unit) count(guarded []Guarded, clock func() time.Time) {
	ports := u.guardedPorts(guarded)
	if u.counter != nil && slices.Equal(u.counter.Ports(), ports) {
		return
	}
	u.close()
	u.tally = tally{clock: clock, steady: u.Role == discovery.RoleNakama}
	ns := sockdiag.Own()
	if !u.Own {
		ns = sockdiag.OfProcess(u.PID)
	}
	opened, err := sockdiag.Open(ns, ports)
	u.note("count connections", err)
	if err == nil {
		u.counter = opened
	}
}

// neighbours says that another service has the same network namespace.
func (u *unit) neighbours(other *unit) bool {
	return other != u && (u.NetNS != 0 && u.NetNS == other.NetNS || u.Own && other.Own)
}

// guardedPorts are the ports of its role's services that the process listens on; where it listens on none of them, all
// that it listens on.
func (u *unit) guardedPorts(guarded []Guarded) []uint16 {
	var ports []uint16
	for _, g := range guarded {
		if g.Role == u.Role && slices.Contains(u.Listens, g.Port) && !slices.Contains(ports, g.Port) {
			ports = append(ports, g.Port)
		}
	}
	if len(ports) == 0 {
		ports = u.Listens
	}
	return ports[:min(len(ports), portsCounted)]
}

// note keeps what could not be done, until it can. What a process takes with it when it ends is no problem.
func (u *unit) note(what string, err error) {
	switch {
	case err == nil:
		delete(u.problems, what)
	case (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)) && !u.alive():
		u.gone = true
	default:
		u.problems[what] = fmt.Sprintf("%s: %v", what, err)
	}
}

func (u *unit) alive() bool {
	_, err := os.Stat(fmt.Sprintf("%s/%d", u.proc, u.PID))
	return err == nil
}

func (u *unit) close() {
	if u.counter != nil {
		_ = u.counter.Close() // nothing was written
		u.counter = nil
	}
}

// learn reads what changes seldom.
func (u *unit) learn(ctx context.Context, c *Collector, machine status.Machine) {
	u.count(c.o.Guarded(), c.o.Now)
	u.shared = slices.ContainsFunc(c.units, u.neighbours)
	var err error
	u.limits, err = cgroup.Read(c.o.Proc, u.PID, machine.MemoryTotal)
	u.note("read the memory limit", err)
	goLimit, set, err := cgroup.GoLimit(c.o.Proc, u.PID)
	u.note("read GOMEMLIMIT", err)
	if u.goLimit = 0; set {
		u.goLimit = goLimit
	}
	files, limited, err := cgroup.OpenFiles(c.o.Proc, u.PID)
	u.note("read the limit of descriptors", err)
	if u.maxFiles = 0; limited {
		u.maxFiles = files
	}
	if u.Role == discovery.RoleCockroachDB {
		caches, err := application.CockroachFlags(u.Argv, u.limits.Bytes)
		u.note("read CockroachDB's flags", err)
		if u.misfit = ""; err == nil {
			u.misfit = caches.Misconfigured(u.limits.Bytes)
		}
		u.learnClients(ctx, c)
	}
}

// learnClients finds who is connected to the database against the policy. The host itself always may.
func (u *unit) learnClients(ctx context.Context, c *Collector) {
	u.clients = nil
	if u.counter == nil || c.o.Admits == nil {
		return
	}
	unexpected := map[netip.Addr]uint64{}
	for _, port := range u.counter.Ports() {
		remotes, err := u.counter.Remotes(ctx, port)
		u.note("see who is connected", err)
		for addr, n := range remotes {
			if !addr.IsLoopback() && !slices.Contains(c.addresses, addr) && !c.o.Admits(addr, port) {
				unexpected[addr] += n
			}
		}
	}
	most := func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(unexpected[b], unexpected[a]), a.Compare(b))
	}
	for _, addr := range slices.SortedFunc(maps.Keys(unexpected), most) {
		u.clients = append(u.clients, status.Client{Address: addr.String(), Connections: unexpected[addr]})
	}
}

// sample is the unit now.
func (u *unit) sample(ctx context.Context, c *Collector, now time.Time) status.Unit {
	read := func() vital { return readVital(c.o.Proc, u.PID) }
	if u.counter != nil {
		if err := u.exact(ctx, now, read); ctx.Err() == nil {
			u.note("count connections", err)
		}
	}
	v := read()
	r, err := readResident(c.o.Proc, u.PID)
	u.note("read the memory in use", err)
	s := status.Unit{
		Name: u.Unit, Role: u.Role, Program: u.Program, PID: u.PID, Started: u.Started, Own: u.Own,
		Ports: u.ports(now, v),
		Memory: status.Memory{Resident: r.total, Anonymous: r.anonymous, File: r.file, Kernel: u.limits.Kernel,
			Limit: u.limits.Bytes, LimitBy: u.limits.By, GoLimit: u.goLimit, OOMKills: u.limits.OOMKills},
		UnexpectedClients: u.clients,
		Misconfigured:     u.misfit,
	}
	if v.descriptors > 0 && u.maxFiles > 0 {
		s.Files = &status.Level{Used: v.descriptors, Limit: u.maxFiles}
	}
	nameServices(s.Ports, u.Role, c.o.Guarded())
	if app, known := c.scrapes.of(u.Found); known {
		s.Application = &app
		if ceiling, known := application.Ceiling(app, r.file); known {
			s.Memory.Ceiling = ceiling
		}
		if n, known := application.ConnectionsWithoutSession(connectionsOf(s.Ports), now, app); known {
			s.WithoutSession = &n
		}
	}
	for _, problem := range u.problems {
		s.Problems = append(s.Problems, problem)
	}
	slices.Sort(s.Problems)
	return s
}

func connectionsOf(ports []status.Port) uint64 {
	var sum uint64
	for _, p := range ports {
		sum += p.Connections
	}
	return sum
}

func nameServices(ports []status.Port, role string, guarded []Guarded) {
	for i := range ports {
		for _, g := range guarded {
			if g.Role == role && g.Port == ports[i].Port {
				ports[i].Service = g.Service
			}
		}
	}
}
