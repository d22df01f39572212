package procfs

import (
	"net"
	"os"
	"slices"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m.Run) }

// Both ways to list sockets say the same, within a namespace and of another.
func TestAskedAndRead(t *testing.T) {
	host := lab.Namespace(t)
	var here *os.File // the namespace
	read := map[Protocol][]Socket{}
	err := host.Do(func() (err error) {
		open(t)
		if here, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		for protocol, n := range map[Protocol]int{TCP: 3, UDP: 2} {
			if read[protocol], err = ReadSockets("/proc/thread-self/net", protocol); err != nil {
				return err
			}
			asked, err := AskSockets(0, protocol)
			if err != nil {
				return err
			}
			if len(asked) != n || !slices.Equal(inOrder(asked), inOrder(read[protocol])) {
				t.Errorf("%s: asked %v\nread %v", protocol, asked, read[protocol])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	for protocol, want := range read {
		if asked, err := AskSockets(int(here.Fd()), protocol); err != nil || !slices.Equal(inOrder(asked), want) {
			t.Errorf("%s: asked from without %v, %v\nread %v", protocol, asked, err, want)
		}
	}
}

// open makes listeners, sockets of UDP, and connections, which are not listed.
func open(t *testing.T) {
	t.Helper()
	for _, address := range []string{"[::]:7001", "127.0.0.1:7002", "[::1]:7003"} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}
	for _, address := range []string{"0.0.0.0:7001", "[::1]:7003"} {
		l, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", address)
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}
	for _, network := range []string{"tcp", "udp"} {
		conn, err := new(net.Dialer).DialContext(t.Context(), network, "[::1]:7003")
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
}

func inOrder(sockets []Socket) []Socket {
	slices.SortFunc(sockets, func(a, b Socket) int { return int(a.Inode) - int(b.Inode) })
	return sockets
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
