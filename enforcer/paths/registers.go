package paths

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// registers are the 64 bytes that a rule computes with, in words of four bytes.
type registers [16]word

type word struct {
	holds field
	data  [4]byte // of a constant
}

// field is what a word was loaded from.
type field byte

const (
	unknown field = iota
	constant
	protocolField
	portField // the destination port
)

// slot is the first word of a register: 1 to 4 are 16 bytes each, 8 to 23 are words.
func slot(register uint32) int {
	switch {
	case register >= unix.NFT_REG_1 && register <= unix.NFT_REG_4:
		return int(register-unix.NFT_REG_1) * 4
	case register >= unix.NFT_REG32_00 && register <= unix.NFT_REG32_15:
		return int(register - unix.NFT_REG32_00)
	}
	return -1
}

// load marks what a register holds now, and forgets what its other words held.
func (r *registers) load(register uint32, holds field, size int) {
	at := slot(register)
	if at < 0 {
		return
	}
	for i := at; i < min(len(r), at+max(1, (size+3)/4)); i++ {
		r[i] = word{}
	}
	r[at].holds = holds
}

func (r *registers) set(register uint32, data []byte) {
	at := slot(register)
	for chunk := range slices.Chunk(data, 4) {
		if at < 0 || at >= len(r) {
			return
		}
		r[at] = word{holds: constant}
		copy(r[at].data[:], chunk)
		at++
	}
}

func (r *registers) holds(register uint32) field {
	if at := slot(register); at >= 0 {
		return r[at].holds
	}
	return unknown
}

// tell says that a key which begins in a register has the protocol or the port in it. How long the key is stands in
// the set, so all words behind are looked at.
func (r *registers) tell(register uint32) bool {
	at := slot(register)
	return at >= 0 && slices.ContainsFunc(r[at:], func(w word) bool { return w.holds == protocolField || w.holds == portField })
}

func (r *registers) bytes(register uint32, size int) ([]byte, bool) {
	at := slot(register)
	if at < 0 || at+(size+3)/4 > len(r) {
		return nil, false
	}
	var data []byte
	for _, w := range r[at : at+(size+3)/4] {
		if w.holds != constant {
			return nil, false
		}
		data = append(data, w.data[:]...)
	}
	return data[:size], true
}

func (r *registers) address(register uint32, size int) (netip.Addr, bool) {
	data, known := r.bytes(register, size)
	if !known {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(data)
}

// ports reads the range of two registers; an absent first one is the range of no port, 0.
func (r *registers) ports(low, high uint32) (uint16, uint16, bool) {
	if low == 0 {
		return 0, 0, true
	}
	first, known := r.bytes(low, 2)
	if !known {
		return 0, 0, false
	}
	last := first
	if high != 0 {
		if last, known = r.bytes(high, 2); !known {
			return 0, 0, false
		}
	}
	return port(first), port(last), true
}

func port(data []byte) uint16 { return uint16(data[0])<<8 | uint16(data[1]) }
