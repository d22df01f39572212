package refusals

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m.Run) }

const (
	group    = 9735
	patience = 10 * time.Second // more than any answer takes, even on a busy machine
)

// field is a guarded host and a player, who is refused.
type field struct {
	host, player *lab.Host
}

func newField(t testing.TB) field {
	t.Helper()
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	host, err := l.Host("nakama-1")
	if err != nil {
		t.Fatal(err)
	}
	player, err := l.Host("player")
	if err != nil {
		t.Fatal(err)
	}
	return field{host, player}
}

// refuse makes a table with these rules; LOG service stands for the end of a rule that tells and drops. They are in
// prerouting, the one hook that sees IPv4 as it came: before input it is put together.
func (f field) refuse(t testing.TB, rules ...string) {
	t.Helper()
	told := regexp.MustCompile(`LOG (\S+)`)
	script := "table inet refusing {\n counter refused { }\n chain prerouting { type filter hook prerouting priority -150;\n"
	for _, rule := range rules {
		script += told.ReplaceAllStringFunc(rule, func(s string) string {
			prefix := Prefix(strings.TrimPrefix(s, "LOG "), Refused)
			return fmt.Sprintf("counter name refused log prefix %q group %d snaplen 96 drop", prefix, group)
		}) + "\n"
	}
	f.nft(t, script+" }\n}")
}

func (f field) nft(t testing.TB, script string) string {
	t.Helper()
	path, err := exec.LookPath("nft")
	if err != nil {
		path = "/usr/sbin/nft"
	}
	out, err := f.host.Output(t.Context(), path, script)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// listen opens a Listener on the guarded host and runs it until the test ends.
func (f field) listen(t testing.TB) <-chan Refusal {
	t.Helper()
	l := openAt(t, f.host)
	heard := make(chan Refusal, 1024)
	run(t, l, func(r Refusal) { heard <- r })
	return heard
}

func openAt(t testing.TB, host *lab.Host) *Listener {
	t.Helper()
	l, err := Open(Options{NetNS: host.NetNS(), Group: group})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return l
}

// run runs the listener until the test ends, or the returned function is called.
func run(t testing.TB, l *Listener, each func(Refusal)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, each) }()
	ended := false
	stop = func() {
		cancel()
		if ended {
			return
		}
		ended = true
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func next(t testing.TB, heard <-chan Refusal) Refusal {
	t.Helper()
	select {
	case r := <-heard:
		return r
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return Refusal{}
	}
}

// send sends one datagram and does not wait for anything.
func send(t testing.TB, from *lab.Host, to netip.AddrPort, size int) {
	t.Helper()
	var conn net.Conn
	err := from.Do(func() (err error) {
		conn, err = net.Dial("udp", to.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
}

// sendRaw sends the bytes as the payload of an IP packet, whatever they are.
func sendRaw(t testing.TB, from *lab.Host, to netip.Addr, protocol int, payload []byte) {
	t.Helper()
	family, addr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: to.As16()})
	if to.Is4() {
		family, addr = unix.AF_INET, &unix.SockaddrInet4{Addr: to.As4()}
	}
	err := from.Do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, payload, 0, addr)
	})
	if err != nil {
		t.Fatal(err)
	}
}
