package paths

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// namespace is a network namespace and who listens in it.
type namespace struct {
	id        string // "" is this host's own
	processes []process
	sockets   []socket
	listeners []listener // on guarded ports
	addresses []netip.Addr
	located   bool // addresses were read
	attached  attachment
}

// listener is a Listener, and whether its process is one that is guarded.
type listener struct {
	Listener
	guarded bool
}

// survey reads the processes, the listeners of every namespace, and how the namespaces that matter are attached.
func (l *look) survey(ctx context.Context) error {
	processes, err := readProcesses(l.opts.Proc)
	if err != nil {
		return err
	}
	l.processes = processes
	if l.links, err = l.host.links(); err != nil {
		l.problem("look at this host's interfaces", err)
	}
	if l.ownID, err = os.Readlink(filepath.Join(l.opts.Proc, "thread-self/ns/net")); err != nil {
		return fmt.Errorf("find this host's network namespace: %w", err)
	}
	byNamespace := map[string][]process{}
	for _, p := range processes {
		if p.netns == "" {
			l.hidden(p)
			continue
		}
		byNamespace[p.netns] = append(byNamespace[p.netns], p)
	}
	if err := l.surveyOwn(byNamespace[l.ownID]); err != nil {
		return err
	}
	delete(byNamespace, l.ownID)
	for _, id := range slices.Sorted(maps.Keys(byNamespace)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := &namespace{id: id, processes: byNamespace[id]}
		if l.mayGuard(n) {
			l.listen(n)
			l.others = append(l.others, n)
		} else {
			l.strangers = append(l.strangers, n)
		}
	}
	return nil
}

// hidden tells of a process that could not be looked at, if it may be a guarded one.
func (l *look) hidden(p process) {
	if l.mayGuard(&namespace{processes: []process{p}}) {
		l.problems = append(l.problems, fmt.Sprintf("where %s (process %d) listens cannot be seen: needs CAP_SYS_PTRACE (run as root, or see \"capabilities\" in the manual)", p.name, p.pid))
	}
}

func (l *look) surveyOwn(inside []process) error {
	l.own = &namespace{processes: inside}
	var err error
	if l.own.sockets, err = l.guardedProtocols(l.ownSockets); err != nil {
		return fmt.Errorf("list this host's listeners: %w", err)
	}
	if l.own.addresses, err = l.host.addresses(); err != nil {
		l.problem("look at this host's addresses", err)
	}
	l.own.attached = attachment{behind: true}
	l.assign(l.own)
	return nil
}

// ownSockets asks the kernel directly, and reads what it prints where it has no such answer (a module is missing).
func (l *look) ownSockets(protocol policy.Protocol) ([]socket, error) {
	found, err := l.host.listeners(protocol)
	if err != nil {
		return readSockets(filepath.Join(l.opts.Proc, "thread-self/net"), protocol)
	}
	return found, nil
}

