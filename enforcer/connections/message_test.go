package connections

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// diag is an inet_diag_msg as the kernel sends it.
func diag(family, state, timer uint8, local, remote netip.AddrPort) []byte {
	b := []byte{family, state, timer, 0}
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, remote.Port())
	b = appendAddr(b, family, local.Addr())
	b = appendAddr(b, family, remote.Addr())
	for _, word := range []uint32{3, 0xaaaa, 0xbbbb, 0, 0, 0, 1000, 77} { // device, cookie, …, uid, inode
		b = binary.NativeEndian.AppendUint32(b, word)
	}
	return b
}

func TestParse(t *testing.T) {
	four, four2 := netip.MustParseAddrPort("10.0.0.1:7351"), netip.MustParseAddrPort("10.0.0.9:4000")
	six, six2 := netip.MustParseAddrPort("[fd00::1]:7351"), netip.MustParseAddrPort("[fd00::9]:4000")
	want := Connection{Local: four, Remote: four2, State: 1, UID: 1000, device: 3, family: unix.AF_INET,
		Cookie: binary.NativeEndian.Uint64(binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 0xaaaa), 0xbbbb))}
	mapped, wantSix := want, want
	mapped.family = unix.AF_INET6
	wantSix.family, wantSix.Local, wantSix.Remote, wantSix.State = unix.AF_INET6, six, six2, 8
	for _, tt := range []struct {
		what    string
		message []byte
		want    Connection
		listed  bool
		err     error
	}{
		{"IPv4", diag(unix.AF_INET, 1, 0, four, four2), want, true, nil},
		{"IPv4 on an IPv6 socket", diag(unix.AF_INET6, 1, 0, four, four2), mapped, true, nil},
		{"IPv6, with attributes", append(diag(unix.AF_INET6, 8, 1, six, six2), 1, 2, 3, 4), wantSix, true, nil},
		{"only the wait is left", diag(unix.AF_INET, unix.BPF_TCP_FIN_WAIT2, timerWait, four, four2), Connection{}, false, nil},
		{"another family", diag(unix.AF_UNIX, 1, 0, four, four2), Connection{}, false, errMalformed},
		{"cut off", diag(unix.AF_INET, 1, 0, four, four2)[:messageSize-1], Connection{}, false, errMalformed},
	} {
		got, listed, err := parse(tt.message)
		if listed != tt.listed || !errors.Is(err, tt.err) || listed && got != tt.want {
			t.Errorf("%s: got %+v, %v, %v; want %+v, %v, %v", tt.what, got, listed, err, tt.want, tt.listed, tt.err)
		}
	}
}

// A request to end a connection names it as the kernel did.
func TestDestroyRequestRepeatsTheID(t *testing.T) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		message := diag(family, 1, 0, netip.MustParseAddrPort("10.0.0.1:7351"), netip.MustParseAddrPort("10.0.0.9:4000"))
		c, _, err := parse(message)
		if err != nil {
			t.Fatal(err)
		}
		request := destroyRequest(1, unix.NLM_F_REQUEST, c)
		if id := request[unix.SizeofNlMsghdr+8:]; !bytes.Equal(id, message[4:4+sockIDSize]) {
			t.Errorf("family %d: got id\n%x\nwant\n%x", family, id, message[4:4+sockIDSize])
		}
	}
}

// The filter as the kernel runs it, and as it checks it: each jump leads to an operation, the end, or just beyond.
func TestPortFilter(t *testing.T) {
	runs := func(program []byte, port uint16) bool {
		at := 0
		for at < len(program) {
			code, yes, no := program[at], program[at+1], binary.NativeEndian.Uint16(program[at+2:])
			switch {
			case code == opLocalPort && binary.NativeEndian.Uint16(program[at+6:]) == port:
				at += int(yes)
			case code == opLocalPort, code == opJump:
				at += int(no)
			default:
				t.Fatalf("operation %d at %d", code, at)
			}
		}
		if at > len(program)+opSize {
			t.Fatalf("a jump to %d, beyond %d", at, len(program))
		}
		return at == len(program)
	}
	full := make([]uint16, mostPorts)
	for i := range full {
		full[i] = uint16(20_000 + 2*i)
	}
	for _, ports := range [][]uint16{{7351}, {7351, 7348}, full} {
		program := portFilter(ports)
		for _, port := range ports {
			if !runs(program, port) {
				t.Errorf("%d ports: %d is refused", len(ports), port)
			}
			if runs(program, port+1) {
				t.Errorf("%d ports: %d is accepted", len(ports), port+1)
			}
		}
	}
}

func FuzzReply(f *testing.F) {
	body := diag(unix.AF_INET6, 1, 0, netip.MustParseAddrPort("[fd00::1]:7351"), netip.MustParseAddrPort("10.0.0.9:4000"))
	f.Add(append(appendHeader(nil, getSocks, 0, 1, len(body)), body...))
	f.Add(append(appendHeader(nil, unix.NLMSG_ERROR, 0, 1, 4), 0xff, 0xff, 0xff, 0xff))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		_, err := eachMessage(b, func(h header, body []byte) (bool, error) {
			size += unix.SizeofNlMsghdr + len(body)
			parseErrno(body)
			c, listed, err := parse(body)
			if listed && (err != nil || !c.Remote.IsValid() || c.Remote.Addr().Is4In6()) {
				t.Errorf("listed %+v, %v", c, err)
			}
			return false, nil
		})
		if size > len(b) || err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("%d bytes out of %d, %v", size, len(b), err)
		}
	})
}

// BenchmarkList lists connections, beside a dump that looks at nothing.
func BenchmarkList(b *testing.B) {
	n := newNetwork(b)
	n.crowd(n.listen("tcp", "[::]:7351"), many(b))
	ns, ports := AtFD(n.server.NetNS()), []uint16{7348, 7349, 7351, 26257}
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			s, err := dial(ns)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.dump(b.Context(), ports, func([]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
			s.close()
		}
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := List(b.Context(), ns, ports); err != nil {
				b.Fatal(err)
			}
		}
	})
}
