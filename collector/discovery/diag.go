package discovery

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

// diagnose lists the listeners of a network namespace, given by a descriptor; 0 is the caller's.
func diagnose(namespace int) ([]listener, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, &netlink.Config{NetNS: namespace})
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	defer conn.Close()
	var found []listener
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, requestSize)
		request[0], request[requestProtocol] = family, unix.IPPROTO_TCP
		binary.NativeEndian.PutUint32(request[requestStates:], 1<<unix.BPF_TCP_LISTEN)
		answers, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request | netlink.Dump},
			Data:   request,
		})
		if err != nil {
			return nil, fmt.Errorf("list listeners: %w", err)
		}
		for _, answer := range answers {
			l, err := parseAnswer(answer.Data)
			if err != nil {
				return nil, err
			}
			found = append(found, l)
		}
	}
	return found, nil
}

func parseAnswer(data []byte) (listener, error) {
	if len(data) < answerSize {
		return listener{}, errors.New("malformed answer of sock_diag")
	}
	size := 4
	if data[0] == unix.AF_INET6 {
		size = 16
	}
	addr, _ := netip.AddrFromSlice(data[answerSource : answerSource+size])
	return listener{
		addr:  netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(data[answerPort:])),
		inode: uint64(binary.NativeEndian.Uint32(data[answerInode:])),
		user:  binary.NativeEndian.Uint32(data[answerUser:]),
	}, nil
}
