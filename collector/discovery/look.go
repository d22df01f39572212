package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// pass is one look at the host.
type pass struct {
	*Finder
	own      network
	tables   map[uint64][]procfs.Socket // of the namespaces seen so far, by network.table
	problems []string
}

// service is a Found and the inodes of its listeners.
type service struct {
	Found
	inodes []uint64
}

// memory is what was learnt of a process and stays true until it ends or becomes another program.
type memory struct {
	started   uint64
	arguments string // as in /proc/PID/cmdline
	unit      string
	settings  settings
	problems  []error
	holds     map[uint64]bool // whether it holds a listener, by inode
	watchers  map[string]bool // its descriptors that watch others
}

func (f *Finder) begin() (*pass, error) {
	if f.opts.Booted.IsZero() {
		booted, err := Booted(time.Now())
		if err != nil {
			return nil, err
		}
		f.opts.Booted = booted // asked once: a start that moves with the clock would look like another
	}
	own, err := f.ownNetwork()
	if err != nil {
		return nil, err
	}
	return &pass{Finder: f, own: own, tables: map[uint64][]procfs.Socket{}}, nil
}

// candidates are the processes that have the name of a service.
func (p *pass) candidates() ([]process, error) {
	var all []process
	hidden, first, err := eachProcess(p.opts.Proc, func(pid int, program []byte) {
		if role(string(program)) != "" {
			all = append(all, process{pid, string(program)})
		}
	})
	if err != nil {
		return nil, err
	}
	switch {
	case hidden > 0:
		p.problem(fmt.Errorf("%d processes hide their names (hidepid): %w", hidden, fs.ErrPermission))
	case !first:
		p.problem(fmt.Errorf("the processes of other users are hidden (hidepid): %w", fs.ErrPermission))
	}
	return all, nil
}

// look finds out all about a candidate. Its start is read first and last: in between the process may have ended and
// its number been given to another, of which half of this would then be told.
func (p *pass) look(c process) (service, error) {
	before, err := p.readStat(c.pid)
	if err != nil {
		return service{}, err
	}
	s := service{Found: Found{
		Role: role(c.program), Program: c.program, PID: c.pid,
		StartTicks: before.Started, Started: p.opts.Booted.Add(time.Duration(before.Started) * tick),
	}}
	m, err := p.recall(c, before.Started)
	if err != nil {
		return service{}, err
	}
	net, err := p.network(c.pid)
	if err != nil {
		return service{}, err
	}
	heard, err := p.listeners(net, c.pid)
	if err != nil {
		return service{}, err
	}
	heard = p.heldBy(c, m, heard)
	after, err := p.readStat(c.pid)
	if err != nil || after.Started != before.Started || after.Name != before.Name || after.Name != c.program {
		delete(p.tables, net.table)
		delete(p.known, c.pid)
		return service{}, cmp.Or(err, fs.ErrNotExist)
	}
	s.Unit, s.Argv = cmp.Or(m.unit, c.program), parseArguments(m.arguments)
	s.NetNS, s.Own = net.inode, net.table == p.own.table
	s.hears(heard)
	if s.Role == RoleNakama {
		s.MetricsPort, s.Others = m.settings.explain(s.Listens)
	}
	if len(s.Listens) > 0 {
		p.tell(c, m, net)
	}
	return s, nil
}

// hears files the listeners of the service.
func (s *service) hears(heard []procfs.Socket) {
	for _, l := range heard {
		s.inodes = append(s.inodes, l.Inode)
		s.Addr = append(s.Addr, l.Addr)
		s.Listens = append(s.Listens, l.Addr.Port())
	}
	slices.Sort(s.Listens)
	s.Listens = slices.Compact(s.Listens)
	slices.SortFunc(s.Addr, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(a.Port(), b.Port()), a.Addr().Compare(b.Addr()))
	})
	s.Addr = slices.Compact(s.Addr)
}

// recall returns what is known of the process, and learns it first where it is not.
func (p *pass) recall(c process, started uint64) (*memory, error) {
	text, err := os.ReadFile(p.path(c.pid, "cmdline"))
	if err != nil {
		return nil, err
	}
	if m := p.known[c.pid]; m != nil && m.started == started && m.arguments == string(text) {
		return m, nil
	}
	m := &memory{started: started, arguments: string(text), holds: map[uint64]bool{}, watchers: map[string]bool{}}
	cgroup, err := os.ReadFile(p.path(c.pid, "cgroup"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel may have no control groups
		m.problems = append(m.problems, err)
	}
	m.unit = Unit(string(cgroup), p.dockerName)
	if role(c.program) == RoleNakama {
		var problems []error
		m.settings, problems = p.readSettings(c.pid, parseArguments(m.arguments))
		m.problems = append(m.problems, problems...)
	}
	p.known[c.pid] = m
	return m, nil
}

// forget drops what was known of processes that are no more.
func (f *Finder) forget(alive []process) {
	for pid := range f.known {
		if !slices.ContainsFunc(alive, func(p process) bool { return p.pid == pid }) {
			delete(f.known, pid)
		}
	}
}

// tell makes problems of what could not be seen of a service.
func (p *pass) tell(c process, m *memory, net network) {
	for _, err := range m.problems {
		p.problem(err)
	}
	if net.inode == 0 {
		p.problem(fmt.Errorf("the network namespace of %s (process %d) is not shown: %w", c.program, c.pid, fs.ErrPermission))
	}
}

// problem notes what could not be looked at. A process that ended meanwhile is none.
func (p *pass) problem(err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return
	}
	p.problems = append(p.problems, remedied(err))
}

// remedied ends an error in what a person can do about it.
func remedied(err error) string {
	if !errors.Is(err, fs.ErrPermission) {
		return err.Error()
	}
	needs := "CAP_SYS_PTRACE"
	switch {
	case errors.As(err, new(protected)):
		needs = "CAP_DAC_READ_SEARCH"
	case errors.As(err, new(procfs.Untold)):
		needs = "Linux 5.14 or newer, or CAP_DAC_READ_SEARCH"
	}
	return err.Error() + ": needs " + needs + ` (run as root, or see "capabilities" in the manual)`
}
