package paths

import (
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/procfs"
)

// socket is one that takes what comes to a port.
type socket struct {
	procfs.Socket
	protocol policy.Protocol
}

// ofProtocol names the protocol in what a list of its sockets found. The names of policy are those of procfs.
func ofProtocol(protocol policy.Protocol, list func(procfs.Protocol) ([]procfs.Socket, error)) ([]socket, error) {
	found, err := list(procfs.Protocol(protocol))
	if err != nil {
		return nil, err
	}
	all := make([]socket, len(found))
	for i, s := range found {
		all[i] = socket{s, protocol}
	}
	return all, nil
}

// readSockets lists the listeners of the namespace behind a folder such as /proc/1/net.
func readSockets(dir string, protocol policy.Protocol) ([]socket, error) {
	return ofProtocol(protocol, func(p procfs.Protocol) ([]procfs.Socket, error) { return procfs.ReadSockets(dir, p) })
}

// askSockets lists those of the thread's network namespace.
func askSockets(protocol policy.Protocol) ([]socket, error) {
	return ofProtocol(protocol, func(p procfs.Protocol) ([]procfs.Socket, error) { return procfs.AskSockets(0, p) })
}
