package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// heldBy leaves of the listeners those that the process holds. Its descriptors may be tens of thousands, so they are
// walked only when a listener is there that was not at the last look.
func (p *pass) heldBy(c process, m *memory, all []listener) []listener {
	unknown := map[uint64]bool{}
	for _, l := range all {
		if _, known := m.holds[l.inode]; !known {
			unknown[l.inode] = true
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
	var mine []listener
	for _, l := range all {
		holds[l.inode] = m.holds[l.inode]
		if holds[l.inode] {
			mine = append(mine, l)
		}
	}
	m.holds = holds // without the listeners that are gone
	return mine
}

// likelyHeldBy is the best guess where the descriptors may not be seen: the listeners of the same user on the ports that
// such a program uses.
func (p *pass) likelyHeldBy(c process, m *memory, all []listener, why error) []listener {
	var about unix.Stat_t
	if err := unix.Stat(p.path(c.pid, ""), &about); err != nil {
		return nil
	}
	ports := []uint16{26257, 8080}
	if role(c.program) == RoleNakama {
		ports = m.settings.ports()
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(l listener) bool {
		return l.user != about.Uid || !slices.Contains(ports, l.addr.Port())
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
		return nil, f.forbidden(pid, err)
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
			if inode, ok := socketInode(buffer[:n]); ok && wanted[inode] {
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

// socketInode reads "socket:[12345]".
func socketInode(link []byte) (uint64, bool) {
	number, isSocket := bytes.CutPrefix(link, []byte("socket:["))
	if !isSocket {
		return 0, false
	}
	inode, err := strconv.ParseUint(string(bytes.TrimSuffix(number, []byte("]"))), 10, 64)
	return inode, err == nil
}
