package discovery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// heldBy leaves of the listeners those that the process holds. Its descriptors may be tens of thousands, so they are
// walked only when a listener is there that was not at the last look.
func (p *pass) heldBy(c process, m *memory, all []procfs.Socket) []procfs.Socket {
	unknown := map[uint64]bool{}
	for _, l := range all {
		if _, known := m.holds[l.Inode]; !known {
			unknown[l.Inode] = true
		}
	}
	if len(unknown) > 0 {
		held, err := p.heldSockets(c.pid, unknown)
		if errors.Is(err, fs.ErrPermission) {
			return p.likelyHeldBy(c, m, all, err)
		}
		if err != nil {
			return nil // it has ended, as the look finds at its end
		}
		for inode := range unknown {
			m.holds[inode] = held[inode]
		}
	}
	holds := make(map[uint64]bool, len(all))
	var mine []procfs.Socket
	for _, l := range all {
		holds[l.Inode] = m.holds[l.Inode]
		if holds[l.Inode] {
			mine = append(mine, l)
		}
	}
	m.holds = holds // without the listeners that are gone
	return mine
}

// likelyHeldBy is the best guess where the descriptors may not be seen: the listeners of the same user on the ports that
// such a program uses.
func (p *pass) likelyHeldBy(c process, m *memory, all []procfs.Socket, why error) []procfs.Socket {
	var about unix.Stat_t
	if err := unix.Stat(p.path(c.pid, ""), &about); err != nil {
		return nil
	}
	ports := []uint16{26257, 8080}
	if role(c.program) == RoleNakama {
		ports = m.settings.ports()
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(l procfs.Socket) bool {
		return l.User != about.Uid || !slices.Contains(ports, l.Addr.Port())
	})
	if len(mine) > 0 {
		p.problem(fmt.Errorf("the descriptors of %s (process %d) are not shown, so that its listeners are guessed by user and port: %w",
			c.program, c.pid, why))
	}
	return mine
}

// batch is how many names of descriptors are read at once: a walk ends as soon as all is found.
const batch = 256

// heldSockets finds which of the sockets a process holds.
func (f *Finder) heldSockets(pid int, wanted map[uint64]bool) (map[uint64]bool, error) {
	held, err := linkedSockets(f.path(pid, "fd"), wanted)
	if !errors.Is(err, fs.ErrPermission) {
		return held, err
	}
	sockets, told := f.socketMount()
	if !told {
		return nil, procfs.Forbidden(f.opts.Proc, pid, err)
	}
	return f.toldSockets(pid, sockets, wanted)
}

// linkedSockets follows its descriptors, the lowest first: listeners are opened early.
func linkedSockets(dir string, wanted map[uint64]bool) (map[uint64]bool, error) {
	descriptors, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer descriptors.Close()
	held := map[uint64]bool{}
	var buffer [64]byte
	for {
		names, err := descriptors.Readdirnames(batch)
		for _, name := range names {
			n, err := unix.Readlinkat(int(descriptors.Fd()), name, buffer[:])
			if err != nil {
				continue // closed meanwhile
			}
			if inode, ok := procfs.SocketInode(buffer[:n]); ok && wanted[inode] {
				held[inode] = true
			}
		}
		if errors.Is(err, io.EOF) || len(held) == len(wanted) {
			return held, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
