package refusals

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// flow is what the head of a packet tells about its way.
type flow struct {
	source   netip.Addr
	protocol uint8  // the number of the transport protocol, or of the header at which the copy ends
	port     uint16 // of the destination; 0 where there is none to be seen
}

const (
	ipv4Header   = 20 // without options
	ipv6Header   = 40
	extensionMin = 8 // the least an IPv6 extension header has
)

// parsePacket reads a packet from its network header on. The copy may end anywhere: whatever has a source is a packet.
func parsePacket(b []byte) (flow, bool) {
	switch {
	case len(b) >= ipv4Header && b[0]>>4 == 4:
		return parseIPv4(b), true
	case len(b) >= ipv6Header && b[0]>>4 == 6:
		return parseIPv6(b), true
	}
	return flow{}, false
}

func parseIPv4(b []byte) flow {
	f := flow{source: netip.AddrFrom4([4]byte(b[12:16])), protocol: b[9]}
	size := int(b[0]&0x0f) * 4
	laterFragment := binary.BigEndian.Uint16(b[6:])&0x1fff != 0
	if size >= ipv4Header && size <= len(b) && !laterFragment {
		f.port = destinationPort(f.protocol, b[size:])
	}
	return f
}

// parseIPv6 walks over the extension headers, which come in any number before the transport's.
func parseIPv6(b []byte) flow {
	f := flow{source: netip.AddrFrom16([16]byte(b[8:24])), protocol: b[6]}
	for b = b[ipv6Header:]; len(b) >= extensionMin; {
		size := 0
		switch f.protocol {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS:
			size = (int(b[1]) + 1) * 8
		case unix.IPPROTO_AH:
			size = (int(b[1]) + 2) * 4
		case unix.IPPROTO_FRAGMENT:
			size = 8
			if binary.BigEndian.Uint16(b[2:])>>3 != 0 {
				f.protocol = b[0]
				return f // a later fragment: what follows is not a header
			}
		}
		if size == 0 || size > len(b) {
			break
		}
		f.protocol, b = b[0], b[size:]
	}
	f.port = destinationPort(f.protocol, b)
	return f
}

// destinationPort reads the second two bytes of a transport header.
func destinationPort(protocol uint8, b []byte) uint16 {
	if protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_UDP || len(b) < 4 {
		return 0
	}
	return binary.BigEndian.Uint16(b[2:])
}

func protocolName(number uint8) string {
	switch number {
	case unix.IPPROTO_TCP:
		return string(policy.TCP)
	case unix.IPPROTO_UDP:
		return string(policy.UDP)
	}
	return strconv.Itoa(int(number))
}
