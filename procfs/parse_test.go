package procfs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// needsLittleEndian skips where the samples, which are of such a machine, say something else.
func needsLittleEndian(t *testing.T) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the samples are of a little-endian machine")
	}
}

// TCP's listeners come first: what lies behind the first other socket is not even looked at. UDP has no such order.
func TestParseTable(t *testing.T) {
	needsLittleEndian(t)
	const first = "   0: 0100007F:1CB7 00000000:0000 %s 00000000:00000000 00:00000000 00000000   101        0 4711 1 0 100 0 0 10 0\n"
	const other = "   1: 0100007F:1CB6 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0\n"
	const last = "   2: 00000000000000000000000001000000:1CB6 00000000000000000000000000000000:0000 %s 0:0 00:0 0 0 0 4712 1\n"
	want := []Socket{{netip.MustParseAddrPort("127.0.0.1:7351"), 4711, 101}, {netip.MustParseAddrPort("[::1]:7350"), 4712, 0}}
	for protocol, text := range map[Protocol]string{
		TCP: fmt.Sprintf(heading+first+last, stateListen, stateListen) + other + "nonsense that is not reached\n",
		UDP: fmt.Sprintf(heading+first+other+last, stateUnconnected, stateUnconnected),
	} {
		if got, err := parseTable(strings.NewReader(text), protocol); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v; want %v", protocol, got, err, want)
		}
	}
	listener := fmt.Sprintf(first, stateListen)
	for _, bad := range []string{
		"x\n",
		strings.Replace(listener, "1CB7", "1CB77", 1),
		strings.Replace(listener, "0100007F", "01", 1),
		strings.Replace(listener, "101", "-101", 1),
		strings.Replace(listener, "4711", "-1", 1),
	} {
		if got, err := parseTable(strings.NewReader(heading+bad), TCP); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestParseAddr(t *testing.T) {
	needsLittleEndian(t)
	for text, want := range map[string]string{
		"0100007F:1CB7":                         "127.0.0.1:7351",
		"00000000000000000000000001000000:1CB7": "[::1]:7351",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
		"000018FD000000000000000002000000:0050": "[fd18::2]:80",
		"0100007F":                              "",
		"01:1CB7":                               "",
		"x100007F:1CB7":                         "",
		"0100007F:10000":                        "",
	} {
		got := ""
		if addr, err := parseAddr(text); err == nil {
			got = addr.String()
		}
		if got != want {
			t.Errorf("%q: got %q; want %q", text, got, want)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(heading + "   0: 0100007F:1CB7 00000000:0000 0A 0:0 00:0 0 101 0 4711 1\n")
	f.Add(heading + "   1: 00000000000000000000000001000000:1CB7 0:0 0A 0 0 0 0 0 5\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, protocol := range []Protocol{TCP, UDP} {
			found, _ := parseTable(strings.NewReader(text), protocol)
			for _, s := range found {
				if !s.Addr.IsValid() {
					t.Errorf("%q: %v", text, s)
				}
			}
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(make([]byte, answerSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseAnswer(data); err == nil && !s.Addr.IsValid() {
			t.Errorf("%x: %v", data, s)
		}
	})
}

func TestParseStat(t *testing.T) {
	const rest = " S 12 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3\n"
	for line, want := range map[string]Stat{
		"34 (nft)" + rest:         {"nft", 12, 98765},
		"34 (a) R 1 (b c)" + rest: {"a) R 1 (b c", 12, 98765},
		"34 ()" + rest:            {"", 12, 98765},
		"34 (nft) S 12 1 1":       {},
		"34 nft" + rest:           {},
		"34 )nft(" + rest:         {},
		"":                        {},
		"34 (nft) S x" + rest:     {},
		"34 (nft)" + strings.Replace(rest, "98765", "-1", 1): {},
	} {
		if got, ok := ParseStat([]byte(line)); ok != (want.Started > 0) || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", line, got, ok, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(own))
	f.Add("1 () () S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 8 0 1 0 0\n")
	f.Fuzz(func(t *testing.T, line string) {
		if s, ok := ParseStat([]byte(line)); ok && !strings.Contains(line, "("+s.Name+")") {
			t.Errorf("%q: %q", line, s.Name)
		}
	})
}
