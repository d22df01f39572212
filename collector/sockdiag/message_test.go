package sockdiag

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// seen is one socket that was shown.
type seen struct {
	port   uint16
	state  uint8
	remote netip.Addr
}

func collect(into *[]seen) visit {
	return func(port uint16, state uint8, remote netip.Addr) { *into = append(*into, seen{port, state, remote}) }
}

func TestRequest(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("lacking: a machine whose numbers begin with the low byte")
	}
	q := query{[]uint16{7350, 7349}, heldStates}
	filter := "1800" + "0100" + "0b080c00" + "0000b61c" + "01040c00" + "0b080c00" + "0000b51c"
	for family, want := range map[uint8]string{
		unix.AF_UNSPEC: "64000000" + "1200" + "0103" + "07000000" + "00000000" +
			"00000000" + strings.Repeat("00", 48) + "02010000" + "00000000" + filter,
		unix.AF_INET6: "60000000" + "1400" + "0103" + "07000000" + "00000000" +
			"0a060000" + "02010000" + strings.Repeat("00", 48) + filter,
	} {
		if got := hex.EncodeToString(appendRequest(nil, family, 7, q)); got != want {
			t.Errorf("family %d:\ngot  %s\nwant %s", family, got, want)
		}
	}
}

// The filter as the kernel runs it.
func TestFilter(t *testing.T) {
	accepts := func(program []byte, port uint16) bool {
		at := 0
		for at < len(program) {
			yes, no := int(program[at+1]), int(binary.NativeEndian.Uint16(program[at+2:]))
			if program[at] == opLocalPort && binary.NativeEndian.Uint16(program[at+6:]) == port {
				at += yes
			} else {
				at += no
			}
		}
		return at == len(program)
	}
	full := make([]uint16, mostPorts)
	for i := range full {
		full[i] = uint16(20_000 + 2*i)
	}
	for _, ports := range [][]uint16{{7350}, {7350, 7348}, full} {
		program := appendFilter(nil, ports)
		if len(program) != filterSize(len(ports)) {
			t.Errorf("%d ports: %d bytes; want %d", len(ports), len(program), filterSize(len(ports)))
		}
		for _, port := range ports {
			if !accepts(program, port) || accepts(program, port+1) {
				t.Errorf("%d ports: %d: %v; %d: %v", len(ports), port, accepts(program, port), port+1, accepts(program, port+1))
			}
		}
	}
}

// message is a netlink message as the kernel sends it.
func message(kind, flags uint16, sequence uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(append(b, body...), make([]byte, align(len(body))-len(body))...)
}

// socket is an inet_diag_msg as the kernel sends it.
func socket(family, state, timer uint8, port uint16, remote string) []byte {
	b := make([]byte, messageSize)
	b[0], b[1], b[2] = family, state, timer
	binary.BigEndian.PutUint16(b[4:], port)
	copy(b[24:40], netip.MustParseAddr(remote).AsSlice())
	return b
}

func errno(e unix.Errno) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(-int32(e))) }

