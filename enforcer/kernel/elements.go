package kernel

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"go4.org/netipx"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// Elements are written here and not by the library: it makes six allocations for each, which is most of the time that
// a large roster takes.

// elementsPerMessage keeps the list, an attribute with a 16-bit length, below 64 KiB: an IPv6 element takes 36 bytes.
const elementsPerMessage = 1500

// elementMessages are the messages that add ranges to a set (NFT_MSG_NEWSETELEM) or delete them (NFT_MSG_DELSETELEM).
func elementMessages(kind uint16, set string, ranges []netipx.IPRange) []netlink.Message {
	var messages []netlink.Message
	var list []byte
	count := 0
	flush := func() {
		if count == 0 {
			return
		}
		data := textAttribute(nfgenmsg(family), unix.NFTA_SET_ELEM_LIST_TABLE, ruleset.TableName)
		data = textAttribute(data, unix.NFTA_SET_ELEM_LIST_SET, set)
		data = attribute(data, unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, list)
		messages = append(messages, netlink.Message{
			Header: netlink.Header{Type: messageType(kind), Flags: netlink.Request | netlink.Create}, Data: data})
		list, count = list[:0], 0
	}
	for _, r := range ranges {
		list = appendElement(list, r.From(), 0)
		count++
		// The range that reaches the last address has no end.
		if end, ok := endOf(r); ok {
			list = appendElement(list, end, unix.NFT_SET_ELEM_INTERVAL_END)
			count++
		}
		if count >= elementsPerMessage {
			flush()
		}
	}
	flush()
	return messages
}

// appendElement appends one element: its key, and its flags if it has any.
func appendElement(b []byte, key netip.Addr, flags uint32) []byte {
	size := key.BitLen() / 8
	keySize := attributeHeader + size // the value, within the key
	elementSize := attributeHeader + keySize
	if flags != 0 {
		elementSize += attributeHeader + 4
	}
	b = appendHeader(b, unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, elementSize)
	b = appendHeader(b, unix.NFTA_SET_ELEM_KEY|unix.NLA_F_NESTED, keySize)
	b = appendHeader(b, unix.NFTA_DATA_VALUE, size)
	b = appendAddr(b, key)
	if flags != 0 {
		b = appendHeader(b, unix.NFTA_SET_ELEM_FLAGS, 4)
		b = binary.BigEndian.AppendUint32(b, flags)
	}
	return b
}

// appendAddr appends the 4 or 16 bytes of an address.
func appendAddr(b []byte, addr netip.Addr) []byte {
	if addr.Is4() {
		bytes := addr.As4()
		return append(b, bytes[:]...)
	}
	bytes := addr.As16()
	return append(b, bytes[:]...)
}

// appendHeader appends the head of an attribute whose content has the size, a multiple of 4.
func appendHeader(b []byte, kind uint16, size int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attributeHeader+size))
	return binary.NativeEndian.AppendUint16(b, kind)
}

// endOf is the first address after the range.
func endOf(r netipx.IPRange) (netip.Addr, bool) {
	end := r.To().Next()
	return end, end.IsValid()
}
