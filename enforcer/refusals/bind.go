package refusals

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Of linux/netfilter/nfnetlink_log.h, which golang.org/x/sys does not have.
const (
	messagePacket = 0 // NFULNL_MSG_PACKET
	messageConfig = 1 // NFULNL_MSG_CONFIG

	configCommand    = 1 // NFULA_CFG_CMD
	configMode       = 2 // NFULA_CFG_MODE
	configBufferSize = 3 // NFULA_CFG_NLBUFSIZ
	configTimeout    = 4 // NFULA_CFG_TIMEOUT
	configThreshold  = 5 // NFULA_CFG_QTHRESH
	configFlags      = 6 // NFULA_CFG_FLAGS

	commandBind  = 1 // NFULNL_CFG_CMD_BIND
	copyPacket   = 2 // NFULNL_COPY_PACKET
	flagSequence = 1 // NFULNL_CFG_F_SEQ
)

const (
	// copied is how much of a packet comes with a refusal: the longest IPv4 header and the ports, or the IPv6 header with
	// a few extensions.
	copied = 96
	// gathered refusals make a datagram. With its attributes one is 400 bytes at most.
	gathered = 32
	// timeout is after how many hundredths of a second what was gathered is sent in any case.
	timeout = 50
	// datagramSize has room for what is gathered and, with the kernel's own 320 bytes, still fits into the 16 KiB that
	// it allocates: one byte more would cost 32 KiB of the receive buffer for each datagram.
	datagramSize = 15 << 10
)

// bind takes the group and says how to be told, in one message: there is no instant with the kernel's defaults.
func (l *Listener) bind(group uint16) error {
	err := l.request(messageConfig, configuration(group))
	switch {
	case errors.Is(err, unix.EPERM):
		return l.whyNotPermitted()
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("%w: this kernel may lack NFLOG (CONFIG_NETFILTER_NETLINK_LOG, module nfnetlink_log)", err)
	}
	return err
}

// whyNotPermitted tells the two reasons for EPERM apart. Nobody may send a packet message: to those who have the
// capability the kernel says that it does not support it, to others that it is not permitted.
func (l *Listener) whyNotPermitted() error {
	if err := l.request(messagePacket, header(0)); errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: needs CAP_NET_ADMIN (run as root, or see \"capabilities\" in the manual)", err)
	}
	return ErrGroupTaken
}

func configuration(group uint16) []byte {
	mode := append(binary.BigEndian.AppendUint32(nil, copied), copyPacket, 0)
	b := header(group)
	b = attribute(b, configCommand, []byte{commandBind})
	b = attribute(b, configMode, mode)
	b = attribute(b, configBufferSize, binary.BigEndian.AppendUint32(nil, datagramSize))
	b = attribute(b, configTimeout, binary.BigEndian.AppendUint32(nil, timeout))
	b = attribute(b, configThreshold, binary.BigEndian.AppendUint32(nil, gathered))
	return attribute(b, configFlags, binary.BigEndian.AppendUint16(nil, flagSequence))
}

// header is nfgenmsg: no family, version 0, and the group.
func header(group uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, group)
}

// request sends a message and returns the kernel's word on it, which is there when Send returns. Refusals that come
// before the word are passed over: as their numbers are missed later, they are counted as lost.
func (l *Listener) request(kind uint16, data []byte) error {
	sent, err := l.conn.Send(netlink.Message{
		Header: netlink.Header{
			Type:  unix.NFNL_SUBSYS_ULOG<<8 | netlink.HeaderType(kind),
			Flags: netlink.Request | netlink.Acknowledge,
		},
		Data: data,
	})
	if err != nil {
		return err
	}
	for {
		n, err := l.read(false)
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		for m := range messages(l.buffer[:n]) {
			if m.kind == unix.NLMSG_ERROR && m.sequence == sent.Header.Sequence && len(m.data) >= 4 {
				return verdictOf(m.data)
			}
		}
	}
}

// verdictOf reads an acknowledgement: a negative errno, or 0.
func verdictOf(data []byte) error {
	if code := int32(binary.NativeEndian.Uint32(data)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
