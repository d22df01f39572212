package sockdiag

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What golang.org/x/sys does not name (linux/inet_diag.h).
const (
	getSock      = 18 // TCPDIAG_GETSOCK, the older request
	byFamily     = 20 // SOCK_DIAG_BY_FAMILY
	attrBytecode = 1  // INET_DIAG_REQ_BYTECODE
	opJump       = 1  // INET_DIAG_BC_JMP
	opLocalPort  = 11 // INET_DIAG_BC_S_EQ
	sockIDSize   = 48 // inet_diag_sockid
	messageSize  = 72 // inet_diag_msg
)

// mostPorts keeps the search for a port's counts short.
const mostPorts = 16

// appendRequest appends a request for a dump: of both families at once if the family is AF_UNSPEC.
func appendRequest(b []byte, family uint8, sequence uint32, q query) []byte {
	native, start := binary.NativeEndian, len(b)
	kind := uint16(byFamily)
	if family == unix.AF_UNSPEC {
		kind = getSock
	}
	b = native.AppendUint32(b, 0) // the length, known at the end
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = native.AppendUint32(b, sequence)
	b = native.AppendUint32(b, 0)
	var anyID [sockIDSize]byte
	if kind == getSock {
		b = append(b, family, 0, 0, 0) // with the lengths of addresses and no extensions
		b = append(b, anyID[:]...)
		b = native.AppendUint32(b, q.states)
		b = native.AppendUint32(b, 0) // not used by the kernel
	} else {
		b = append(b, family, unix.IPPROTO_TCP, 0, 0) // no extensions
		b = native.AppendUint32(b, q.states)
		b = append(b, anyID[:]...)
	}
	b = native.AppendUint16(b, uint16(unix.SizeofNlAttr+filterSize(len(q.ports))))
	b = native.AppendUint16(b, attrBytecode)
	b = appendFilter(b, q.ports)
	native.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// A filter is a program of operations of four bytes that the kernel runs for each socket: it accepts what leads to its
// end, and refuses what leads beyond. A port is a comparison of two operations and, but for the last, a jump to the end
// (a comparison cannot jump there itself: the kernel wants each "no" to lead to an operation that some "yes" leads to).
const (
	opSize      = 4
	compareSize = 2 * opSize
	portSize    = compareSize + opSize
)

func filterSize(ports int) int { return ports*portSize - opSize }

func appendFilter(b []byte, ports []uint16) []byte {
	native := binary.NativeEndian
	for i, port := range ports {
		b = append(b, opLocalPort, compareSize)
		b = native.AppendUint16(b, portSize) // if not: to the next port, or beyond the end
		b = append(b, 0, 0)
		b = native.AppendUint16(b, port)
		if rest := len(ports) - i - 1; rest > 0 {
			b = append(b, opJump, opSize)
			b = native.AppendUint16(b, uint16(opSize+filterSize(rest)))
		}
	}
	return b
}

// answer is what one read of an answer says of the whole.
type answer struct {
	done bool // nothing follows
	torn bool // the table changed while the kernel walked it: some sockets may be missing or shown twice
}

// parseAnswer shows the sockets of one read, of those states. What answers another request is passed over.
func parseAnswer(b []byte, sequence, states uint32, show visit) (a answer, err error) {
	native := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr {
		length := int(native.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return a, errMalformed
		}
		kind, flags := native.Uint16(b[4:]), native.Uint16(b[6:])
		body, ours := b[unix.SizeofNlMsghdr:length], native.Uint32(b[8:]) == sequence
		b = b[min(align(length), len(b)):]
		if !ours {
			continue
		}
		a.torn = a.torn || flags&unix.NLM_F_DUMP_INTR != 0
		switch kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			a.done = true
			return a, parseErrno(body)
		case getSock, byFamily:
			if err := parseSocket(body, states, show); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

// parseSocket shows one socket, unless nobody holds it any more.
func parseSocket(b []byte, states uint32, show visit) error {
	if len(b) < messageSize {
		return errMalformed
	}
	family, state, timer := b[0], b[1], b[2]
	if timer == timerWait || states&(1<<state) == 0 {
		return nil
	}
	port := binary.BigEndian.Uint16(b[4:])
	switch remote := b[24:40]; family {
	case unix.AF_INET:
		show(port, state, netip.AddrFrom4([4]byte(remote)))
	case unix.AF_INET6:
		show(port, state, netip.AddrFrom16([16]byte(remote)))
	default:
		return errMalformed
	}
	return nil
}

// parseErrno reads the body of an error or of the end.
func parseErrno(body []byte) error {
	if len(body) < 4 {
		return nil // an end without a code
	}
	if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
		return fmt.Errorf("ask inet_diag: %w", unix.Errno(errno))
	}
	return nil
}

func align(length int) int { return (length + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
