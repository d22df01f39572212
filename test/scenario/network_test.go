package scenario

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// route leads a host's packets for a container by way of another host.
func route(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	var hosts [3]*host
	for i, name := range args {
		var err error
		if hosts[i], err = s.host(name); err != nil {
			return err
		}
	}
	from, to, via := hosts[0], hosts[1], hosts[2]
	for _, six := range []bool{false, true} {
		addr := to.Addr(six)
		if err := from.Route(netip.PrefixFrom(addr, addr.BitLen()), via.Addr(six)); err != nil {
			return err
		}
	}
	return nil
}

// sysctl sets one of a host's own.
func sysctl(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	return h.Do(func() error { return setSysctl(args[1], args[2]) })
}

func setSysctl(name, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")), []byte(value), 0)
}

// divert has packets with mark 1 delivered on the host itself, whatever their destination: what TPROXY needs.
func divert(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	const mark, table = 1, 100
	return h.Do(func() error {
		loopback, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for family, everywhere := range map[int]string{unix.AF_INET: "0.0.0.0/0", unix.AF_INET6: "::/0"} {
			rule := netlink.NewRule()
			rule.Family, rule.Mark, rule.Table = family, mark, table
			_, all, err := net.ParseCIDR(everywhere)
			local := &netlink.Route{LinkIndex: loopback.Attrs().Index, Dst: all, Table: table, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST}
			if err := errors.Join(err, netlink.RuleAdd(rule), netlink.RouteAdd(local)); err != nil {
				return err
			}
		}
		return nil
	})
}

// stranger is a namespace beside a host that is no container of a bridge.
type stranger struct {
	host    *host // that it hangs on
	name    string
	v4, v6  netip.Prefix
	gateway [2]netip.Addr // none where it is on the lab's switch
}

// behind puts a machine behind a host, which routes for it: a cable, no bridge.
func behind(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	m := stranger{host: h, name: args[1], v4: netip.MustParsePrefix("10.88.0.2/24"), v6: netip.MustParsePrefix("fd88::2/64"),
		gateway: [2]netip.Addr{netip.MustParseAddr("10.88.0.1"), netip.MustParseAddr("fd88::1")}}
	return s.addStranger(ts, m, func(inside int) error {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "port0"}, PeerName: strangerInterface, PeerNamespace: netlink.NsFd(inside)}
		err := errors.Join(netlink.LinkAdd(pair), setSysctl("net.ipv4.ip_forward", "1"), setSysctl("net.ipv6.conf.all.forwarding", "1"))
		if err != nil {
			return err
		}
		return configure("port0", netip.PrefixFrom(m.gateway[0], m.v4.Bits()), netip.PrefixFrom(m.gateway[1], m.v6.Bits()))
	})
}

// macvlan gives a container an address on the lab's switch, past its host.
func macvlan(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	v4, err := netip.ParseAddr(args[2])
	if err != nil {
		return usageError(err.Error())
	}
	v6 := h.V6.As16()
	v6[15] = v4.As4()[3]
	m := stranger{host: h, name: args[1], v4: netip.PrefixFrom(v4, 24), v6: netip.PrefixFrom(netip.AddrFrom16(v6), 64)}
	return s.addStranger(ts, m, func(inside int) error {
		parent, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkAdd(&netlink.Macvlan{Mode: netlink.MACVLAN_MODE_BRIDGE, LinkAttrs: netlink.LinkAttrs{
			Name: strangerInterface, ParentIndex: parent.Attrs().Index, Namespace: netlink.NsFd(inside)}})
	})
}

const strangerInterface = "eth0"

// addStranger makes the namespace; lay, which runs on the host, connects it.
func (s *scene) addStranger(ts *testscript.TestScript, m stranger, lay func(inside int) error) error {
	made := lab.Namespace(tb{ts})
	made.Name, made.V4, made.V6 = m.name, m.v4.Addr(), m.v6.Addr()
	if err := m.host.Do(func() error { return lay(made.NetNS()) }); err != nil {
		return fmt.Errorf("connect %s: %w", m.name, err)
	}
	if err := made.Do(func() error { return configure(strangerInterface, m.v4, m.v6) }); err != nil {
		return fmt.Errorf("configure %s: %w", m.name, err)
	}
	for i, everywhere := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
		if m.gateway[i].IsValid() {
			if err := made.Route(everywhere, m.gateway[i]); err != nil {
				return err
			}
		}
	}
	return s.add(made)
}

// configure brings up an interface of this thread's namespace.
func configure(name string, addresses ...netip.Prefix) error {
	found, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, prefix := range addresses {
		address := &netlink.Addr{IPNet: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}}
		if prefix.Addr().Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(found, address); err != nil {
			return fmt.Errorf("add %s to %s: %w", prefix, name, err)
		}
	}
	return netlink.LinkSetUp(found)
}

// tb is a script as the lab's functions for tests ask for it.
type tb struct{ *testscript.TestScript }

func (tb) Helper()              {}
func (t tb) Fatal(args ...any)  { t.Fatalf("%s", fmt.Sprint(args...)) }
func (t tb) Cleanup(end func()) { t.Defer(end) }
