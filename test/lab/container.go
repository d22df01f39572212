package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// engine is a host's container engine: bridges, and a network address translation like Docker's.
type engine struct {
	bridges    map[string]*bridge
	translates bool // the translation's tables and chains are there
	cables     int  // laid to containers so far
}

// bridge is a container bridge and the networks behind it.
type bridge struct {
	v4, v6     netip.Prefix
	containers int
	translated bool // the containers leave with the host's address
}

// Container adds a container: a namespace behind a Linux bridge of the host, which routes for it. The first bridge has
// 172.18.0.0/24 and fd18::/64, the next 172.18.1.0/24 and fd18:0:0:1::/64, and so on.
func (h *Host) Container(name, bridgeName string) (*Host, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.engine == nil {
		if err := h.do(forwardPackets); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, err)
		}
		h.engine = &engine{bridges: map[string]*bridge{}}
	}
	c, err := h.attach(name, bridgeName)
	if err != nil {
		return nil, fmt.Errorf("host %s: add container %s: %w", h.Name, name, err)
	}
	h.containers = append(h.containers, c)
	return c, nil
}

// attach makes the container and its cable to the bridge.
func (h *Host) attach(name, bridgeName string) (*Host, error) {
	nets, err := h.containerBridge(bridgeName)
	if err != nil {
		return nil, err
	}
	c, err := newHost(name)
	if err != nil {
		return nil, err
	}
	h.engine.cables++
	nets.containers++
	c.V4, c.V6 = nth(nets.v4.Addr(), nets.containers+1), nth(nets.v6.Addr(), nets.containers+1)
	cable := cable{
		near: c.namespace, nearName: interfaceOfHost,
		far: h.namespace, farName: fmt.Sprintf("veth%d", h.engine.cables), bridge: bridgeName,
		addresses: []netip.Prefix{netip.PrefixFrom(c.V4, nets.v4.Bits()), netip.PrefixFrom(c.V6, nets.v6.Bits())},
	}
	err = cable.lay()
	for _, net := range []netip.Prefix{nets.v4, nets.v6} {
		if err == nil {
			err = addRoute(c.links, anywhere(net.Addr()), nth(net.Addr(), 1))
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// containerBridge returns the networks behind a bridge of the host, which it makes where it is missing.
func (h *Host) containerBridge(name string) (*bridge, error) {
	if nets, known := h.engine.bridges[name]; known {
		return nets, nil
	}
	n := len(h.engine.bridges)
	nets := &bridge{
		v4: netip.MustParsePrefix(fmt.Sprintf("172.18.%d.0/24", n)),
		v6: netip.MustParsePrefix(fmt.Sprintf("fd18:0:0:%x::/64", n)),
	}
	if err := addBridge(h.links, name); err != nil {
		return nil, err
	}
	link, err := h.links.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find bridge %s: %w", name, err)
	}
	for _, net := range []netip.Prefix{nets.v4, nets.v6} {
		if err := addAddress(h.links, link, netip.PrefixFrom(nth(net.Addr(), 1), net.Bits())); err != nil {
			return nil, err
		}
	}
	h.engine.bridges[name] = nets
	return nets, nil
}

// forwardPackets makes the calling thread's namespace a router.
func forwardPackets() error {
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		if err := writeSysctl(name, "1"); err != nil {
			return fmt.Errorf("forward packets (%s): %w", strings.ReplaceAll(name, "/", "."), err)
		}
	}
	return nil
}

// anywhere is the default route's prefix of an address's family.
func anywhere(addr netip.Addr) netip.Prefix {
	if addr.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
