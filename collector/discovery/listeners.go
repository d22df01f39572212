package discovery

import (
	"errors"
	"os"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// listeners lists those of the namespace that a process is in, once a pass.
func (p *pass) listeners(net network, pid int) ([]procfs.Socket, error) {
	if found, known := p.tables[net.table]; known {
		return found, nil
	}
	found, err := p.askListeners(net, pid)
	if err != nil {
		// Asking costs the listeners only. Reading makes the kernel walk its whole table of connections to find out that
		// the listeners are over, but works without privilege in every namespace.
		found, err = procfs.ReadSockets(p.path(pid, "net"), procfs.TCP)
	}
	if err != nil {
		return nil, err
	}
	p.tables[net.table] = found
	return found, nil
}

// askListeners asks the kernel directly, where this /proc is the kernel's and the namespace may be entered.
func (p *pass) askListeners(net network, pid int) ([]procfs.Socket, error) {
	if p.opts.Proc != defaultProc {
		return nil, errors.ErrUnsupported
	}
	if net.table == p.own.table {
		return procfs.AskSockets(0, procfs.TCP)
	}
	namespace, err := os.Open(p.path(pid, "ns/net"))
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	return procfs.AskSockets(int(namespace.Fd()), procfs.TCP)
}
