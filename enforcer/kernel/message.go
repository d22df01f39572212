package kernel

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nfgenmsg, the head of every nftables message: family, version, and the low 16 bits of the ruleset's generation.
const nfgenmsgSize = 4

func nfgenmsg(family byte) []byte { return []byte{family, unix.NFNETLINK_V0, 0, 0} }

func generationOf(data []byte) uint16 { return binary.BigEndian.Uint16(data[2:]) }

func messageType(kind uint16) netlink.HeaderType {
	return netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind)
}

// attributeHeader is the size of an attribute's length and type.
const attributeHeader = 4

// The bits of an attribute's type that are flags, not type.
const attributeFlags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER

// eachAttribute walks a list of attributes without copying. A length that does not fit is errMalformed.
func eachAttribute(b []byte, each func(kind uint16, value []byte) error) error {
	for len(b) >= attributeHeader {
		length := int(binary.NativeEndian.Uint16(b))
		if length < attributeHeader || length > len(b) {
			return errMalformed
		}
		if err := each(binary.NativeEndian.Uint16(b[2:])&^attributeFlags, b[attributeHeader:length]); err != nil {
			return err
		}
		b = b[min(nlAlign(length), len(b)):]
	}
	if len(b) > 0 {
		return errMalformed
	}
	return nil
}

// attribute appends one attribute to b.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attributeHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%unix.NLMSG_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

func textAttribute(b []byte, kind uint16, text string) []byte {
	return attribute(b, kind, append([]byte(text), 0))
}

// text is the content of a string attribute.
func text(value []byte) string {
	for i, c := range value {
		if c == 0 {
			return string(value[:i])
		}
	}
	return string(value)
}

// number is the content of an integer attribute of 1, 2, 4 or 8 bytes in network byte order; 0 if it has another size.
func number(value []byte) uint64 {
	switch len(value) {
	case 1:
		return uint64(value[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(value))
	case 4:
		return uint64(binary.BigEndian.Uint32(value))
	case 8:
		return binary.BigEndian.Uint64(value)
	}
	return 0
}

// attributes collects a message's attributes by type; of a repeated one the last counts.
func attributes(b []byte) (map[uint16][]byte, error) {
	found := map[uint16][]byte{}
	err := eachAttribute(b, func(kind uint16, value []byte) error {
		found[kind] = value
		return nil
	})
	return found, err
}
