package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

var (
	four  = netip.MustParseAddr("127.0.0.1")
	four2 = netip.MustParseAddr("127.0.0.2")
	six   = netip.IPv6Loopback()
)

// each runs a test for each way to count in a host's namespace.
func each(t *testing.T, host *lab.Host, ports []uint16, run func(*testing.T, *Counter)) {
	t.Helper()
	witness := start(t, host, self("stay"))
	for _, method := range []string{MethodCompat, MethodTwoDumps, MethodProc} {
		t.Run(method, func(t *testing.T) {
			c := newCounter(choice{wayOf(t, AtFD(host.NetNS()), witness.cmd.Process.Pid, method), method, ""}, ports)
			defer c.Close()
			run(t, c)
		})
	}
}

func wayOf(t *testing.T, ns Namespace, pid int, method string) way {
	t.Helper()
	if method == MethodProc {
		p, err := openProc(OfProcess(pid).folder())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	e, err := ns.enter()
	if err != nil {
		t.Fatal(err)
	}
	if method == MethodTwoDumps {
		return newDiag(e, unix.AF_INET, unix.AF_INET6)
	}
	return newDiag(e, unix.AF_UNSPEC)
}

func TestCountsByPortStateAndClient(t *testing.T) {
	host := lab.Namespace(t)
	api, console, database := listen(t, host, "tcp", "[::]:7350"), listen(t, host, "tcp6", "[::1]:7351"), listen(t, host, "tcp4", "0.0.0.0:26257")
	crowd(t, host, api, group{four, four, 30, 3}, group{four2, four, 20, 0}, group{six, six, 10, 1})
	crowd(t, host, console, group{six, six, 7, 7})
	crowd(t, host, database, group{four2, four, 5, 2})
	each(t, host, []uint16{26257, 7350, 7349, 7351}, func(t *testing.T, c *Counter) {
		got := count(t, c)
		if want := []Counts{held(3, 2), held(56, 4), {}, held(0, 7)}; !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		for port, want := range map[uint16]map[netip.Addr]uint64{
			7350: {four: 30, four2: 20, six: 10}, 7351: {six: 7}, 26257: {four2: 5}, 7352: {},
		} {
			if got, err := c.Remotes(t.Context(), port); !maps.Equal(got, want) || err != nil {
				t.Errorf("clients of %d: %v, %v; want %v", port, got, err, want)
			}
		}
	})
}

// The server has closed two: one client still holds its end, of the other nothing but the wait is left.
func TestConnectionsThatTheServerCloses(t *testing.T) {
	host := lab.Namespace(t)
	listener := listen(t, host, "tcp", "[::]:7350")
	var clients, servers []*net.TCPConn
	for range 3 {
		client, err := host.Dial(t.Context(), netip.AddrPortFrom(four, 7350))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		clients, servers = append(clients, client.(*net.TCPConn)), append(servers, server.(*net.TCPConn))
	}
	want := Counts{Established: 1, Other: 1}
	want.States[unix.BPF_TCP_ESTABLISHED], want.States[unix.BPF_TCP_FIN_WAIT2] = 1, 1
	if err := servers[0].CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := servers[1].Close(); err != nil {
		t.Fatal(err)
	}
	for _, client := range clients[:2] {
		if n, _ := client.Read(make([]byte, 1)); n != 0 {
			t.Fatal("got data; want the end")
		}
	}
	each(t, host, []uint16{7350}, func(t *testing.T, c *Counter) {
		// An orphaned FIN_WAIT2 is a full socket for a moment and then only a wait.
		awaitCounts(t, c, want)
	})
}

// awaitCounts counts until the counts are as wanted.
func awaitCounts(t *testing.T, c *Counter, want Counts) {
	t.Helper()
	var got Counts
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if got = count(t, c)[0]; got == want {
			return
		}
	}
	t.Errorf("got %v; want %v", got, want)
}

