package connections

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wantListed compares without what only the kernel knows, after a look at that.
func (n network) wantListed(t *testing.T, got []Connection, want ...Connection) {
	t.Helper()
	cookies := map[uint64]bool{}
	var plain []Connection
	for _, c := range got {
		if c.NetNS != inode(t, n.server.NetNS()) {
			t.Errorf("%+v: want namespace %d", c, inode(t, n.server.NetNS()))
		}
		if c.Cookie == 0 || cookies[c.Cookie] {
			t.Errorf("%+v: want a cookie of its own", c)
		}
		cookies[c.Cookie] = true
		plain = append(plain, Connection{Local: c.Local, Remote: c.Remote, State: c.State, Self: c.Self, UID: c.UID})
	}
	order := func(a, b Connection) int {
		return cmp.Or(a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	}
	slices.SortFunc(plain, order)
	slices.SortFunc(want, order)
	if !slices.Equal(plain, want) {
		t.Errorf("got  %+v\nwant %+v", plain, want)
	}
}

func TestConnectionsToTheGivenPortsAreListed(t *testing.T) {
	n := newNetwork(t)
	api, console, grpc := n.listen("tcp", "[::]:7350"), n.listen("tcp", "[::]:7351"), n.listen("tcp4", "0.0.0.0:7348")
	if got := n.list(7350, 7351, 7348); len(got) > 0 {
		t.Errorf("without a connection: %+v", got)
	}
	n.connect(n.client, api, n.server.V4)
	mapped := n.connect(n.client, console, n.server.V4).connection()
	six := n.connect(n.client, console, n.server.V6).connection()
	four := n.connect(n.client, grpc, n.server.V4).connection()
	loop := n.connect(n.server, console, netip.MustParseAddr("127.0.0.1")).connection()
	self := n.connect(n.server, console, n.server.V6).connection()
	loop.Self, self.Self = true, true

	n.wantListed(t, n.list(7351), mapped, six, loop, self)
	n.wantListed(t, n.list(7348, 7351), four, mapped, six, loop, self)
	n.wantListed(t, n.list(1, 7348, 65535), four)
	n.wantListed(t, n.list(four.Remote.Port(), six.Remote.Port())) // the remote port is another thing
	n.wantListed(t, n.list())

	many := []uint16{7351}
	for port := range uint16(2 * mostPorts) {
		many = append(many, port)
	}
	n.wantListed(t, n.list(append(many, 7348)...), four, mapped, six, loop, self)

	if got, err := List(t.Context(), AtFD(n.client.NetNS()), []uint16{7351}); err != nil || len(got) > 0 {
		t.Errorf("in the client's namespace: %+v, %v; want none", got, err)
	}
}

func TestStates(t *testing.T) {
	n := newNetwork(t)
	listener := n.listen("tcp", "[::]:7351")
	var want []Connection

	closeWait := n.connect(n.client, listener, n.server.V4)
	closeWrite(t, closeWait.client, closeWait.server)
	c := closeWait.connection()
	c.State = unix.BPF_TCP_CLOSE_WAIT
	want = append(want, c)

	finWait := n.connect(n.client, listener, n.server.V6)
	closeWrite(t, finWait.server, finWait.client)
	c = finWait.connection()
	c.State = unix.BPF_TCP_FIN_WAIT2
	want = append(want, c)

	// Nobody holds this one any more.
	over := n.connect(n.client, listener, n.server.V4)
	over.server.Close()
	closeWrite(t, over.client, nil)

	// The server answers an address that is nobody's, and waits for what it says to that.
	stranger := n.server.V4.Next().Next().Next().Next()
	n.syn(t, stranger, 7351)
	half := n.await(t, func(c Connection) bool { return c.State == unix.BPF_TCP_SYN_RECV })
	want = append(want, Connection{Local: netip.AddrPortFrom(n.server.V4, 7351), Remote: half.Remote, State: unix.BPF_TCP_SYN_RECV})
	n.await(t, func(c Connection) bool { return c.State == unix.BPF_TCP_FIN_WAIT2 })
	n.wantListed(t, n.list(7351), want...)

	if got, err := Destroy(t.Context(), AtFD(n.server.NetNS()), n.list(7351)); got != len(want) || err != nil {
		t.Errorf("Destroy: %d, %v; want %d", got, err, len(want))
	}
	n.wantListed(t, n.list(7351))
}

// closeWrite ends one direction and waits until the other end has heard of it.
func closeWrite(t *testing.T, from, to *net.TCPConn) {
	t.Helper()
	if err := from.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if to != nil {
		if n, _ := to.Read(make([]byte, 1)); n > 0 {
			t.Fatal("got data; want the end")
		}
	}
}

// syn opens a connection from an address that the client does not have.
func (n network) syn(t *testing.T, from netip.Addr, port uint16) {
	t.Helper()
	err := n.client.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}); err != nil {
			return err
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: n.server.V4.As4(), Port: int(port)})
		if errors.Is(err, unix.EINPROGRESS) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// await lists until a connection is as wanted.
