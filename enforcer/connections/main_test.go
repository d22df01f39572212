package connections

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// play names what this test binary is to be when it is executed as a program of its own, inside the lab.
const play = "NAKAMA_WARDEN_CONNECTIONS_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(play) {
	case "crowd":
		crowd(os.Args[1], os.Args[2])
	case "destroy":
		destroyUnprivileged()
	default:
		lab.Main(m.Run)
	}
}

// crowd connects many times, says when it is connected, and then how its connections ended.
func crowd(to, number string) {
	n, err := strconv.Atoi(number)
	if err != nil {
		fmt.Println(err)
		return
	}
	ends := make(chan error, n)
	for range n {
		conn, err := net.Dial("tcp", to)
		if err != nil {
			fmt.Println(err)
			return
		}
		go func() {
			_, err := conn.Read(make([]byte, 1))
			ends <- err
		}()
	}
	fmt.Println("connected")
	resets := 0
	for range n {
		if errors.Is(<-ends, unix.ECONNRESET) {
			resets++
		}
	}
	fmt.Println("resets", resets)
}

// destroyUnprivileged tries to enter a foreign namespace, and to end a connection in its own, which it was given both
// as descriptors.
func destroyUnprivileged() {
	_, entry := List(context.Background(), AtFD(3), []uint16{7351})
	fmt.Println(entry)
	cs, err := List(context.Background(), AtFD(4), []uint16{7351}) // its own needs no permission to enter
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := Destroy(context.Background(), Own(), cs)
	fmt.Println(len(cs), n, errors.Is(err, ErrCannotDestroy), err)
}

// patience bounds what a test waits for; it never takes that long.
const patience = 20 * time.Second

// network is a lab of a server and a client.
type network struct {
	testing.TB
	server, client *lab.Host
}

func newNetwork(tb testing.TB) network {
	tb.Helper()
	l, err := lab.New()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	n := network{TB: tb}
	for name, host := range map[string]**lab.Host{"server": &n.server, "client": &n.client} {
		if *host, err = l.Host(name); err != nil {
			tb.Fatal(err)
		}
	}
	return n
}

// listen opens a listener on the server.
func (n network) listen(family, address string) net.Listener {
	n.Helper()
	var listener net.Listener
	err := n.server.Do(func() (err error) {
		listener, err = net.Listen(family, address)
		return err
	})
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { listener.Close() })
	return listener
}

// pair is both ends of a connection.
type pair struct {
	server, client *net.TCPConn
}

// connect connects a host to the listener by an address of the server.
func (n network) connect(from *lab.Host, listener net.Listener, to netip.Addr) pair {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), patience)
	defer cancel()
	port := listener.Addr().(*net.TCPAddr).AddrPort().Port()
	client, err := from.Dial(ctx, netip.AddrPortFrom(to, port))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { client.Close() })
	server, err := listener.Accept()
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { server.Close() })
	p := pair{server.(*net.TCPConn), client.(*net.TCPConn)}
	for _, conn := range []net.Conn{p.server, p.client} {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			n.Fatal(err)
		}
	}
	return p
}

// connection is what the pair looks like from the server.
func (p pair) connection() Connection {
	plain := func(addr net.Addr) netip.AddrPort {
		ap := addr.(*net.TCPAddr).AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return Connection{Local: plain(p.server.LocalAddr()), Remote: plain(p.server.RemoteAddr()), State: unix.BPF_TCP_ESTABLISHED}
}

// talks checks that what one end says is heard at the other.
func (p pair) talks(t *testing.T) {
	t.Helper()
	if _, err := p.client.Write([]byte("x")); err != nil {
		t.Errorf("a connection that was to stay: %v", err)
		return
	}
	if _, err := io.ReadFull(p.server, make([]byte, 1)); err != nil {
		t.Errorf("a connection that was to stay: %v", err)
	}
}

// ended checks that both ends are told so.
func (p pair) ended(t *testing.T) {
	t.Helper()
	if _, err := p.server.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNABORTED) {
		t.Errorf("the server reads %v; want %v", err, unix.ECONNABORTED)
	}
	if _, err := p.client.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the client reads %v; want %v", err, unix.ECONNRESET)
	}
}

func (n network) list(ports ...uint16) []Connection {
	n.Helper()
	found, err := List(n.Context(), AtFD(n.server.NetNS()), ports)
	if err != nil {
		n.Fatal(err)
	}
	return found
}

// crowd starts a program on the client that connects to the server's port, and lets the caller read what it says.
func (n network) crowd(listener net.Listener, number int) *bufio.Reader {
	n.Helper()
	accepted := make(chan error, 1)
	go func() {
		for range number {
			conn, err := listener.Accept()
			if err != nil {
				accepted <- err
				return
			}
			n.Cleanup(func() { conn.Close() })
		}
		accepted <- nil
	}()
	to := netip.AddrPortFrom(n.server.V4, listener.Addr().(*net.TCPAddr).AddrPort().Port())
	cmd := self("crowd", to.String(), strconv.Itoa(number))
	out, in, err := os.Pipe()
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { out.Close() })
	cmd.Stdout = in
	_, err = n.client.Start(cmd)
	in.Close()
	if err != nil {
		n.Fatal(err)
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); line != "connected\n" {
		n.Fatalf("the crowd says %q, %v", line, err)
	}
	if err := <-accepted; err != nil {
		n.Fatal(err)
	}
	return said
}

// self is this test binary as another program.
func self(part string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), play+"="+part)
	return cmd
}

// inode is of the namespace behind a descriptor.
func inode(tb testing.TB, fd int) uint64 {
	tb.Helper()
	var s syscall.Stat_t
	if err := syscall.Fstat(fd, &s); err != nil {
		tb.Fatal(err)
	}
	return s.Ino
}