func TestManyConnectionsWhileOthersComeAndGo(t *testing.T) {
	host := lab.Namespace(t)
	listener := listen(t, host, "tcp", "[::]:7350")
	n := min(6000, pairs(t))
	crowd(t, host, listener, group{four, four, n, 100}, group{six, six, n, 0})
	still := held(uint64(2*n-100), 100)
	each(t, host, []uint16{7350}, func(t *testing.T, c *Counter) {
		if got := count(t, c)[0]; got != still {
			t.Errorf("at rest: %v; want %v", got, still)
		}
		const most = 50
		stop := runChurn(t, host, listener, most)
		lowest, highest := ^uint64(0), uint64(0)
		for range 20 {
			got := count(t, c)[0]
			total := got.Established + got.CloseWait + got.Other
			lowest, highest = min(lowest, total), max(highest, total)
		}
		made := stop()
		// A socket that goes while the kernel rests between two reads may hide one that stays.
		if base := uint64(2 * n); lowest+most < base || highest > base+most {
			t.Errorf("in motion: %d to %d; want %d ± %d", lowest, highest, base, most)
		}
		if made == 0 {
			t.Error("nothing moved")
		}
		awaitCounts(t, c, still)
	})
}

// runChurn opens and closes connections, at most some at a time, until stop, which tells how many it made.
func runChurn(t *testing.T, host *lab.Host, listener net.Listener, most int) (stop func() (made int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	made := 0
	work.Go(func() {
		var open []net.Conn
		for ; ctx.Err() == nil; made++ {
			client, err := host.Dial(context.Background(), netip.AddrPortFrom(four2, 7350))
			if err != nil {
				t.Error(err)
				break
			}
			server, err := listener.Accept()
			if err != nil {
				t.Error(err)
				break
			}
			open = append(open, client, server)
			if len(open) >= most {
				closeAll(open)
				open = nil
			}
		}
		closeAll(open)
	})
	return func() int {
		cancel()
		work.Wait()
		return made
	}
}

// closeAll closes by reset: nothing is left of the connections.
func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		_ = conn.(*net.TCPConn).SetLinger(0) // fails where the other end was first
		conn.Close()
	}
}

func TestNothingIsAllocatedPerSocket(t *testing.T) {
	host := lab.Namespace(t)
	listener := listen(t, host, "tcp", "[::]:7350")
	few := map[string]float64{}
	allocations := func(t *testing.T, c *Counter) float64 {
		counts := make([]Counts, 1)
		return testing.AllocsPerRun(10, func() {
			if err := c.Count(t.Context(), counts); err != nil {
				t.Error(err)
			}
		})
	}
	each(t, host, []uint16{7350}, func(t *testing.T, c *Counter) { few[c.Method()] = allocations(t, c) })
	n := min(3000, pairs(t))
	crowd(t, host, listener, group{four, four, n, 0}, group{six, six, n, 0})
	each(t, host, []uint16{7350}, func(t *testing.T, c *Counter) {
		// A thread that entered a namespace meanwhile may add one or two: far from one a socket, and from one a read.
		if got := allocations(t, c); got > few[c.Method()]+2 {
			t.Errorf("%v allocations with %d connections, %v without", got, 2*n, few[c.Method()])
		}
	})
}

func TestNamespaceOfAProcessInAContainer(t *testing.T) {
	host := lab.Namespace(t)
	crowd(t, host, listen(t, host, "tcp", "[::]:7350"), group{four, four, 12, 1})
	inside := start(t, host, inContainer(self("stay")))
	c := open(t, OfProcess(inside.cmd.Process.Pid), 7350, 7350)
	if c.Method() != MethodCompat || c.Reason() != "" {
		t.Errorf("counts by %s (%s); want %s", c.Method(), c.Reason(), MethodCompat)
	}
	if got, want := count(t, c), []Counts{held(11, 1)}; !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
	if got := count(t, open(t, Own(), 7350)); got[0] != (Counts{}) {
		t.Errorf("in our own namespace: %v; want nothing", got)
	}
	inside.process.Kill()
	if got, want := count(t, c), []Counts{held(11, 1)}; !slices.Equal(got, want) {
		t.Errorf("after the process has ended: %v; want %v", got, want)
	}
	_, err := Open(OfProcess(inside.cmd.Process.Pid), []uint16{7350})
	if want := fmt.Sprintf("process %d has ended", inside.cmd.Process.Pid); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), want) {
		t.Errorf("of a process that has ended: %v; want %s", err, want)
	}
}

