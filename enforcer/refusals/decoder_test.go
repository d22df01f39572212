package refusals

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

func TestPrefix(t *testing.T) {
	for _, c := range []struct{ prefix, service, verdict string }{
		{"nakama-warden refused nakama-console", "nakama-console", Refused},
		{"nakama-warden would_refuse my_own-1", "my_own-1", WouldRefuse},
		{"nakama-warden refused ", "", ""},
		{"nakama-warden refused", "", ""},
		{"nakama-warden  nakama-console", "", ""},
		{"nakama-warden2 refused nakama-console", "", ""},
		{"", "", ""},
	} {
		service, verdict, ok := ParsePrefix(c.prefix)
		if service != c.service || verdict != c.verdict || ok != (c.service != "") {
			t.Errorf("%q: %q, %q, %v; want %q, %q", c.prefix, service, verdict, ok, c.service, c.verdict)
		}
		if c.service != "" && Prefix(c.service, c.verdict) != c.prefix {
			t.Errorf("Prefix = %q; want %q", Prefix(c.service, c.verdict), c.prefix)
		}
	}
	if long := Prefix(strings.Repeat("x", 200), Refused); len(long) != 127 {
		t.Errorf("a prefix of %d bytes; the kernel takes 127", len(long))
	}
}

// The two ends of the wire are written in two packages.
func TestTheRulesetSpeaksOurLanguage(t *testing.T) {
	if Refused != ruleset.VerdictRefused || WouldRefuse != ruleset.VerdictWouldRefuse {
		t.Errorf("the ruleset's verdicts are %s and %s", ruleset.VerdictRefused, ruleset.VerdictWouldRefuse)
	}
	if theirs, ours := ruleset.LogPrefix("nakama-console", Refused), Prefix("nakama-console", Refused); theirs != ours {
		t.Errorf("the ruleset logs %q, which is not %q", theirs, ours)
	}
}

func TestParsePacket(t *testing.T) {
	const (
		ports    = "\xc0\x00\x1c\xb7" // to 7351
		tcp, udp = 6, 17
	)
	four, six := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")
	for name, c := range map[string]struct {
		packet []byte
		want   flow
	}{
		"IPv4":                      {ipv4(four, tcp, 0, 0, ports), flow{four, tcp, 7351}},
		"IPv4 with options":         {ipv4(four, udp, 40, 0, ports), flow{four, udp, 7351}},
		"first fragment":            {ipv4(four, udp, 0, 0x2000, ports), flow{four, udp, 7351}},
		"later fragment":            {ipv4(four, udp, 0, 0x2001, ports), flow{four, udp, 0}},
		"short":                     {ipv4(four, tcp, 0, 0, ports[:3]), flow{four, tcp, 0}},
		"options cut off":           {ipv4(four, tcp, 40, 0, ports)[:50], flow{four, tcp, 0}},
		"ICMP":                      {ipv4(four, 1, 0, 0, ports), flow{four, 1, 0}},
		"IPv6":                      {ipv6(six, tcp, ports), flow{six, tcp, 7351}},
		"IPv6 short":                {ipv6(six, udp, ""), flow{six, udp, 0}},
		"IPv6 options":              {ipv6(six, 0, "\x3c\x00......", "\x06\x01..............", ports), flow{six, tcp, 7351}},
		"IPv6 options cut off":      {ipv6(six, 0, "\x06\x02.............."), flow{six, 0, 0}},
		"IPv6 routing":              {ipv6(six, 43, "\x11\x00......", ports), flow{six, udp, 7351}},
		"IPv6 authentication":       {ipv6(six, 51, "\x06\x01..........", ports), flow{six, tcp, 7351}},
		"IPv6 first fragment":       {ipv6(six, 44, "\x11\x00\x00\x01....", ports), flow{six, udp, 7351}},
		"IPv6 later fragment":       {ipv6(six, 44, "\x11\x00\x00\x09....", ports), flow{six, udp, 0}},
		"IPv6 encrypted":            {ipv6(six, 50, ports+ports), flow{six, 50, 0}},
		"IPv6 nothing that we know": {ipv6(six, 59, ports+ports), flow{six, 59, 0}},
	} {
		if got, ok := parsePacket(c.packet); got != c.want || !ok {
			t.Errorf("%s: %+v, %v; want %+v", name, got, ok, c.want)
		}
	}
	for _, packet := range []string{"", "\x45", "\x60" + strings.Repeat("x", 38), "\x50" + strings.Repeat("x", 60)} {
		if got, ok := parsePacket([]byte(packet)); ok {
			t.Errorf("%q has a source: %+v", packet, got)
		}
	}
}

func TestDecode(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	d := newDecoder(func() time.Time { return now })
	source := netip.MustParseAddr("203.0.113.7")
	packet := ipv4(source, 6, 0, 0, "\xc0\x00\x1c\xb7")
	console := Refusal{Time: now, Service: "nakama-console", Verdict: Refused, Source: source, Port: 7351, Protocol: "tcp"}
	prefix := Prefix("nakama-console", Refused)
	torn := told(4, prefix, packet)
	for _, step := range []struct {
		name     string
		datagram []byte
		heard    int
		lost     uint64 // so far
	}{
		{"a batch", slices.Concat(told(0, prefix, packet), told(1, prefix, packet), done()), 2, 0},
		{"nothing", nil, 0, 0},
		{"another's prefix", told(2, "dropped: ", packet), 0, 0},
		{"no prefix", told(3, "", packet), 0, 0},
		{"a message that is torn", torn[:len(torn)-4], 0, 0},
		{"the number that it had is missed", told(5, prefix, packet), 1, 1},
		{"a gap", told(10, prefix, packet), 1, 5},
		{"no packet", told(11, prefix, nil), 0, 6},
		{"in order again", told(12, prefix, packet), 1, 6},
	} {
		var heard []Refusal
		d.decode(step.datagram, func(r Refusal) { heard = append(heard, r) })
		if want := slices.Repeat([]Refusal{console}, step.heard); !slices.Equal(heard, want) {
			t.Errorf("%s: heard %+v; want %+v", step.name, heard, want)
		}
		if lost := d.losses.count.Load(); lost != step.lost {
			t.Errorf("%s: %d lost so far; want %d", step.name, lost, step.lost)
		}
	}
}

