package refusals

import (
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

// message is one netlink message of a datagram; data is a part of the datagram.
type message struct {
	kind     uint16
	sequence uint32
	data     []byte
}

// messages splits a datagram. What does not hold together ends it: the numbers that are missed then count as lost.
func messages(datagram []byte) iter.Seq[message] {
	return func(yield func(message) bool) {
		for b := datagram; len(b) >= unix.NLMSG_HDRLEN; {
			length := uint64(binary.NativeEndian.Uint32(b))
			if length < unix.NLMSG_HDRLEN || length > uint64(len(b)) {
				return
			}
			if !yield(message{
				kind:     binary.NativeEndian.Uint16(b[4:]),
				sequence: binary.NativeEndian.Uint32(b[8:]),
				data:     b[unix.NLMSG_HDRLEN:length],
			}) {
				return
			}
			b = b[min(align(int(length)), len(b)):]
		}
	}
}

// record is what the kernel tells of one packet. Its parts are parts of the datagram.
type record struct {
	number uint32 // counts up by one from 0 for each record of the group
	prefix []byte
	packet []byte // from the network header on
}

// Of linux/netfilter/nfnetlink_log.h.
const (
	recordPayload = 9  // NFULA_PAYLOAD
	recordPrefix  = 10 // NFULA_PREFIX
	recordNumber  = 12 // NFULA_SEQ
)

// headerSize is the size of nfgenmsg, before the attributes.
const headerSize = 4

// parseRecord reads the content of a packet message. One without a number is none.
func parseRecord(data []byte) (r record, ok bool) {
	if len(data) < headerSize {
		return record{}, false
	}
	for kind, value := range attributes(data[headerSize:]) {
		switch kind {
		case recordPayload:
			r.packet = value
		case recordPrefix:
			r.prefix = value
			if last := len(value) - 1; last >= 0 && value[last] == 0 {
				r.prefix = value[:last]
			}
		case recordNumber:
			if len(value) == 4 {
				r.number, ok = binary.BigEndian.Uint32(value), true
			}
		}
	}
	return r, ok
}

const (
	attributeHeader = 4
	attributeFlags  = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER // in the type of an attribute
)

// attributes walks a list of attributes, up to the first that does not fit.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= attributeHeader {
			length := int(binary.NativeEndian.Uint16(b))
			if length < attributeHeader || length > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&^attributeFlags, b[attributeHeader:length]) {
				return
			}
			b = b[min(align(length), len(b)):]
		}
	}
}

// attribute appends one attribute to b.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attributeHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align(len(value))-len(value))...)
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
