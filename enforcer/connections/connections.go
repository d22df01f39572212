// Package connections lists the present TCP connections to guarded ports, and ends those that are no longer allowed.
//
// A firewall that stops admitting a source leaves its open connections behind: their packets are refused, but the
// server's sockets linger until it notices. inet_diag lists them, filtered in the kernel by port, and ends them one by
// one; a connection is named by the kernel's own cookie, so that no other is ever ended for it.
//
// One walk of the kernel's table shows IPv4 and IPv6 (facts: connections, "Counting"). It costs what it shows, and a
// little for every socket of the host, whatever the namespace.
package connections

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Connection is one TCP connection, seen from its local end. It is a plain value and may be compared.
type Connection struct {
	Local  netip.AddrPort // IPv4 also where the socket is an IPv6 one
	Remote netip.AddrPort
	State  uint8  // as in linux/tcp_states.h: 1 is established
	Self   bool   // the remote end is an address of the namespace too: the host talks to itself
	UID    uint32 // who made the socket; 0 while the handshake lasts
	NetNS  uint64 // the inode of the network namespace
	Cookie uint64 // names the socket, also when its addresses and ports are in use again

	family uint8  // of the socket
	device uint32 // the index of the interface it is bound to, of a link-local address always; 0: none
}

// List returns the connections to local ports in a namespace, in no particular order: all but listeners and those of
// which nothing is left but the wait. One that is made or ends meanwhile may be among them or not.
func List(ctx context.Context, ns Namespace, ports []uint16) ([]Connection, error) {
	if len(ports) == 0 {
		return nil, nil
	}
	own, err := ns.addresses()
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	s, err := dial(ns)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	defer s.close()
	var found []Connection
	for some := range slices.Chunk(ports, mostPorts) {
		err := s.dump(ctx, some, func(message []byte) error {
			c, listed, err := parse(message)
			if listed {
				c.NetNS = s.inode
				_, c.Self = own[c.Remote.Addr()]
				found = append(found, c)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", explain(err))
		}
	}
	return found, nil
}

// NotAllowed returns the connections whose remote end may not reach their local port. What the host says to itself is
// never among them.
func NotAllowed(cs []Connection, allowed func(remote netip.Addr, localPort uint16) bool) []Connection {
	var found []Connection
	for _, c := range cs {
		remote := c.Remote.Addr()
		if c.Self || remote.IsLoopback() || remote == c.Local.Addr() || allowed(remote, c.Local.Port()) {
			continue
		}
		found = append(found, c)
	}
	return found
}