func TestLosses(t *testing.T) {
	overflow := int64(-1)
	for _, c := range []struct {
		name   string
		next   uint32
		events []int64 // numbers that arrive, or an overflow
		want   uint64
	}{
		{"none", 0, []int64{0, 1, 2}, 0},
		{"from the beginning", 0, []int64{3}, 3},
		{"a gap", 0, []int64{0, 5}, 4},
		{"an overflow is one at least", 0, []int64{0, overflow}, 1},
		{"and is counted by its gap", 0, []int64{0, overflow, 1, 6}, 4},
		{"not twice", 0, []int64{0, overflow, overflow, 6}, 5},
		{"again", 0, []int64{0, overflow, 6, overflow, 9}, 7},
		{"numbers begin again", 1<<32 - 1, []int64{1<<32 - 1, 0, 2}, 1},
	} {
		l := losses{next: c.next}
		for _, e := range c.events {
			if e == overflow {
				l.overflowed()
			} else {
				l.arrived(uint32(e))
			}
		}
		if got := l.count.Load(); got != c.want {
			t.Errorf("%s: %d lost; want %d", c.name, got, c.want)
		}
	}
}

// Prefixes are remembered, but not without end.
func TestPrefixesAreBounded(t *testing.T) {
	d := newDecoder(time.Now)
	for i := range 10 * mostOrigins {
		d.decode(told(uint32(i), "rule "+strconv.Itoa(i), nil), func(Refusal) {})
	}
	if len(d.origins) > mostOrigins {
		t.Errorf("%d prefixes are remembered; want %d at most", len(d.origins), mostOrigins)
	}
}

func FuzzDecode(f *testing.F) {
	packet := ipv6(netip.MustParseAddr("2001:db8::7"), 0, "\x06\x00......", "\xc0\x00\x1c\xb7")
	f.Add(slices.Concat(told(0, Prefix("a", Refused), packet), told(7, "b", nil), done()))
	f.Add(told(1<<31, Prefix("a", WouldRefuse), packet[:50])[:90])
	f.Fuzz(func(t *testing.T, datagram []byte) {
		heard := 0
		newDecoder(time.Now).decode(datagram, func(r Refusal) {
			heard++
			if r.Service == "" || r.Verdict == "" || !r.Source.IsValid() || r.Protocol == "" || r.Time.IsZero() {
				t.Errorf("half a refusal: %+v", r)
			}
		})
		if heard > len(datagram)/unix.NLMSG_HDRLEN {
			t.Errorf("%d refusals of %d bytes", heard, len(datagram))
		}
	})
}

// Cutting a packet anywhere may hide its port, never change what is seen.
func FuzzParsePacket(f *testing.F) {
	f.Add(ipv4(netip.MustParseAddr("203.0.113.7"), 17, 8, 0x2000, "\xc0\x00\x1c\xb7"), uint8(3))
	f.Add(ipv6(netip.MustParseAddr("2001:db8::7"), 0, "\x2c\x00......", "\x3c\x00\x00\x01....", "\x06\x01..............", "\xc0\x00\x1c\xb7"), uint8(1))
	f.Fuzz(func(t *testing.T, packet []byte, cut uint8) {
		whole, ok := parsePacket(packet)
		if ok != whole.source.IsValid() {
			t.Errorf("%+v, %v", whole, ok)
		}
		part, ok := parsePacket(packet[:max(0, len(packet)-int(cut))])
		if ok && (part.source != whole.source || part.port != 0 && part.port != whole.port) {
			t.Errorf("cut by %d: %+v; whole: %+v", cut, part, whole)
		}
	})
}

// told is the message by which the kernel tells of one packet.
func told(number uint32, prefix string, packet []byte) []byte {
	data := header(group)
	data = attribute(data, 1, []byte{8, 0, 1, 0}) // NFULA_PACKET_HDR
	if prefix != "" {
		data = attribute(data, recordPrefix, append([]byte(prefix), 0))
	}
	if packet != nil {
		data = attribute(data, recordPayload, packet)
	}
	data = attribute(data, recordNumber, binary.BigEndian.AppendUint32(nil, number))
	return netlinkMessage(unix.NFNL_SUBSYS_ULOG<<8|messagePacket, data)
}

// done is what the kernel puts behind a batch.
func done() []byte { return netlinkMessage(unix.NLMSG_DONE, header(group)) }

func netlinkMessage(kind uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, make([]byte, unix.NLMSG_HDRLEN-len(b))...)
	return append(b, data...)
}

func ipv4(source netip.Addr, protocol byte, options int, fragment uint16, payload string) []byte {
	b := make([]byte, ipv4Header+options)
	b[0] = 4<<4 | byte(len(b)/4)
	binary.BigEndian.PutUint16(b[6:], fragment)
	b[9] = protocol
	copy(b[12:], source.AsSlice())
	return append(b, payload...)
}

func ipv6(source netip.Addr, protocol byte, payload ...string) []byte {
	b := make([]byte, ipv6Header)
	b[0] = 6 << 4
	b[6] = protocol
	copy(b[8:], source.AsSlice())
	return append(b, strings.Join(payload, "")...)
}
