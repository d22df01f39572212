package paths

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables/expr"
)

func rangeText(r portRange) string {
	if r.first == r.last {
		return fmt.Sprint(r.first)
	}
	return rangeText2(r.first, r.last)
}

func rangeText2(first, last uint16) string { return fmt.Sprintf("%d-%d", first, last) }

// Who holds few is asked first, and who holds a hundred thousand sockets without a guarded name last.
func TestOwnersAreLookedForWhereTheyAreLikely(t *testing.T) {
	self := os.Getpid()
	processes := []process{{pid: 1, name: "holder"}, {pid: self, name: "nakama-warden"}, {pid: self + 1, name: "nakama"}, {pid: self + 2, name: "sh"}}
	var order []int
	for _, p := range likelyFirst(processes, []string{"nakama"}) {
		order = append(order, p.pid)
	}
	if want := []int{self, self + 1, 1, self + 2}; !slices.Equal(order, want) {
		t.Errorf("got %v; want %v", order, want)
	}
}

func TestArgumentsOfProxies(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 17351 -container-ip 172.17.0.2 -container-port 7351", "tcp 17351 172.17.0.2 7351"},
		{"docker-proxy -proto udp -host-ip :: -host-port 1 -container-ip fd18::2 -container-port 2 -use-listen-fd", "udp 1 fd18::2 2"},
		{"docker-proxy -use-listen-fd -host-port 1 -container-ip fd18::2 -container-port 2", "tcp 1 fd18::2 2"},
		{"docker-proxy -proto sctp -host-port 1 -container-port 2", ""},
		{"docker-proxy -host-port", ""},
		{"rootlesskit --net=slirp4netns -p 127.0.0.1:17351:7351/tcp --publish=80:90/udp dockerd -p 1:2", "tcp 17351 - 7351, udp 80 - 90"},
		{"pasta --config-net -t 17351:7351 -u none -T none --netns /x", "tcp 17351 - 7351"},
		{"pasta -t 10.0.0.1/7350-7351:8350-8351,80 -u 53", "tcp 7350 - 8350, tcp 7351 - 8351, tcp 80 - 80, udp 53 - 53"},
		{"pasta -t auto", ""},
	} {
		args := strings.Fields(c.args)
		var got []string
		for _, p := range argumentProxies()[args[0]](args) {
			to := "-"
			if p.to.IsValid() {
				to = p.to.String()
			}
			got = append(got, fmt.Sprintf("%s %d %s %d", p.protocol, p.port, to, p.toPort))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.args, text, c.want)
		}
	}
}

func TestMultiport(t *testing.T) {
	data := make([]byte, 48)
	data[0], data[1] = 1, 3 // destination ports: 80, 1000 to 2000
	for i, p := range []uint16{80, 1000, 2000} {
		binary.NativeEndian.PutUint16(data[2+2*i:], p)
	}
	data[2+30+1] = 1 // the second begins a range
	ports, ok := parseMultiport(data)
	if want := (portSet{{80, 80}, {1000, 2000}}); !ok || !slices.Equal(ports, want) {
		t.Errorf("got %v, %v; want %v", ports, ok, want)
	}
	data[47] = 1 // inverted
	if ports, _ := parseMultiport(data[:48]); ports.has(80) == false && !ports.has(81) {
		t.Errorf("inverted: %v", ports)
	}
}

