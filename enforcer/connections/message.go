package connections

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What golang.org/x/sys does not name (linux/inet_diag.h).
const (
	getSocks     = 18 // TCPDIAG_GETSOCK, the older request: it shows IPv4 and IPv6 in one walk
	attrBytecode = 1  // INET_DIAG_REQ_BYTECODE
	opJump       = 1  // INET_DIAG_BC_JMP
	opLocalPort  = 11 // INET_DIAG_BC_S_EQ
	timerWait    = 3  // nothing is left of the connection but the wait, perhaps as FIN_WAIT2
)

// listedStates are the states shown. A connection that the host itself is about to open is none to a guarded port.
const listedStates = 1<<unix.BPF_TCP_ESTABLISHED | 1<<unix.BPF_TCP_SYN_RECV | 1<<unix.BPF_TCP_FIN_WAIT1 |
	1<<unix.BPF_TCP_FIN_WAIT2 | 1<<unix.BPF_TCP_CLOSE_WAIT | 1<<unix.BPF_TCP_LAST_ACK | 1<<unix.BPF_TCP_CLOSING

const (
	sockIDSize  = 48                 // inet_diag_sockid: ports, addresses, device, cookie
	messageSize = 72                 // inet_diag_msg: a head of 4 bytes, the id, five words
	dumpSize    = 4 + sockIDSize + 8 // inet_diag_req
	destroySize = 8 + sockIDSize     // inet_diag_req_v2
)

// errMalformed: a message that is not what the kernel sends.
var errMalformed = errors.New("malformed inet_diag message")

// header is what is needed of an nlmsghdr.
type header struct {
	kind     uint16
	sequence uint32
}

// appendHeader begins a message whose body has a size.
func appendHeader(b []byte, kind, flags uint16, sequence uint32, size int) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.SizeofNlMsghdr+size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	return binary.NativeEndian.AppendUint32(b, 0)
}

// dumpRequest asks for the connections to local ports, at most mostPorts.
func dumpRequest(sequence uint32, ports []uint16) []byte {
	filter := portFilter(ports)
	b := appendHeader(nil, getSocks, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, sequence, dumpSize+unix.SizeofNlAttr+len(filter))
	b = append(b, make([]byte, 4+sockIDSize)...) // any family and id
	b = binary.NativeEndian.AppendUint32(b, listedStates)
	b = binary.NativeEndian.AppendUint32(b, 0) // not in use
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(filter)))
	b = binary.NativeEndian.AppendUint16(b, attrBytecode)
	return append(b, filter...)
}

// One port is a comparison of two operations and, but for the last, a jump to the end.
const (
	opSize      = 4
	compareSize = 2 * opSize
	portSize    = compareSize + opSize
	mostPorts   = 1000 // their filter fits into an attribute, and a jump spans it
)

// portFilter is a program that the kernel runs for each socket: it accepts by leading to its end, and refuses by
// leading one operation beyond.
func portFilter(ports []uint16) []byte {
	var b []byte
	end := len(ports)*portSize - opSize
	for i, port := range ports {
		b = appendOp(b, opLocalPort, compareSize, portSize) // if not: to the next port, or beyond the end
		b = appendOp(b, 0, 0, port)
		if i < len(ports)-1 {
			b = appendOp(b, opJump, opSize, uint16(end-len(b)))
		}
	}
	return b
}

// appendOp appends an inet_diag_bc_op: by how much to go on if it holds, and if not.
func appendOp(b []byte, code, yes uint8, no uint16) []byte {
	return binary.NativeEndian.AppendUint16(append(b, code, yes), no)
}

// destroyRequest asks to end one connection.
func destroyRequest(sequence uint32, flags uint16, c Connection) []byte {
	b := appendHeader(nil, unix.SOCK_DESTROY, flags, sequence, destroySize)
	b = append(b, c.family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, c.Local.Port())
	b = binary.BigEndian.AppendUint16(b, c.Remote.Port())
	b = appendAddr(b, c.family, c.Local.Addr())
	b = appendAddr(b, c.family, c.Remote.Addr())
	b = binary.NativeEndian.AppendUint32(b, c.device)
	return binary.NativeEndian.AppendUint64(b, c.Cookie)
}

// appendAddr writes an address as the socket's family has it: an IPv6 socket's IPv4 peer is ::ffff:a.b.c.d.
func appendAddr(b []byte, family uint8, addr netip.Addr) []byte {
	if family == unix.AF_INET6 {
		as16 := addr.As16()
		return append(b, as16[:]...)
	}
	as4 := addr.Unmap().As4()
	return append(append(b, as4[:]...), make([]byte, 12)...)
}

// parse reads an inet_diag_msg. Connections that nobody holds any more are not listed.
func parse(b []byte) (c Connection, listed bool, err error) {
	if len(b) < messageSize {
		return Connection{}, false, errMalformed
	}
	c.family, c.State = b[0], b[1]
	if b[2] == timerWait {
		return Connection{}, false, nil
	}
	local, ok := parseAddr(c.family, b[8:24])
	remote, ok2 := parseAddr(c.family, b[24:40])
	if !ok || !ok2 {
		return Connection{}, false, errMalformed
	}
	c.Local = netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:]))
	c.Remote = netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[6:]))
	c.device = binary.NativeEndian.Uint32(b[40:])
	c.Cookie = binary.NativeEndian.Uint64(b[44:])
	c.UID = binary.NativeEndian.Uint32(b[64:])
	return c, true, nil
}

func parseAddr(family uint8, b []byte) (netip.Addr, bool) {
	switch family {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(b[:4])), true
	case unix.AF_INET6:
		return netip.AddrFrom16([16]byte(b[:16])).Unmap(), true
	}
	return netip.Addr{}, false
}

// parseErrno reads the body of an error, acknowledgement or done message; 0 is success.
func parseErrno(body []byte) unix.Errno {
	if len(body) < 4 {
		return 0 // a done message without a code
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
}

// eachMessage splits what was received into netlink messages.
func eachMessage(b []byte, each func(header, []byte) (done bool, err error)) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return false, errMalformed
		}
		h := header{kind: binary.NativeEndian.Uint16(b[4:]), sequence: binary.NativeEndian.Uint32(b[8:])}
		if done, err := each(h, b[unix.SizeofNlMsghdr:length]); done || err != nil {
			return done, err
		}
		aligned := (length + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
		b = b[min(aligned, len(b)):]
	}
	return false, nil
}
