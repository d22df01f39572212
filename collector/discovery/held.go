package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// Guarded is a port of a service and the program that it is for.
type Guarded struct {
	Service string
	Port    uint16
	Program string // "" is any
}

// Holder is another program on a guarded port.
type Holder struct {
	Service string `json:"service"`
	Port    uint16 `json:"port"`
	Program string `json:"program"`
	PID     int    `json:"pid"`
}

// holder is who holds a socket, or why that may not be seen.
type holder struct {
	process
	started uint64
	unseen  error
}

// HeldByOther finds the guarded ports of the agent's own network that another program listens on, and what could not be
// looked at. Programs that lead a port into a container do not count: whom they lead to is seen elsewhere.
func (f *Finder) HeldByOther(ctx context.Context, guarded []Guarded) ([]Holder, []string, error) {
	p, err := f.begin()
	if err != nil {
		return nil, nil, fmt.Errorf("find who holds ports: %w", err)
	}
	heard, err := p.ownListeners()
	if err != nil {
		return nil, nil, fmt.Errorf("find who holds ports: %w", err)
	}
	wanted := map[uint64]bool{}
	var programs []string
	for _, g := range guarded {
		if g.Program == "" {
			continue
		}
		programs = append(programs, clip(g.Program))
		for _, l := range heard {
			if l.Addr.Port() == g.Port {
				wanted[l.Inode] = true
			}
		}
	}
	if err := p.findHolders(ctx, wanted, programs); err != nil {
		return nil, nil, fmt.Errorf("find who holds ports: %w", err)
	}
	found := p.othersOn(guarded, heard)
	slices.Sort(p.problems)
	return found, slices.Compact(p.problems), nil
}

func (p *pass) ownListeners() ([]procfs.Socket, error) {
	if found, err := p.askListeners(p.own, 0); err == nil {
		return found, nil
	}
	return procfs.ReadSockets(p.opts.Proc+"/thread-self/net", procfs.TCP)
}

// findHolders fills in who holds the sockets. As long as they and their holders stay, nothing is walked.
func (p *pass) findHolders(ctx context.Context, wanted map[uint64]bool, programs []string) error {
	unknown := map[uint64]bool{}
	for inode := range wanted {
		who, known := p.holders[inode]
		if s, err := p.readStat(who.pid); !known || who.unseen == nil && (err != nil || s.Started != who.started) {
			unknown[inode] = true
		}
	}
	for inode := range p.holders {
		if !wanted[inode] || unknown[inode] {
			delete(p.holders, inode)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	all, err := p.likelyFirst(programs)
	if err != nil {
		return err
	}
	var forbidden error
	for _, candidate := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(unknown) == 0 {
			return nil
		}
		if err := p.search(candidate, unknown); errors.Is(err, fs.ErrPermission) {
			forbidden = err
		}
	}
	if forbidden != nil { // and will be the next time
		for inode := range unknown {
			p.holders[inode] = holder{unseen: forbidden}
		}
	}
	return nil
}

// search looks for the sockets among the descriptors of one process, and takes those it finds out of the map.
func (p *pass) search(candidate process, unknown map[uint64]bool) error {
	s, err := p.readStat(candidate.pid)
	if err != nil {
		return err
	}
	held, err := p.heldSockets(candidate.pid, unknown)
	for inode := range held {
		p.holders[inode] = holder{process: candidate, started: s.Started}
		delete(unknown, inode)
	}
	return err
}

// likelyFirst lists all processes, those that ought to hold the ports before all others.
func (p *pass) likelyFirst(programs []string) ([]process, error) {
	var all []process
	_, _, err := eachProcess(p.opts.Proc, func(pid int, program []byte) { all = append(all, process{pid, string(program)}) })
	rank := func(other process) int {
		if slices.Contains(programs, other.program) {
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(a, b process) int { return cmp.Or(rank(a)-rank(b), a.pid-b.pid) })
	return all, err
}

// othersOn names the holders that are not the program that a port is for.
func (p *pass) othersOn(guarded []Guarded, heard []procfs.Socket) []Holder {
	var found []Holder
	for _, g := range guarded {
		for _, l := range heard {
			if g.Program == "" || l.Addr.Port() != g.Port {
				continue
			}
			switch who, known := p.holders[l.Inode]; {
			case !known:
				p.problem(fmt.Errorf("port %d is listened on by no process", g.Port)) // by the kernel, or whoever has just begun
			case who.unseen != nil:
				p.problem(fmt.Errorf("who listens on port %d is not shown: %w", g.Port, who.unseen))
			case who.program != clip(g.Program) && !slices.Contains(forwarders(), who.program):
				found = append(found, Holder{g.Service, g.Port, who.program, who.pid})
			}
		}
	}
	slices.SortFunc(found, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Service, b.Service), cmp.Compare(a.PID, b.PID))
	})
	return slices.Compact(found)
}

// forwarders are programs that hold ports for containers, and systemd, which holds those of its socket units.
func forwarders() []string {
	return []string{"docker-proxy", "rootlesskit", "rootlesskit-doc", "rootlessport", "slirp4netns", "pasta", "pasta.avx2",
		"passt", "passt.avx2", "vpnkit", "conmon", "kube-proxy", "systemd"}
}

// clip shortens a program's name as the kernel does.
func clip(program string) string { return program[:min(len(program), procfs.MaxName)] }