// guardedProtocols lists the listeners of the protocols that matter.
func (l *look) guardedProtocols(list func(policy.Protocol) ([]socket, error)) ([]socket, error) {
	var all []socket
	for _, protocol := range []policy.Protocol{policy.TCP, policy.UDP} {
		if !slices.ContainsFunc(l.guarded, func(g Guarded) bool { return g.Protocol == protocol }) {
			continue
		}
		found, err := list(protocol)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// mayGuard says that a program of a guarded service runs in the namespace. Reading the listeners of another namespace
// is the most expensive part of a look, so that of strangers are read only when something leads there.
func (l *look) mayGuard(n *namespace) bool {
	return slices.ContainsFunc(l.guarded, func(g Guarded) bool {
		return len(g.Processes) == 0 || slices.ContainsFunc(n.processes, func(p process) bool { return p.named(g.Processes) })
	})
}

// listen reads the listeners of another namespace, through whichever of its processes lives long enough, and how it is
// attached.
func (l *look) listen(n *namespace) {
	for _, p := range n.processes {
		dir := filepath.Join(l.opts.Proc, strconv.Itoa(p.pid), "net")
		found, err := l.guardedProtocols(func(protocol policy.Protocol) ([]socket, error) { return readSockets(dir, protocol) })
		if vanished(err) {
			continue
		}
		if err != nil {
			l.problem("list the listeners of process "+strconv.Itoa(p.pid), err)
			return
		}
		n.sockets = slices.DeleteFunc(found, func(s socket) bool { return !l.guardsPort(s) })
		l.locate(n)
		if len(n.sockets) > 0 {
			n.attached = l.attach(p)
			l.assign(n)
		}
		return
	}
}

// locate reads the addresses of another namespace, once.
func (l *look) locate(n *namespace) {
	for _, p := range n.processes {
		if n.located {
			return
		}
		var err error
		n.addresses, err = readAddresses(filepath.Join(l.opts.Proc, strconv.Itoa(p.pid), "net"))
		n.located = !vanished(err)
		l.problem("list the addresses of process "+strconv.Itoa(p.pid), err)
	}
}

func (l *look) guardsPort(s socket) bool {
	return slices.ContainsFunc(l.guarded, s.isOn)
}

func (s socket) isOn(g Guarded) bool { return s.protocol == g.Protocol && s.Addr.Port() == g.Port }

// assign tells whose the listeners on guarded ports are. In this host's own namespace every process may turn out to be
// the one; elsewhere only those with the right name are worth a look.
func (l *look) assign(n *namespace) {
	inodes := map[uint64]bool{}
	var names []string
	for _, g := range l.guarded {
		names = append(names, g.Processes...)
		for _, s := range n.sockets {
			if s.isOn(g) {
				inodes[s.Inode] = true
			}
		}
	}
	candidates := likelyFirst(n.processes, names)
	if n != l.own && len(names) > 0 && !slices.ContainsFunc(l.guarded, func(g Guarded) bool { return len(g.Processes) == 0 }) {
		candidates = slices.DeleteFunc(candidates, func(p process) bool { return !p.named(names) })
	}
	owner, err := owners(l.opts.Proc, candidates, inodes)
	l.problem("find the owners of listeners", err)
	for _, g := range l.guarded {
		for _, s := range n.sockets {
			if s.isOn(g) {
				l.file(n, g, s, owner)
			}
		}
	}
}

// file puts one listener on a guarded port where it belongs.
func (l *look) file(n *namespace, g Guarded, s socket, owner map[uint64]process) {
	who, known := owner[s.Inode]
	var ours bool
	switch {
	case len(g.Processes) == 0:
		ours = n == l.own || n.attached.direct
	case known:
		ours = who.named(g.Processes)
	default:
		// Nobody could be seen to hold it. Where a process of the right name runs, it is taken to.
		ours = slices.ContainsFunc(n.processes, func(p process) bool { return p.named(g.Processes) })
	}
	n.listeners = append(n.listeners, listener{guarded: ours, Listener: Listener{
		Service: g.Service, Protocol: g.Protocol, Namespace: n.id, Addr: s.Addr, PID: who.pid, Process: who.name,
		Behind: n.attached.behind, Reason: n.attached.reason,
	}})
}

// listeners are those of this host's own namespace, whoever's they are, and those of guarded processes elsewhere.
func (l *look) listeners() []Listener {
	var all []Listener
	for _, heard := range l.own.listeners {
		all = append(all, heard.Listener)
	}
	for _, n := range l.others {
		for _, heard := range n.listeners {
			if heard.guarded {
				all = append(all, heard.Listener)
			}
		}
	}
	return sorted(all, compareListeners)
}

// targets are the addresses where guarded processes listen behind links of this host.
func (l *look) targets() []Target {
	var all []Target
	for _, n := range l.others {
		for _, heard := range n.listeners {
			if !heard.guarded || !n.attached.direct {
				continue
			}
			for _, addr := range n.addresses {
				if serves(heard.Addr.Addr(), addr) {
					all = append(all, Target{heard.Service, heard.Protocol, addr, heard.Addr.Port()})
				}
			}
		}
	}
	return sorted(all, compareTargets)
}

// serves says that a socket bound to an address gets what comes to another. One that is bound to :: gets IPv4 too,
// unless it was told not to, which /proc does not show.
func serves(bound, addr netip.Addr) bool {
	if bound.IsUnspecified() {
		return bound.Is6() || addr.Is4()
	}
	return bound == addr
}
