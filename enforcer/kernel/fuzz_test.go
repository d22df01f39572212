package kernel

import (
	"encoding/binary"
	"hash/maphash"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// realDumps are what the kernel tells of a table of ours and of an odd one.
func realDumps(f *testing.F) []*dump {
	f.Helper()
	table, host := open(f, Watched)
	read := func() *dump {
		d, err := table.dump(f.Context(), dumpAll)
		if err != nil {
			f.Fatal(err)
		}
		return d
	}
	commit(f, table, ruleset.Replace(sample(f)))
	first := read()
	mustNft(f, host, "delete table "+ours)
	load(f, host, oddTable)
	return []*dump{first, read()}
}

// message frames a payload as netlink does.
func message(kind netlink.HeaderType, data []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(data)))
	b = binary.NativeEndian.AppendUint16(b, uint16(kind))
	b = append(b, make([]byte, unix.NLMSG_HDRLEN-len(b))...)
	return append(b, data...)
}

func FuzzMessages(f *testing.F) {
	for _, d := range realDumps(f) {
		var datagram []byte
		for _, data := range d.rules {
			datagram = append(datagram, message(messageType(unix.NFT_MSG_NEWRULE), data)...)
		}
		f.Add(datagram)
	}
	f.Add(message(netlink.Error, []byte{255, 255, 255, 255}))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		told := 0
		done, err := eachMessage(datagram, func(h netlink.Header, data []byte) (bool, error) {
			told += unix.NLMSG_HDRLEN + len(data)
			if int(h.Length) != unix.NLMSG_HDRLEN+len(data) {
				t.Fatalf("a message of %d bytes has %d of data", h.Length, len(data))
			}
			_ = parseError(data)
			return false, nil
		})
		if done || told > len(datagram) {
			t.Errorf("done %t, %v; %d bytes of %d told", done, err, told, len(datagram))
		}
	})
}

func FuzzElements(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte{10, 0, 0, 0, 10, 0, 1, 0, 255, 255, 255, 255}, true)
	for _, prefix := range [][]byte{{}, make([]byte, 16)} {
		element := attribute(nil, unix.NFTA_SET_ELEM_KEY, attribute(nil, unix.NFTA_DATA_VALUE, append(prefix, 10, 9, 0, 0)))
		list := attribute(nil, unix.NFTA_SET_ELEM_LIST_ELEMENTS, attribute(nil, unix.NFTA_LIST_ELEM, element))
		f.Add(append(nfgenmsg(family), list...), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, plain bool) {
		var keys []elementKey
		var sum elementSum
		if plain { // the bytes are addresses, starts and ends in turn
			for i := 0; i+4 <= len(data); i += 4 {
				keys = append(keys, elementKey{key: data[i : i+4], end: i%8 == 4})
			}
		} else if len(data) >= nfgenmsgSize {
			_ = eachElement(data, func(k elementKey) {
				sum.add(k)
				keys = append(keys, k.clone())
			})
			if sum.count != len(keys) {
				t.Fatalf("%d elements summed, %d told", sum.count, len(keys))
			}
		}
		ranges, odd := rangesOf(keys)
		for i, r := range ranges {
			if odd == "" && !r.IsValid() {
				t.Fatalf("range %v of %v is not valid", r, keys)
			}
			if odd == "" && i > 0 && ranges[i-1].Overlaps(r) {
				t.Fatalf("ranges %v and %v of %v overlap", ranges[i-1], r, keys)
			}
		}
	})
}

func FuzzDump(f *testing.F) {
	const kinds = 6
	for _, d := range realDumps(f) {
		for kind, messages := range [kinds][][]byte{{d.tableMsg}, d.chains, d.rules, d.sets, d.objects, d.others} {
			for _, data := range messages {
				f.Add(byte(kind), data)
			}
		}
	}
	chain := textAttribute(nfgenmsg(family), unix.NFTA_CHAIN_NAME, "input")
	f.Fuzz(func(_ *testing.T, kind byte, data []byte) {
		if len(data) < nfgenmsgSize {
			return // request refuses it
		}
		_, _ = parseTable(data)
		_ = tableOf(data)
		d := &dump{table: tableState{present: true}, tableMsg: data, chains: [][]byte{chain}, elements: map[string]*elements{}}
		into := [kinds]*[][]byte{1: &d.chains, 2: &d.rules, 3: &d.sets, 4: &d.objects, 5: &d.others}[kind%kinds]
		if into != nil {
			*into = append(*into, data)
		}
		if r, err := d.decode(); err == nil {
			_ = r.String()
			_ = ruleset.Diff(r, ruleset.Ruleset{}).Lines()
			_ = r.Groups()
		}
		_, _ = d.counters()
		_ = shapeOf(maphash.MakeSeed(), d)
		_ = operation([]netlink.Message{{Header: netlink.Header{Type: messageType(uint16(kind))}, Data: data}}, 0)
	})
}

func FuzzEvents(f *testing.F) {
	generation := attribute(nfgenmsg(unix.AF_UNSPEC), 1, []byte{0, 0, 0, 1})
	generation = attribute(generation, genProcessID, []byte{0, 0, 1, 0})
	generation = textAttribute(generation, genProcessName, "nft")
	f.Add(uint16(messageType(unix.NFT_MSG_NEWGEN)), generation)
	for _, d := range realDumps(f) {
		for _, data := range d.rules {
			f.Add(uint16(messageType(unix.NFT_MSG_NEWRULE)), data)
		}
		for _, data := range d.chains {
			f.Add(uint16(messageType(unix.NFT_MSG_DELCHAIN)), data)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		var pending Event
		_, _ = pending.gather(netlink.Header{Type: netlink.HeaderType(kind)}, data)
		before := pending
		e, complete := pending.gather(netlink.Header{Type: messageType(unix.NFT_MSG_NEWGEN)}, generation)
		if complete != (before.Table || before.Around) || pending != (Event{}) {
			t.Errorf("after %+v: complete %t, left %+v", before, complete, pending)
		}
		if complete && (e.By.Name != "nft" || e.By.PID != 256) {
			t.Errorf("the writer is %+v", e.By)
		}
	})
}
