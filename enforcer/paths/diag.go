package paths

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// The request and the answer of sock_diag (struct inet_diag_req_v2 and inet_diag_msg), as far as they are used.
const (
	diagRequestSize = 56
	diagAnswerSize  = 72
	diagSourcePort  = 4 // big endian, as the address
	diagSource      = 8
	diagInode       = 68

	tcpListen = 10 // numbers of states
	tcpClose  = 7  // of UDP: unconnected
)

// diagnose lists the listeners of the thread's network namespace. Unlike /proc/net/tcp, where the kernel walks its
// whole table of connections to find out that the listeners are over, this costs the listeners only.
func diagnose(protocol policy.Protocol) ([]socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, &netlink.Config{MessageBufferSize: dumpBuffer})
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	defer conn.Close()
	var all []socket
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		answers, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request | netlink.Dump},
			Data:   diagRequest(family, protocol),
		})
		if err != nil {
			return nil, fmt.Errorf("list %s listeners: %w", protocol, err)
		}
		for _, answer := range answers {
			s, err := parseDiag(answer.Data, protocol)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func diagRequest(family byte, protocol policy.Protocol) []byte {
	request := make([]byte, diagRequestSize)
	request[0] = family
	request[1] = unix.IPPROTO_TCP
	state := tcpListen
	if protocol == policy.UDP {
		request[1], state = unix.IPPROTO_UDP, tcpClose
	}
	binary.NativeEndian.PutUint32(request[4:], 1<<state)
	return request
}

var errDiag = errors.New("malformed answer of sock_diag")

func parseDiag(data []byte, protocol policy.Protocol) (socket, error) {
	if len(data) < diagAnswerSize {
		return socket{}, errDiag
	}
	size := 4
	if data[0] == unix.AF_INET6 {
		size = 16
	}
	addr, _ := netip.AddrFromSlice(data[diagSource : diagSource+size])
	return socket{
		protocol: protocol,
		addr:     netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(data[diagSourcePort:])),
		inode:    uint64(binary.NativeEndian.Uint32(data[diagInode:])),
	}, nil
}
