package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Publish makes a port of a container reachable on the host's own addresses, as `docker run -p` does: tables ip nat and
// ip6 nat, whose chains PREROUTING and OUTPUT send what is for the host itself to a chain DOCKER, which translates.
func (h *Host) Publish(hostPort uint16, container *Host, port uint16) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.engine == nil {
		return errors.New("host " + h.Name + ": publish: the host has no containers")
	}
	conn, err := nftables.New(nftables.WithNetNSFd(int(h.handle)))
	if err != nil {
		return fmt.Errorf("host %s: publish: %w", h.Name, err)
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		nat := translation{conn: conn, table: conn.AddTable(&nftables.Table{Name: "nat", Family: family})}
		nat.prepare(h.engine)
		nat.addPort(hostPort, container.Addr(family == nftables.TableFamilyIPv6), port)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("host %s: publish %d as %d: %w", h.Name, port, hostPort, err)
	}
	h.engine.translates = true
	for _, b := range h.engine.bridges {
		b.translated = true
	}
	return nil
}

// translation writes one family's nat table.
type translation struct {
	conn  *nftables.Conn
	table *nftables.Table
}

// prepare adds what a container engine adds at its start, and for each of its bridges.
func (t translation) prepare(e *engine) {
	if !e.translates {
		t.chain("DOCKER", nil, nil)
		t.jumpFrom(t.chain("PREROUTING", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest))
		t.jumpFrom(t.chain("OUTPUT", nftables.ChainHookOutput, nftables.ChainPriorityNATDest))
	}
	post := t.chain("POSTROUTING", nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	for _, name := range slices.Sorted(maps.Keys(e.bridges)) {
		if b := e.bridges[name]; !b.translated {
			t.masquerade(post, name, b)
		}
	}
}

// jumpFrom adds: fib daddr type local jump DOCKER
func (t translation) jumpFrom(base *nftables.Chain) {
	t.rule(base,
		&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)},
		&expr.Verdict{Kind: expr.VerdictJump, Chain: "DOCKER"})
}

// masquerade adds: ip saddr SUBNET oifname != BRIDGE masquerade
func (t translation) masquerade(chain *nftables.Chain, name string, b *bridge) {
	subnet, offset := b.v4, uint32(12) // of the source address in the IPv4 header
	if t.table.Family == nftables.TableFamilyIPv6 {
		subnet, offset = b.v6, 8
	}
	network := subnet.Addr().AsSlice()[:subnet.Bits()/8] // the subnets of bridges end at a whole byte
	t.rule(chain,
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(len(network))},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: network},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Register: 1, Op: expr.CmpOpNeq, Data: interfaceName(name)},
		&expr.Masq{})
}

// addPort adds: tcp dport HOSTPORT dnat to CONTAINER:PORT
func (t translation) addPort(hostPort uint16, to netip.Addr, port uint16) {
	family := uint32(unix.NFPROTO_IPV4)
	if to.Is6() {
		family = unix.NFPROTO_IPV6
	}
	t.rule(&nftables.Chain{Name: "DOCKER", Table: t.table},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: binary.BigEndian.AppendUint16(nil, hostPort)},
		&expr.Immediate{Register: 1, Data: to.AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: 1, RegProtoMin: 2, Specified: true})
}

func (t translation) chain(name string, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	chain := &nftables.Chain{Name: name, Table: t.table}
	if hook != nil {
		chain.Type, chain.Hooknum, chain.Priority = nftables.ChainTypeNAT, hook, priority
	}
	return t.conn.AddChain(chain)
}

func (t translation) rule(chain *nftables.Chain, exprs ...expr.Any) {
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: exprs})
}

// interfaceName is a name as the kernel compares it: with the zeros behind it.
func interfaceName(name string) []byte {
	return append([]byte(name), make([]byte, unix.IFNAMSIZ-len(name))...)
}
