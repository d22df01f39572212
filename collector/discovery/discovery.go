// Package discovery finds the services of this host: processes that have the name of one and a listener.
//
// A name is cheap to read and proves nothing: `nakama migrate` has it too. A listener is proof, and dear to look for. So
// one pass reads the names of all processes, and only those with the right one are looked at: their namespace, their
// sockets, their arguments, what they run in. What stays true until a process ends is learnt once. Needs no privilege
// for processes of the agent's own user; for others CAP_SYS_PTRACE and Linux 5.14, and CAP_SYS_ADMIN makes their
// namespaces cheaper to read. What is lacking becomes a problem that says so.
package discovery

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// The roles of the services that are found.
const (
	RoleNakama      = "nakama"
	RoleCockroachDB = "cockroachdb"
)

// role is that of a program, by its name in the kernel; "" for all others.
func role(program string) string {
	switch program {
	case "nakama":
		return RoleNakama
	case "cockroach":
		return RoleCockroachDB
	}
	return ""
}

// Found is a process of a service.
type Found struct {
	Role    string
	Program string
	// Unit is the systemd unit or the container it runs in; the program's name where there is neither. Two processes may
	// share one: a Follower tells them apart.
	Unit       string
	PID        int
	Started    time.Time
	StartTicks uint64 // what tells a process from the next with its number, in ticks since the host started
	NetNS      uint64 // the inode of its network namespace; 0 where it may not be seen
	Own        bool   // its network is the agent's own
	// Listens are the TCP ports it listens on, ascending; Addr the sockets behind them, as they are bound.
	Listens []uint16
	Addr    []netip.AddrPort
	Argv    Arguments `json:"-"`
	// MetricsPort is where a Nakama was told to show its metrics, if it listens there; else 0. Others are the ports that
	// a Nakama listens on although nothing that could be read of its settings says why.
	MetricsPort uint16
	Others      []uint16
}

// Reach is the address at which a port of the process is reached from inside its own network namespace.
func (f Found) Reach(port uint16) (netip.AddrPort, bool) {
	i := slices.IndexFunc(f.Addr, func(bound netip.AddrPort) bool { return bound.Port() == port })
	if i < 0 {
		return netip.AddrPort{}, false
	}
	addr := f.Addr[i].Addr()
	switch {
	case addr == netip.IPv4Unspecified():
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case addr.IsUnspecified():
		addr = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(addr, port), true
}

// Options say where to look. The zero value is this host.
type Options struct {
	Proc   string    // "" is /proc
	Docker string    // where Docker keeps a folder for each container; "" is /var/lib/docker/containers
	Booted time.Time // when the host started; zero asks the kernel
}

// Finder finds, again and again, and remembers what need not be read twice. It belongs to one goroutine.
type Finder struct {
	opts    Options
	known   map[int]*memory   // of processes with the right name
	holders map[uint64]holder // of sockets on guarded ports, by inode
	sockets uint64            // the mount that sockets are on; 0: not asked yet
}

// New returns a Finder that has seen nothing.
func New(o Options) *Finder {
	o.Proc = cmp.Or(o.Proc, defaultProc)
	o.Docker = cmp.Or(o.Docker, "/var/lib/docker/containers")
	return &Finder{opts: o, known: map[int]*memory{}, holders: map[uint64]holder{}}
}

const defaultProc = "/proc"

// Find is one look by a Finder that is used once.
func Find(ctx context.Context, o Options) ([]Found, []string, error) {
	return New(o).Find(ctx)
}

// Find returns the services that run now, the oldest first, and what could not be looked at, each with what would help.
// An error means that nothing could.
func (f *Finder) Find(ctx context.Context) ([]Found, []string, error) {
	p, err := f.begin()
	if err != nil {
		return nil, nil, fmt.Errorf("find services: %w", err)
	}
	candidates, err := p.candidates()
	if err != nil {
		return nil, nil, fmt.Errorf("find services: %w", err)
	}
	var all []service
	for _, c := range candidates {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("find services: %w", err)
		}
		s, err := p.look(c)
		p.problem(err)
		if err == nil && len(s.Listens) > 0 {
			all = append(all, s)
		}
	}
	f.forget(candidates)
	slices.Sort(p.problems)
	return withoutHeirs(all), slices.Compact(p.problems), nil
}

// withoutHeirs leaves out the processes that hold nothing but the listeners of an older one: between fork and exec a
// child looks like its parent.
func withoutHeirs(all []service) []Found {
	slices.SortFunc(all, func(a, b service) int { return byAge(a.Found, b.Found) })
	var found []Found
	held := map[uint64]bool{}
	for _, s := range all {
		first := slices.ContainsFunc(s.inodes, func(inode uint64) bool { return !held[inode] })
		for _, inode := range s.inodes {
			held[inode] = true
		}
		if first {
			found = append(found, s.Found)
		}
	}
	return found
}

func byAge(a, b Found) int {
	return cmp.Or(cmp.Compare(a.StartTicks, b.StartTicks), cmp.Compare(a.PID, b.PID))
}
