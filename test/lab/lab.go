// Package lab builds fleets of hosts out of network namespaces, for tests and for `nakama-warden demo`.
//
// The one idea: a host is a network namespace, held by a descriptor and entered by threads that are thrown away
// afterwards. Hosts hang on one switch and reach each other by real TCP over IPv4 and IPv6. Main moves the whole program
// into namespaces of its own first, so that nothing it does touches the machine and nothing outlives it, not even when it
// is killed. Everything works for an ordinary user too, inside a user namespace.
package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
)

// The networks of a lab. Host number n has the n-th address of both.
const (
	network4 = "10.77.0.0/24"
	network6 = "fd77::/64"

	mostHosts = 254
)

// Lab is one switch and the hosts on it.
type Lab struct {
	wire *namespace // the switch: a namespace that holds the bridge and the far ends of the hosts' cables

	mu     sync.Mutex // guards what follows
	hosts  []*Host
	closed bool
}

// New makes a lab without hosts. It needs a program that runs inside Main or Isolate.
func New() (*Lab, error) {
	wire, err := newNamespace()
	if err != nil {
		return nil, fmt.Errorf("make the lab's switch: %w", err)
	}
	if err := addBridge(wire.links, bridgeOfLab); err != nil {
		wire.close()
		return nil, fmt.Errorf("make the lab's switch: %w", err)
	}
	return &Lab{wire: wire}, nil
}

// Host adds a host with the next free IPv4 and IPv6 address.
func (l *Lab) Host(name string) (*Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("add host " + name + ": the lab is closed")
	}
	h, err := l.plug(name, len(l.hosts)+1)
	if err != nil {
		return nil, fmt.Errorf("add host %s: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// Close ends all listeners and processes of the lab and gives its namespaces back. It may be called again.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	for _, h := range l.hosts {
		h.close()
	}
	l.wire.close()
	return nil
}

// plug makes the n-th host and lays its cable to the switch.
func (l *Lab) plug(name string, n int) (*Host, error) {
	prefix4, prefix6 := netip.MustParsePrefix(network4), netip.MustParsePrefix(network6)
	if n > mostHosts {
		return nil, fmt.Errorf("the lab is full: %d hosts fit into %s", mostHosts, prefix4)
	}
	h, err := newHost(name)
	if err != nil {
		return nil, err
	}
	h.V4, h.V6 = nth(prefix4.Addr(), n), nth(prefix6.Addr(), n)
	cable := cable{
		near: h.namespace, nearName: interfaceOfHost,
		far: l.wire, farName: fmt.Sprintf("port%d", n), bridge: bridgeOfLab,
		addresses: []netip.Prefix{netip.PrefixFrom(h.V4, prefix4.Bits()), netip.PrefixFrom(h.V6, prefix6.Bits())},
	}
	if err := cable.lay(); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// nth returns the address n after base; n < 65536.
func nth(base netip.Addr, n int) netip.Addr {
	bytes := base.AsSlice()
	low := bytes[len(bytes)-2:]
	sum := int(low[0])<<8 + int(low[1]) + n
	low[0], low[1] = byte(sum>>8), byte(sum)
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// addBridge makes a bridge that forwards from the first frame on.
func addBridge(links *netlink.Handle, name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	snooping := false // neighbour discovery is multicast: a bridge that snoops may lose the first of it
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := links.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add bridge %s: %w", name, err)
	}
	if err := links.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bring bridge %s up: %w", name, err)
	}
	return nil
}
