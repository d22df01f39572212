package sockdiag

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// play names what this test binary is to be when it is executed as a program of its own, inside the lab.
const play = "NAKAMA_WARDEN_SOCKDIAG_PLAY"

func TestMain(m *testing.M) {
	switch part := os.Getenv(play); part {
	case "hold":
		end(hold(os.Args[1:]))
	case "stay":
		end(stay())
	case "unprivileged":
		end(unprivileged(os.Args[1:]))
	case "bare", "count", "gopsutil":
		end(measure(part))
	default:
		lab.Main(m.Run)
	}
}

// end ends a part.
func end(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// self is this test binary as another program.
func self(part string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), play+"="+part)
	return cmd
}

// partner is a part that is being played, in another process.
type partner struct {
	testing.TB
	cmd     *exec.Cmd
	process *lab.Process
	said    *bufio.Reader
	in      *os.File
}

// start starts a part on a host.
func start(tb testing.TB, host *lab.Host, cmd *exec.Cmd) *partner {
	tb.Helper()
	ask, in, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, say, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close(); out.Close() })
	cmd.Stdin, cmd.Stdout, cmd.Stderr = ask, say, os.Stderr
	p := &partner{TB: tb, cmd: cmd, said: bufio.NewReader(out), in: in}
	p.process, err = host.Start(cmd)
	ask.Close()
	say.Close()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// hears reads a line.
func (p *partner) hears() string {
	p.Helper()
	line, err := p.said.ReadString('\n')
	if err != nil {
		p.Fatalf("%v says %q, %v", p.cmd.Args, line, err)
	}
	return line[:len(line)-1]
}

// asks writes a line and reads the answer.
func (p *partner) asks() string {
	p.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		p.Fatal(err)
	}
	return p.hears()
}

// group is a number of connections between two addresses.
type group struct {
	from, to  netip.Addr
	number    int
	closeWait int // of these the client has said that it is done
}

// crowd holds groups of connections to a listener, in other processes, and returns when all are there.
func crowd(tb testing.TB, host *lab.Host, listener net.Listener, groups ...group) {
	tb.Helper()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var holders []*partner
	for _, g := range groups {
		cmd := self("hold", g.from.String(), g.to.String(), strconv.Itoa(g.number), strconv.Itoa(g.closeWait))
		cmd.ExtraFiles = []*os.File{file}
		holders = append(holders, start(tb, host, cmd))
	}
	for _, holder := range holders {
		if said := holder.hears(); said != "holding" {
			tb.Fatal(said)
		}
	}
}

// hold connects, accepts from the listener that it was given, and holds both ends until its input ends.
func hold(args []string) error {
	const listener = 3
	from, to := netip.MustParseAddr(args[0]), netip.MustParseAddr(args[1])
	number, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	closeWait, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(listener, false); err != nil {
		return err
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		return err
	}
	port := portOf(name)
	for i := range number {
		client, err := connect(netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, port))
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		// All holders accept from one listener: what is accepted here may be another's, but each ends with as many.
		server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return fmt.Errorf("accept connection %d: %w", i, err)
		}
		// Closed by a reset, thousands of connections leave nothing behind for the next test.
		for _, fd := range []int{client, server} {
			if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
				return err
			}
		}
		if i < closeWait {
			if err := unix.Shutdown(client, unix.SHUT_WR); err != nil {
				return err
			}
		}
	}
	fmt.Println("holding")
	return stay()
}

// stay does nothing until its input ends.
func stay() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func portOf(name unix.Sockaddr) uint16 {
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return uint16(name.Port)
	case *unix.SockaddrInet6:
		return uint16(name.Port)
	}
	return 0
}

// connect makes one connection without a word to the runtime, which would keep more of it than the kernel.
func connect(from, to netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET
	if from.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	// The port is chosen when the destination is known: more connections than ports are possible.
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, sockaddr(from)); err != nil {
		return 0, err
	}
	return fd, unix.Connect(fd, sockaddr(to))
}

func sockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

// listen opens a listener on a host.
func listen(tb testing.TB, host *lab.Host, family, address string) net.Listener {
	tb.Helper()
	var listener net.Listener
	err := host.Do(func() (err error) {
		listener, err = net.Listen(family, address)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { listener.Close() })
	return listener
}

// open opens a counter.
func open(tb testing.TB, ns Namespace, ports ...uint16) *Counter {
	tb.Helper()
	c, err := Open(ns, ports)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// count counts.
func count(tb testing.TB, c *Counter) []Counts {
	tb.Helper()
	counts := make([]Counts, len(c.Ports()))
	if err := c.Count(tb.Context(), counts); err != nil {
		tb.Fatal(err)
	}
	return counts
}

// held are counts of nothing but held connections.
func held(established, closeWait uint64) Counts {
	c := Counts{Established: established, CloseWait: closeWait}
	c.States[unix.BPF_TCP_ESTABLISHED], c.States[unix.BPF_TCP_CLOSE_WAIT] = established, closeWait
	return c
}

// pairs is how many connections with both ends a process may have descriptors for.
func pairs(tb testing.TB) int {
	tb.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		tb.Fatal(err)
	}
	return int(min(limit.Cur, 20_000)-100) / 2
}

// inContainer starts the part as process 1 of a pid namespace, with mounts of its own.
func inContainer(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	return cmd
}
