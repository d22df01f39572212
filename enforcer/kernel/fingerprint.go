package kernel

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"maps"

	"go4.org/netipx"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// fingerprint is what a dump of the committed ruleset must look like. The shape is what the kernel dumped right after
// the commit, once its meaning was found right: what was sent looks different. The elements need no dump: what one
// looks like is known.
type fingerprint struct {
	set      bool
	seed     maphash.Seed
	shape    uint64
	elements map[string]elementSum
}

// elementKey is one element of an interval set: the start of a range, or the first address after it.
type elementKey struct {
	key []byte
	end bool
	odd bool // has something that no element of ours has, such as a timeout
}

func (k elementKey) clone() elementKey {
	k.key = bytes.Clone(k.key)
	return k
}

// elementSum identifies a set's elements whatever their order. Sums of sets can be changed by an element at a time.
type elementSum struct {
	sum   uint64
	count int
	odd   int
}

// elementSeed is fixed: sums are compared with each other and with what is computed from a ruleset.
const elementSeed = 0x9e3779b97f4a7c15

func (s *elementSum) add(k elementKey) {
	s.sum += k.hash()
	s.count++
	if k.odd {
		s.odd++
	}
}

// hash mixes the key in a way that no sum of other keys meets by accident (a 64-bit finaliser with full avalanche).
func (k elementKey) hash() uint64 {
	h := uint64(elementSeed)
	if k.end {
		h = ^h
	}
	for b := k.key; len(b) > 0; {
		var word uint64
		if len(b) >= 8 {
			word, b = binary.BigEndian.Uint64(b), b[8:]
		} else {
			word, b = number(b)+1, nil
		}
		h ^= word
		h ^= h >> 32
		h *= 0xd6e8feb86659fd93
		h ^= h >> 32
		h *= 0xd6e8feb86659fd93
		h ^= h >> 32
	}
	return h
}

// sumOf is the sum that a set of these ranges has in the kernel.
func sumOf(ranges []netipx.IPRange) elementSum {
	var s elementSum
	var key [16]byte
	for _, r := range ranges {
		s.add(elementKey{key: appendAddr(key[:0], r.From())})
		if end, ok := endOf(r); ok {
			s.add(elementKey{key: appendAddr(key[:0], end), end: true})
		}
	}
	return s
}

func (f *fingerprint) expectElements(want ruleset.Ruleset) {
	f.elements = make(map[string]elementSum, len(want.Sets))
	for _, s := range want.Sets {
		f.elements[s.Name] = sumOf(s.Ranges)
	}
}

// expectChange brings the sums up to date without looking at what stays. A repair leads back to what was committed, from
// elements that others made: what is expected stays as it is.
func (f *fingerprint) expectChange(committed, want ruleset.Ruleset, changes []ruleset.SetChange) {
	elements := maps.Clone(f.elements)
	for _, c := range changes {
		if sameSlice(rangesNamed(committed, c.Set.Name), rangesNamed(want, c.Set.Name)) {
			continue
		}
		sum, added, deleted := elements[c.Set.Name], sumOf(c.Add), sumOf(c.Delete)
		sum.sum += added.sum - deleted.sum
		sum.count += added.count - deleted.count
		elements[c.Set.Name] = sum
	}
	f.elements = elements
}

func rangesNamed(r ruleset.Ruleset, set string) []netipx.IPRange {
	for _, s := range r.Sets {
		if s.Name == set {
			return s.Ranges
		}
	}
	return nil
}

// sameSlice says that both are one and the same, not only equal: looking at 100k elements takes longer than changing ten.
func sameSlice(a, b []netipx.IPRange) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// shapeOf hashes everything of a dump but elements, leaving out what changes without meaning: handles, use counts,
// positions (they are handles), and the counters' values.
func shapeOf(seed maphash.Seed, d *dump) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	hashObject := func(data []byte, volatile ...uint16) {
		h.WriteByte(data[0]) // the family
		_ = eachAttribute(data[nfgenmsgSize:], func(kind uint16, value []byte) error {
			for _, v := range volatile {
				if kind == v {
					return nil
				}
			}
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(kind)<<16|uint32(len(value))))
			h.Write(value)
			return nil
		})
		h.WriteByte(0)
	}
	hashObject(d.tableMsg, tableHandle, unix.NFTA_TABLE_USE)
	for _, data := range d.chains {
		hashObject(data, unix.NFTA_CHAIN_HANDLE, unix.NFTA_CHAIN_USE, unix.NFTA_CHAIN_COUNTERS)
	}
	for _, data := range d.rules {
		hashObject(data, unix.NFTA_RULE_HANDLE, unix.NFTA_RULE_POSITION)
	}
	for _, data := range d.sets {
		hashObject(data, setHandle, setCount)
	}
	for _, data := range d.objects {
		hashObject(data, objectHandle, unix.NFTA_OBJ_USE, unix.NFTA_OBJ_DATA)
	}
	for _, data := range d.others {
		hashObject(data)
	}
	return h.Sum64()
}

// Attributes that golang.org/x/sys does not name.
const (
	tableHandle  = 4  // NFTA_TABLE_HANDLE
	objectHandle = 6  // NFTA_OBJ_HANDLE
	setHandle    = 16 // NFTA_SET_HANDLE
	setCount     = 20 // NFTA_SET_COUNT
)

// eachElement hands every element of one dump message to each. The key is valid during the call only.
func eachElement(data []byte, each func(elementKey)) error {
	return eachAttribute(data[nfgenmsgSize:], func(kind uint16, value []byte) error {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return nil
		}
		return eachAttribute(value, func(_ uint16, element []byte) error {
			key, err := parseElement(element)
			if err == nil {
				each(key)
			}
			return err
		})
	})
}

func parseElement(element []byte) (elementKey, error) {
	var k elementKey
	err := eachAttribute(element, func(kind uint16, value []byte) error {
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
			return eachAttribute(value, func(kind uint16, value []byte) error {
				if kind == unix.NFTA_DATA_VALUE {
					k.key = value
				}
				return nil
			})
		case unix.NFTA_SET_ELEM_FLAGS:
			flags := number(value)
			k.end = flags&unix.NFT_SET_ELEM_INTERVAL_END != 0
			k.odd = k.odd || flags&^unix.NFT_SET_ELEM_INTERVAL_END != 0
		case unix.NFTA_SET_ELEM_USERDATA, unix.NFTA_SET_ELEM_PAD:
			// A comment, or a mark of nft's own: neither matches anything.
		default:
			k.odd = true
		}
		return nil
	})
	return k, err
}
