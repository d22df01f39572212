package paths

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// matchXT narrows a match by an extension of iptables, as iptables-nft puts them into nftables.
func matchXT(e *expr.Match, m match) match {
	switch info := e.Info.(type) {
	case *xt.Tcp:
		return xtPorts(m.onProtocol(protocolTCP, false), info.DstPorts, info.InvFlags&xt.TcpInvDestPorts != 0)
	case *xt.Udp:
		return xtPorts(m.onProtocol(protocolUDP, false), info.DstPorts, info.InvFlags&xt.UdpInvDestPorts != 0)
	case *xt.Unknown:
		if e.Name == "multiport" {
			if ports, ok := parseMultiport(*info); ok {
				return m.onPorts(ports)
			}
		}
	}
	return m
}

func xtPorts(m match, bounds [2]uint16, inverted bool) match {
	ports := union(portRange{bounds[0], bounds[1]})
	if inverted {
		ports = ports.complement()
	}
	return m.onPorts(ports)
}

// parseMultiport reads xt_multiport_v1: which ports are meant, how many there are, fifteen ports, for each whether it
// begins a range that the next one ends, and whether all is inverted. Only destination ports tell anything.
func parseMultiport(data []byte) (portSet, bool) {
	const (
		most        = 15
		size        = 2 + 2*most + most + 1
		destination = 1
	)
	if len(data) < size || data[0] != destination || data[1] > most {
		return nil, false
	}
	at := func(i int) uint16 { return binary.NativeEndian.Uint16(data[2+2*i:]) }
	var ranges []portRange
	for i := 0; i < int(data[1]); i++ {
		r := portRange{at(i), at(i)}
		if beginsRange := data[2+2*most+i] != 0; beginsRange && i+1 < int(data[1]) {
			i++
			r.last = at(i)
		}
		ranges = append(ranges, r)
	}
	ports := union(ranges...)
	if data[size-1] != 0 {
		ports = ports.complement()
	}
	return ports, true
}

// target is a target of iptables. Its data is read here: the library trusts a count in it.
type target struct {
	name     string
	revision uint32
	data     []byte
}

func parseTarget(body []byte) (any, error) {
	attributes, err := decoder(body)
	if err != nil {
		return nil, err
	}
	var t target
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NFTA_TARGET_NAME:
			t.name = attributes.String()
		case unix.NFTA_TARGET_REV:
			t.revision = attributes.Uint32()
		case unix.NFTA_TARGET_INFO:
			t.data = attributes.Bytes()
		}
	}
	return t, attributes.Err()
}

// target notes a translation that iptables-nft made.
func (w *walk) target(at position, e target, m match) {
	var t translation
	var verb string
	var known bool
	four := at.table.Family == nftables.TableFamilyIPv4
	switch e.name {
	case "DNAT":
		verb = "dnat"
		t, known = e.translation(four)
	case "REDIRECT":
		verb = "redirect"
		t, known = e.translation(four)
		t.from, t.to = netip.Addr{}, netip.Addr{}
	case "TPROXY":
		verb = "tproxy"
		t.low, known = e.proxyPort()
	default:
		return
	}
	w.add(at, verb, t, known, m)
}

// Flags of NAT ranges (NF_NAT_RANGE_*).
const (
	rangeOfAddresses = 1 << 0
	rangeOfPorts     = 1 << 1
	rangeShifted     = 1 << 5
)

// translation reads what DNAT or REDIRECT translate to. Revision 0 of IPv4 has a count, which is 1, and addresses of
// four bytes; all others have addresses of sixteen (struct nf_nat_range), and revision 2 a base port behind the ports.
func (e target) translation(four bool) (translation, bool) {
	data, size := e.data, 16
	if four && e.revision == 0 {
		if len(data) < 4 || binary.NativeEndian.Uint32(data) != 1 {
			return translation{}, false
		}
		data, size = data[4:], 4
	}
	ports := 4 + 2*size
	if len(data) < ports+4 || e.revision == 2 && len(data) < ports+6 {
		return translation{}, false
	}
	var t translation
	flags := binary.NativeEndian.Uint32(data)
	if flags&rangeOfAddresses != 0 {
		significant := size
		if four {
			significant = 4 // the rest of the union is not used
		}
		t.from, _ = netip.AddrFromSlice(data[4 : 4+significant])
		t.to, _ = netip.AddrFromSlice(data[4+size : 4+size+significant])
	}
	if flags&rangeOfPorts != 0 {
		t.low, t.high = port(data[ports:]), port(data[ports+2:])
		if e.revision == 2 && flags&rangeShifted != 0 {
			t.shifted, t.base = true, port(data[ports+4:])
		}
	}
	return t, true
}

// proxyPort reads the port of TPROXY: behind mark, its mask and the address (16 bytes since revision 1).
func (e target) proxyPort() (uint16, bool) {
	offset := 4 + 4 + 4
	if e.revision > 0 {
		offset = 4 + 4 + 16
	}
	if len(e.data) < offset+2 {
		return 0, false
	}
	return port(e.data[offset:]), true
}
