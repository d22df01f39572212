package sockdiag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// table is /proc/net/tcp{,6} as the kernel writes it on a machine whose numbers begin with the low byte.
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1CB6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1CB6 0900000A:C350 01 00000000:00000000 02:000A7214 00000000     0        0 1002 2 0000000000000000 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1CB6 01 00000000:00000000 00:00000000 00000000     0        0 1003 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:1CB6 0900000A:C351 06 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000
   4: 0100007F:1CB6 0900000A:C352 05 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000
12345: 0100007F:1CB5 0900000A:C353 08 00000000:00000001 00:00000000 00000000  1000        0 1004 1 0000000000000000 20 4 30 10 -1
   6: 0000000000000000FFFF00000100007F:1CB6 0000000000000000FFFF00000900000A:C354 01 00000000:00000000 00:00000000 00000000     0        0 1005 1
   7: 000000FD000000000000000001000000:1CB6 000000FD000000000000000009000000:C355 04 00000000:00000000 01:00000014 00000000     0        0 1006 1
`

func TestScan(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("lacking: a machine whose numbers begin with the low byte")
	}
	plain := netip.MustParseAddr("10.0.0.9")
	want := []seen{{7350, 1, plain}, {7349, 8, plain}, {7350, 1, netip.MustParseAddr("::ffff:10.0.0.9")}, {7350, 4, netip.MustParseAddr("fd00::9")}}
	q := query{[]uint16{7350, 7349}, countedStates}
	for _, size := range []int{200, 256, 1000, receiveSize} {
		for name, read := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "in pieces": iotest.OneByteReader, "end with the last": iotest.DataErrReader} {
			var shown []seen
			err := scan(t.Context(), rewound{read(strings.NewReader(table))}, make([]byte, size), q, collect(&shown))
			if err != nil || !slices.Equal(shown, want) {
				t.Errorf("%s, %d bytes at a time: %v, %v; want %v", name, size, shown, err, want)
			}
		}
	}
}

// rewound is a reader at its beginning.
type rewound struct{ io.Reader }

func (rewound) Seek(int64, int) (int64, error) { return 0, nil }

func TestScanMalformed(t *testing.T) {
	heading, rest, _ := strings.Cut(table, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	for what, text := range map[string]string{
		"no number":        heading + "\nsl\n",
		"no address":       heading + "\n 0: 1CB6\n",
		"a short address":  heading + "\n" + strings.Replace(line, "00000000:1CB6", "0000:1CB6", 1) + "\n",
		"no digits":        heading + "\n" + strings.Replace(line, "1CB6", "1cb6", 1) + "\n",
		"no remote digits": heading + "\n" + strings.Replace(line, "00000000:0000 0A", "0000000x:0000 01", 1) + "\n",
		"cut off":          heading + "\n" + line[:50] + "\n",
		"no end":           heading + "\n" + line,
		"endless":          heading + "\n" + strings.Repeat("0", receiveSize),
	} {
		err := scan(t.Context(), strings.NewReader(text), make([]byte, receiveSize), query{[]uint16{7350}, countedStates}, ignore)
		if !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v; want %v", what, err, errMalformed)
		}
	}
	broken := errors.New("broken")
	err := scan(t.Context(), rewound{iotest.ErrReader(broken)}, make([]byte, receiveSize), query{}, ignore)
	if !errors.Is(err, broken) {
		t.Errorf("%v; want %v", err, broken)
	}
}

// However a table is cut by reads, the same is shown.
func FuzzScan(f *testing.F) {
	f.Add([]byte(table), uint16(300))
	f.Add([]byte("sl\n\n"), uint16(1))
	f.Fuzz(func(t *testing.T, text []byte, size uint16) {
		q := query{[]uint16{7350, 7349}, countedStates}
		var whole, pieces []seen
		err := scan(t.Context(), bytes.NewReader(text), make([]byte, len(text)+1), q, collect(&whole))
		if err != nil && !errors.Is(err, errMalformed) {
			t.Fatal(err)
		}
		buffer := make([]byte, max(int(size), 1))
		if scan(t.Context(), bytes.NewReader(text), buffer, q, collect(&pieces)) == nil && !slices.Equal(pieces, whole) {
			t.Errorf("%d bytes at a time: %v; want %v", len(buffer), pieces, whole)
		}
		for _, s := range whole {
			if !slices.Contains(q.ports, s.port) || countedStates>>s.state&1 == 0 || !s.remote.IsValid() {
				t.Errorf("shown: %+v", s)
			}
		}
	})
}
