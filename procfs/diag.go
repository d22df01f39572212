package procfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The request and the answer of sock_diag (struct inet_diag_req_v2 and inet_diag_msg), as far as they are used.
const (
	requestSize     = 56
	requestProtocol = 1
	requestStates   = 4

	answerSize   = 72
	answerPort   = 4 // big endian, as the address
	answerSource = 8
	answerUser   = 64
	answerInode  = 68
)

// receiveBuffer is how much of an answer is received at once; the kernel fills at most this.
const receiveBuffer = 32 << 10

// AskSockets lists what ReadSockets does of a network namespace, given by a descriptor; 0 is the thread's. It costs the
// listeners only: for /proc/net/tcp the kernel walks its whole table of connections to find out that the listeners are over.
func AskSockets(namespace int, protocol Protocol) ([]Socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, &netlink.Config{NetNS: namespace, MessageBufferSize: receiveBuffer})
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	defer conn.Close()
	var found []Socket
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		answers, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request | netlink.Dump},
			Data:   request(family, protocol),
		})
		if err != nil {
			return nil, fmt.Errorf("list %s listeners: %w", protocol, err)
		}
		for _, answer := range answers {
			s, err := parseAnswer(answer.Data)
			if err != nil {
				return nil, err
			}
			found = append(found, s)
		}
	}
	return found, nil
}

func request(family byte, protocol Protocol) []byte {
	r := make([]byte, requestSize)
	r[0], r[requestProtocol] = family, unix.IPPROTO_TCP
	states := uint32(1) << unix.BPF_TCP_LISTEN
	if protocol == UDP {
		r[requestProtocol], states = unix.IPPROTO_UDP, 1<<unix.BPF_TCP_CLOSE // the number of "unconnected"
	}
	binary.NativeEndian.PutUint32(r[requestStates:], states)
	return r
}

func parseAnswer(data []byte) (Socket, error) {
	if len(data) < answerSize {
		return Socket{}, errors.New("malformed answer of sock_diag")
	}
	size := 4
	if data[0] == unix.AF_INET6 {
		size = 16
	}
	addr, _ := netip.AddrFromSlice(data[answerSource : answerSource+size])
	return Socket{
		Addr:  netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(data[answerPort:])),
		Inode: uint64(binary.NativeEndian.Uint32(data[answerInode:])),
		User:  binary.NativeEndian.Uint32(data[answerUser:]),
	}, nil
}