func TestAnswer(t *testing.T) {
	open := socket(unix.AF_INET, established, 0, 7350, "10.0.0.9")
	for _, tt := range []struct {
		what   string
		bytes  []byte
		shown  []seen
		answer answer
		err    error
	}{
		{"nothing", nil, nil, answer{}, nil},
		{"IPv4, with attributes", message(getSock, 2, 7, append(slices.Clone(open), 5, 0, 8, 0, 1)), []seen{{7350, 1, netip.MustParseAddr("10.0.0.9")}}, answer{}, nil},
		{"two, and the end", slices.Concat(
			message(byFamily, 2, 7, socket(unix.AF_INET6, closeWait, 1, 7349, "fd00::9")),
			message(byFamily, 2, 7, socket(unix.AF_INET6, established, 0, 7350, "::ffff:10.0.0.9")),
			message(unix.NLMSG_DONE, 2, 7, errno(0))),
			[]seen{{7349, 8, netip.MustParseAddr("fd00::9")}, {7350, 1, netip.MustParseAddr("::ffff:10.0.0.9")}}, answer{done: true}, nil},
		{"a wait", message(getSock, 2, 7, socket(unix.AF_INET, unix.BPF_TCP_FIN_WAIT2, timerWait, 7350, "10.0.0.9")), nil, answer{}, nil},
		{"a listener", message(getSock, 2, 7, socket(unix.AF_INET6, unix.BPF_TCP_LISTEN, 0, 7350, "::")), nil, answer{}, nil},
		{"a state of the future", message(getSock, 2, 7, socket(unix.AF_INET6, 200, 0, 7350, "::")), nil, answer{}, nil},
		{"another's answer", slices.Concat(message(getSock, 2, 6, open), message(unix.NLMSG_DONE, 2, 6, errno(0))), nil, answer{}, nil},
		{"torn", message(unix.NLMSG_DONE, 2|unix.NLM_F_DUMP_INTR, 7, errno(0)), nil, answer{done: true, torn: true}, nil},
		{"an error", message(unix.NLMSG_ERROR, 0, 7, errno(unix.ENOENT)), nil, answer{done: true}, unix.ENOENT},
		{"a bare end", message(unix.NLMSG_DONE, 2, 7, nil), nil, answer{done: true}, nil},
		{"cut off", message(getSock, 2, 7, open)[:80], nil, answer{}, errMalformed},
		{"too small", message(getSock, 2, 7, open[:71]), nil, answer{}, errMalformed},
		{"another family", message(getSock, 2, 7, socket(unix.AF_UNIX, 1, 0, 7350, "::")), nil, answer{}, errMalformed},
		{"a length of nothing", make([]byte, 16), nil, answer{}, errMalformed},
	} {
		var shown []seen
		a, err := parseAnswer(tt.bytes, 7, countedStates, collect(&shown))
		if a != tt.answer || !errors.Is(err, tt.err) || !slices.Equal(shown, tt.shown) {
			t.Errorf("%s: %+v, %v, %v; want %+v, %v, %v", tt.what, shown, a, err, tt.shown, tt.answer, tt.err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(message(getSock, 2, 7, socket(unix.AF_INET6, established, 0, 7350, "::ffff:10.0.0.9")))
	f.Add(message(unix.NLMSG_ERROR, 0, 7, errno(unix.EPERM)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		shown := 0
		_, _ = parseAnswer(b, 7, countedStates, func(_ uint16, state uint8, remote netip.Addr) {
			shown++
			if countedStates>>state&1 == 0 || !remote.IsValid() {
				t.Errorf("shown: state %d, remote %v", state, remote)
			}
		})
		if shown*(unix.SizeofNlMsghdr+messageSize) > len(b) {
			t.Errorf("%d sockets in %d bytes", shown, len(b))
		}
	})
}

// kernel plays the kernel at the other end of a way's socket: a reply for each request, perhaps empty, and a word to
// the caller when it is sent.
func kernel(t *testing.T, replied func(), replies ...[]byte) *diag {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := newDiag(&entrance{}, unix.AF_UNSPEC)
	d.file = os.NewFile(uintptr(fds[0]), "ours")
	far := os.NewFile(uintptr(fds[1]), "kernel's")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 4096)
		for _, reply := range replies {
			if _, err := far.Read(buffer); err != nil {
				return
			}
			if len(reply) > 0 {
				copy(reply[8:12], buffer[8:12]) // the sequence of the request
				if _, err := far.Write(reply); err != nil {
					return
				}
			}
			replied()
		}
	}()
	t.Cleanup(func() {
		d.hangUp()
		<-ended
		far.Close()
	})
	return d
}

// unended and ending are answers.
func unended() []byte {
	return message(getSock, 2, 0, socket(unix.AF_INET, established, 0, 7350, "10.0.0.9"))
}

func ending(flags uint16) []byte { return message(unix.NLMSG_DONE, 2|flags, 0, errno(0)) }

func TestATornDumpIsReadAgain(t *testing.T) {
	d := kernel(t, func() {}, ending(unix.NLM_F_DUMP_INTR), ending(unix.NLM_F_DUMP_INTR), ending(0))
	c := newCounter(choice{way: d}, []uint16{7350})
	if err := c.Count(t.Context(), make([]Counts, 1)); err != nil || d.sequence != 3 {
		t.Errorf("%v after %d requests; want 3", err, d.sequence)
	}
	var always [][]byte
	for range mostTorn {
		always = append(always, ending(unix.NLM_F_DUMP_INTR))
	}
	c = newCounter(choice{way: kernel(t, func() {}, always...)}, []uint16{7350})
	if err := c.Count(t.Context(), make([]Counts, 1)); !errors.Is(err, errTorn) {
		t.Errorf("%v; want %v", err, errTorn)
	}
}

// An answer that never comes to its end ends with the context; the next count begins afresh.
func TestContextEndsACount(t *testing.T) {
	for what, reply := range map[string][]byte{"no answer": nil, "half an answer": unended()} {
		ctx, cancel := context.WithCancel(t.Context())
		c := newCounter(choice{way: kernel(t, cancel, reply)}, []uint16{7350})
		counts := []Counts{held(9, 9)}
		if err := c.Count(ctx, counts); !errors.Is(err, context.Canceled) || counts[0] != held(9, 9) {
			t.Errorf("%s: %v, %v; want %v, and the counts left alone", what, counts, err, context.Canceled)
		}
		if err := c.Count(t.Context(), counts); err != nil || counts[0] != (Counts{}) {
			t.Errorf("%s: the next count: %v, %v", what, counts, err)
		}
		if err := c.Count(ctx, counts); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: of a context that has ended: %v; want %v", what, err, context.Canceled)
		}
	}
	p, err := openProc(Own().folder())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.each(ctx, query{}, ignore); !errors.Is(err, context.Canceled) {
		t.Errorf("/proc: %v; want %v", err, context.Canceled)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}