func (n network) await(t *testing.T, wanted func(Connection) bool) Connection {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if found := n.list(7351); slices.ContainsFunc(found, wanted) {
			return found[slices.IndexFunc(found, wanted)]
		}
	}
	t.Fatal("no such connection came")
	return Connection{}
}

func TestNamespaceOfAProcess(t *testing.T) {
	n := newNetwork(t)
	pair := n.connect(n.client, n.listen("tcp", "[::]:7351"), n.server.V4)
	p, err := n.server.Start(exec.Command("/bin/sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	ns, err := OfProcess(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	cs, err := List(t.Context(), ns, []uint16{7351})
	if err != nil {
		t.Fatal(err)
	}
	n.wantListed(t, cs, pair.connection())
	if got, err := List(t.Context(), Own(), []uint16{7351}); err != nil || len(got) > 0 {
		t.Errorf("in our own namespace: %+v, %v; want none", got, err)
	}
	if got, err := Destroy(t.Context(), Own(), cs); got != 0 || err != nil {
		t.Errorf("Destroy in our own namespace: %d, %v; want 0", got, err)
	}
	pair.talks(t)
	if got, err := Destroy(t.Context(), ns, cs); got != 1 || err != nil {
		t.Errorf("Destroy: %d, %v; want 1", got, err)
	}
	pair.ended(t)
	if err := ns.Close(); err != nil {
		t.Error(err)
	}
	for _, ns := range []Namespace{Own(), AtFD(n.server.NetNS())} {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := inode(t, n.server.NetNS()); got == 0 {
		t.Error("a borrowed descriptor was closed")
	}
	p.Kill()
	if _, err := OfProcess(p.PID); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("of a process that has ended: %v; want %v", err, syscall.ENOENT)
	}
}

func TestOwnNamespaceNeedsNoEntry(t *testing.T) {
	n := newNetwork(t)
	pair := n.connect(n.client, n.listen("tcp", "[::]:7351"), n.server.V4)
	err := n.server.Do(func() error {
		cs, err := List(t.Context(), Own(), []uint16{7351})
		n.wantListed(t, cs, pair.connection())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestContextEndsAList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := List(ctx, Own(), []uint16{7351}); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v; want %v", err, context.Canceled)
	}
	if _, err := Destroy(ctx, Own(), make([]Connection, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Destroy: %v; want %v", err, context.Canceled)
	}
}

func TestNotAllowed(t *testing.T) {
	connection := func(remote string, local string, self bool) Connection {
		return Connection{Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote), Self: self}
	}
	cs := []Connection{
		connection("10.0.0.9:4000", "10.0.0.1:7351", false),
		connection("10.0.0.9:4001", "10.0.0.1:7350", false),
		connection("10.0.0.8:4002", "10.0.0.1:7351", false),
		connection("[fd00::9]:4003", "[fd00::1]:7351", false),
		connection("127.0.0.1:4004", "127.0.0.1:7351", false),
		connection("[::1]:4005", "[::1]:7351", false),
		connection("10.0.0.1:4006", "10.0.0.1:7351", false),
		connection("10.0.0.2:4007", "10.0.0.1:7351", true),
	}
	admin := netip.MustParseAddr("10.0.0.8")
	got := NotAllowed(cs, func(remote netip.Addr, port uint16) bool { return port == 7350 || remote == admin })
	if want := []Connection{cs[0], cs[3]}; !slices.Equal(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
	if got := NotAllowed(nil, nil); got != nil {
		t.Errorf("of none: %+v", got)
	}
}