func TestOwnNamespace(t *testing.T) {
	host := lab.Namespace(t)
	crowd(t, host, listen(t, host, "tcp", "[::]:7350"), group{four, four, 2, 0})
	err := host.Do(func() error {
		for _, ns := range []Namespace{Own(), AtFD(host.NetNS())} {
			if got, want := count(t, open(t, ns, 7350)), []Counts{held(2, 0)}; !slices.Equal(got, want) {
				t.Errorf("%v: got %v; want %v", ns, got, want)
			}
		}
		p, err := openProc(Own().folder())
		if err != nil {
			return err
		}
		c := newCounter(choice{way: p}, []uint16{7350})
		defer c.Close()
		if got, want := count(t, c), []Counts{held(2, 0)}; !slices.Equal(got, want) {
			t.Errorf("by /proc: got %v; want %v", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unprivileged counts for a process in a foreign namespace, and in a namespace that it was given as a descriptor.
func unprivileged(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	_, err = Open(AtFD(3), []uint16{7350})
	fmt.Println(err)
	c, err := Open(OfProcess(pid), []uint16{7350})
	if err != nil {
		return err
	}
	counts := make([]Counts, 1)
	if err := c.Count(context.Background(), counts); err != nil {
		return err
	}
	remotes, err := c.Remotes(context.Background(), 7350)
	fmt.Println(c.Method(), counts[0].Established, counts[0].CloseWait, remotes, err)
	fmt.Println(c.Reason())
	return c.Close()
}

func TestWithoutPermissionTheReasonNamesTheCapability(t *testing.T) {
	host, elsewhere := lab.Namespace(t), lab.Namespace(t)
	crowd(t, host, listen(t, host, "tcp", "[::]:7350"), group{four, four, 8, 3})
	witness := start(t, host, self("stay"))
	cmd := self("unprivileged", strconv.Itoa(witness.cmd.Process.Pid))
	// A user namespace of its own has no say over processes and network namespaces outside.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	fd, err := unix.Dup(host.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	namespace := os.NewFile(uintptr(fd), "namespace")
	defer namespace.Close()
	cmd.ExtraFiles = []*os.File{namespace}
	p := start(t, elsewhere, cmd)
	for _, want := range []string{
		"count connections: enter network namespace: operation not permitted: needs CAP_SYS_ADMIN (run as root",
		"/proc/PID/net/tcp 5 3 map[127.0.0.1:8] <nil>",
		fmt.Sprintf("open /proc/%d/ns/net: permission denied: needs CAP_SYS_PTRACE (run as root", witness.cmd.Process.Pid),
	} {
		if got := p.hears(); !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s…", got, want)
		}
	}
	if err := p.process.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPortsAreChecked(t *testing.T) {
	full := make([]uint16, mostPorts+1)
	for i := range full {
		full[i] = uint16(7000 + i)
	}
	for want, ports := range map[string][]uint16{
		"count connections: 0 ports: want 1 to 16":        nil,
		"count connections: 17 ports: want 1 to 16":       full,
		"count connections: port 0 cannot be listened on": {7350, 0},
		"count connections: room for 1 ports, not for 2":  {7350, 7349},
	} {
		c, err := Open(Own(), ports)
		if err == nil {
			err = c.Count(t.Context(), make([]Counts, 1))
			c.Close()
		}
		if err == nil || err.Error() != want {
			t.Errorf("%v: %v; want %s", ports, err, want)
		}
	}
	if got := open(t, Own(), append(full[:mostPorts], full[:mostPorts]...)...).Ports(); !slices.Equal(got, full[:mostPorts]) {
		t.Errorf("got %v; want each once, in order", got)
	}
}

func TestClosed(t *testing.T) {
	c := open(t, Own(), 7350)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Count(t.Context(), make([]Counts, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Count: %v; want %v", err, os.ErrClosed)
	}
	if err := c.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close: %v; want %v", err, os.ErrClosed)
	}
}

func TestStateName(t *testing.T) {
	for state, want := range map[int]string{-1: "", 0: "", 1: "established", 8: "close_wait", 12: "new_syn_recv", 13: ""} {
		if got := StateName(state); got != want {
			t.Errorf("%d: %q; want %q", state, got, want)
		}
	}
}
