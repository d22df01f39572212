package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The names of the lab's interfaces.
const (
	bridgeOfLab     = "switch"
	interfaceOfHost = "eth0"
)

// cable is a veth pair from a host (near) to a bridge (far).
type cable struct {
	near, far         *namespace
	nearName, farName string
	bridge            string
	addresses         []netip.Prefix // of the near end
}

// lay makes the pair and brings it up: when it returns, packets pass.
func (c cable) lay() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.nearName
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: c.farName, PeerNamespace: netlink.NsFd(c.far.handle)}
	if err := c.near.links.LinkAdd(pair); err != nil {
		return fmt.Errorf("add veth pair %s, %s: %w", c.nearName, c.farName, err)
	}
	if err := c.plugIn(); err != nil {
		return fmt.Errorf("attach %s to bridge %s: %w", c.farName, c.bridge, err)
	}
	near, err := c.near.links.LinkByName(c.nearName)
	if err != nil {
		return fmt.Errorf("find %s: %w", c.nearName, err)
	}
	for _, address := range c.addresses {
		if err := addAddress(c.near.links, near, address); err != nil {
			return err
		}
	}
	if err := c.near.links.LinkSetUp(near); err != nil {
		return fmt.Errorf("bring %s up: %w", c.nearName, err)
	}
	return nil
}

func (c cable) plugIn() error {
	port, err := c.far.links.LinkByName(c.farName)
	if err != nil {
		return err
	}
	bridge, err := c.far.links.LinkByName(c.bridge)
	if err != nil {
		return err
	}
	if err := c.far.links.LinkSetMaster(port, bridge); err != nil {
		return err
	}
	return c.far.links.LinkSetUp(port)
}

// addAddress adds an address that may be used at once.
func addAddress(links *netlink.Handle, link netlink.Link, address netip.Prefix) error {
	a := &netlink.Addr{IPNet: ipNet(address)}
	if address.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := links.AddrAdd(link, a); err != nil {
		return fmt.Errorf("add address %s to %s: %w", address, link.Attrs().Name, err)
	}
	return nil
}

// addRoute leads packets for a prefix to a neighbour.
func addRoute(links *netlink.Handle, to netip.Prefix, via netip.Addr) error {
	if err := links.RouteAdd(&netlink.Route{Dst: ipNet(to), Gw: via.AsSlice()}); err != nil {
		return fmt.Errorf("add route to %s via %s: %w", to, via, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