func TestPortSets(t *testing.T) {
	s := union(portRange{10, 20}, portRange{21, 30}, portRange{40, 40}, portRange{9, 5})
	for _, c := range []struct {
		name      string
		got, want portSet
	}{
		{"union", s, portSet{{10, 30}, {40, 40}}},
		{"complement", s.complement(), portSet{{0, 9}, {31, 39}, {41, 65535}}},
		{"complement of all", allPorts().complement(), nil},
		{"complement of none", portSet(nil).complement(), allPorts()},
		{"intersection", s.intersect(portSet{{25, 45}}), portSet{{25, 30}, {40, 40}}},
		{"less than 0", comparedPorts(expr.CmpOpLt, 0), nil},
		{"greater than the last", comparedPorts(expr.CmpOpGt, 65535), nil},
		{"at least", comparedPorts(expr.CmpOpGte, 65535), portSet{{65535, 65535}}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: got %v; want %v", c.name, c.got, c.want)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add("docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 17351 -container-ip 172.17.0.2 -container-port 7351")
	f.Add("rootlesskit -p 127.0.0.1:17351:7351/tcp")
	f.Add("pasta -t 10.0.0.1/7350-7351:8350-8351,80 -u 53")
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, " ")
		for _, parse := range argumentProxies() {
			for _, p := range parse(args) {
				if p.port == 0 || p.toPort == 0 {
					t.Errorf("%q: half a proxy: %+v", text, p)
				}
			}
		}
	})
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		name     string
		revision uint32
		four     bool
		data     []byte
		want     string
	}{
		{"IPv4, revision 0", 0, true, slices.Concat(native(1), native(3), []byte{172, 17, 0, 2}, []byte{172, 17, 0, 3}, []byte{0x1C, 0xB7, 0x1C, 0xB8}), "172.17.0.2 172.17.0.3 7351 7352 false 0"},
		{"IPv4, two ranges", 0, true, slices.Concat(native(2), make([]byte, 32)), ""},
		{"IPv4, revision 2", 2, true, slices.Concat(native(3|1<<5), []byte{172, 17, 0, 2}, make([]byte, 12), []byte{172, 17, 0, 2}, make([]byte, 12), []byte{0x1C, 0xB7, 0x1C, 0xB8, 0, 80}), "172.17.0.2 172.17.0.2 7351 7352 true 80"},
		{"IPv6, revision 1", 1, false, slices.Concat(native(1), netip.MustParseAddr("fd18::2").AsSlice(), netip.MustParseAddr("fd18::3").AsSlice(), make([]byte, 4)), "fd18::2 fd18::3 0 0 false 0"},
		{"too short", 2, true, native(3), ""},
	} {
		got := ""
		if tr, ok := (target{"DNAT", c.revision, c.data}).translation(c.four); ok {
			got = strings.Join([]string{tr.from.String(), tr.to.String(), fmt.Sprint(tr.low), fmt.Sprint(tr.high), fmt.Sprint(tr.shifted), fmt.Sprint(tr.base)}, " ")
		}
		if got != c.want {
			t.Errorf("%s: got %q; want %q", c.name, got, c.want)
		}
	}
}

func native(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func FuzzXT(f *testing.F) {
	f.Add(slices.Concat(native(3), make([]byte, 40)), uint32(2), true)
	f.Add(slices.Concat(native(1), native(3), make([]byte, 40)), uint32(0), true)
	f.Fuzz(func(t *testing.T, data []byte, revision uint32, four bool) {
		parseMultiport(data)
		e := target{"DNAT", revision, data}
		e.proxyPort()
		tr, ok := e.translation(four)
		tr.match = anything()
		if ok && tr.low > 0 && tr.low == tr.high && !tr.shifted && tr.sources(tr.low).isEmpty() {
			t.Errorf("nothing leads to the port of %+v", tr)
		}
	})
}

// What the kernel says is parsed with the same care.
func FuzzRule(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x08\x00\x02\x00pre\x00"), byte(2))
	f.Fuzz(func(t *testing.T, data []byte, family byte) {
		if _, _, err := parseRuleMessage(family, data); err == nil && len(data) < nftHeader {
			t.Error("read a rule out of nothing")
		}
	})
}

func FuzzSave(f *testing.F) {
	f.Add(dockerSave)
	f.Add("*nat\n-A PREROUTING -j PREROUTING\n-A PREROUTING ! -p tcp -j DNAT --to-destination [::1]:1-2/3")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tr := range parseSave(text).translations() {
			if tr.match.isEmpty() {
				t.Errorf("a translation of nothing: %+v", tr)
			}
			tr.sources(7351)
		}
	})
}

func FuzzNftWords(f *testing.F) {
	f.Add(`include "/etc/nftables/*.nft" # all`)
	f.Add(`add table inet nakama_warden { comment "x # y"; }`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range nftWords(text) {
			if word == "" {
				t.Errorf("%q has an empty word", text)
			}
		}
	})
}
