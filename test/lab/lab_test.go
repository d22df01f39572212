package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// patience is more than any answer in a lab takes, even on a busy machine; impatience is what "no answer" waits for.
const (
	patience   = 10 * time.Second
	impatience = 300 * time.Millisecond
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func addHost(t *testing.T, l *Lab, name string) *Host {
	t.Helper()
	h, err := l.Host(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func listen(t *testing.T, h *Host, ports ...uint16) {
	t.Helper()
	if err := h.Listen(ports...); err != nil {
		t.Fatal(err)
	}
}

func wantReach(t *testing.T, from *Host, to netip.AddrPort, timeout time.Duration, want Outcome) {
	t.Helper()
	if got := from.Reach(t.Context(), to, timeout); got != want {
		t.Errorf("%s → %s: %s; want %s", from.Name, to, got, want)
	}
}

func TestHostsReachEachOther(t *testing.T) {
	l := newLab(t)
	var hosts []*Host
	for i := range 4 {
		h := addHost(t, l, fmt.Sprintf("host%d", i))
		listen(t, h, 7350, 26257)
		hosts = append(hosts, h)
	}
	for _, from := range hosts {
		for _, to := range hosts { // itself too
			for _, addr := range []netip.Addr{to.V4, to.V6} {
				who, outcome := from.Greeting(t.Context(), netip.AddrPortFrom(addr, 26257), patience)
				if want := to.Name + " 26257"; who != want || outcome != Open {
					t.Errorf("%s → %s: %q, %s; want %q, open", from.Name, addr, who, outcome, want)
				}
				wantReach(t, from, netip.AddrPortFrom(addr, 1), patience, Refused)
			}
		}
	}
	wantReach(t, hosts[0], netip.MustParseAddrPort("192.0.2.1:7350"), patience, Unreachable)
}

func TestDroppedPacketsLookHidden(t *testing.T) {
	l := newLab(t)
	server, client := addHost(t, l, "server"), addHost(t, l, "client")
	listen(t, server, 7351)
	conn, err := nftables.New(nftables.WithNetNSFd(server.NetNS()))
	if err != nil {
		t.Fatal(err)
	}
	table := conn.AddTable(&nftables.Table{Name: "wall", Family: nftables.TableFamilyINet})
	chain := conn.AddChain(&nftables.Chain{Name: "wall", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []netip.Addr{server.V4, server.V6} {
		wantReach(t, client, netip.AddrPortFrom(addr, 7351), impatience, Hidden)
	}
}

func TestListenersEchoAndEndWithTheLab(t *testing.T) {
	l := newLab(t)
	server, client := addHost(t, l, "server"), addHost(t, l, "client")
	listen(t, server, 7350)
	conn, err := client.Dial(t.Context(), netip.AddrPortFrom(server.V6, 7350))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "to and fro\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hello server 7350\n", "to and fro\n"} {
		if got, err := lines.ReadString('\n'); got != want || err != nil {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := lines.ReadByte(); err == nil {
		t.Error("the connection outlived the lab")
	}
	if _, err := l.Host("late"); err == nil {
		t.Error("a closed lab made a host")
	}
}

func TestPublishedContainers(t *testing.T) {
	l := newLab(t)
	server, client := addHost(t, l, "server"), addHost(t, l, "client")
	first, second := addContainer(t, server, "first", "br-a"), addContainer(t, server, "second", "br-a")
	other := addContainer(t, server, "other", "br-b")
	listen(t, client, 7350)
	for _, c := range []*Host{first, second, other} {
		listen(t, c, 7351)
	}
	published := map[uint16]*Host{7351: first, 17351: first, 27351: second, 37351: other}
	for port, container := range published {
		if err := server.Publish(port, container, 7351); err != nil {
			t.Fatal(err)
		}
	}
	for port, container := range published {
		for _, from := range []*Host{client, server} {
			for _, addr := range []netip.Addr{server.V4, server.V6} {
				who, outcome := from.Greeting(t.Context(), netip.AddrPortFrom(addr, port), patience)
				if want := container.Name + " 7351"; who != want || outcome != Open {
					t.Errorf("%s → %s:%d: %q, %s; want %q", from.Name, addr, port, who, outcome, want)
				}
			}
		}
	}
	wantContainersReachOut(t, []*Host{first, other}, client)
	wantRouted(t, client, server, first)
}

func addContainer(t *testing.T, h *Host, name, bridge string) *Host {
	t.Helper()
	c, err := h.Container(name, bridge)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantContainersReachOut checks that containers reach a host of the lab. It has no route back to them: answers arrive
// only because they leave with the address of their own host.
func wantContainersReachOut(t *testing.T, containers []*Host, to *Host) {
	t.Helper()
	for _, c := range containers {
		for _, addr := range []netip.Addr{to.V4, to.V6} {
			wantReach(t, c, netip.AddrPortFrom(addr, 7350), patience, Open)
			wantReach(t, c, netip.AddrPortFrom(addr, 1), patience, Refused)
		}
	}
}

// wantRouted checks that a host with a route reaches a container by the container's own address.
func wantRouted(t *testing.T, from, via, container *Host) {
	t.Helper()
	for _, pair := range [][2]netip.Addr{{container.V4, via.V4}, {container.V6, via.V6}} {
		to, gateway := pair[0], pair[1]
		wantReach(t, from, netip.AddrPortFrom(to, 7351), patience, Unreachable)
		if err := from.Route(netip.PrefixFrom(to, to.BitLen()), gateway); err != nil {
			t.Fatal(err)
		}
		wantReach(t, from, netip.AddrPortFrom(to, 7351), patience, Open)
	}
}

func TestProcessesRunOnTheirHost(t *testing.T) {
	l := newLab(t)
	h := addHost(t, l, "nakama-1")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := h.Output(ctx, "/bin/sh", "-c", "hostname; readlink /proc/self/ns/net; cat /proc/net/dev | grep -c eth0")
	if err != nil {
		t.Fatal(err)
	}
	var namespace string
	if err := h.Do(func() error { namespace = networkNamespace(); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := "nakama-1\n" + namespace + "\n1\n"; string(out) != want {
		t.Errorf("got %q; want %q", out, want)
	}
	if _, err := h.Output(ctx, "/bin/sh", "-c", "echo no luck >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("a failing program: %v; want its standard error", err)
	}
	output, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	family := exec.Command("/bin/sh", "-c", "sleep 1000 & echo up; sleep 1000")
	family.Stdout = input
	p, err := h.Start(family)
	if err != nil {
		t.Fatal(err)
	}
	input.Close()
	if up, err := bufio.NewReader(output).ReadString('\n'); up != "up\n" || err != nil {
		t.Fatalf("%q, %v; want the process up", up, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("the process outlived its lab")
	}
	if err := output.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(output); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v: the child of the process outlived the lab", rest, err)
	}
}

func TestNamespaceIsPrivate(t *testing.T) {
	h := Namespace(t)
	outside := networkNamespace()
	err := h.Do(func() error {
		if networkNamespace() == outside {
			t.Error("the namespace is the one outside")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if networkNamespace() != outside {
		t.Error("a thread stayed in the namespace")
	}
	listen(t, h, 7350)
	for _, addr := range []string{"127.0.0.1:7350", "[::1]:7350"} {
		wantReach(t, h, netip.MustParseAddrPort(addr), patience, Open)
	}
}

func TestManyProbesAtOnce(t *testing.T) {
	l := newLab(t)
	server, client := addHost(t, l, "server"), addHost(t, l, "client")
	listen(t, server, 7350)
	outcomes := make(chan Outcome)
	const probes = 100
	for range probes {
		go func() { outcomes <- client.Reach(t.Context(), netip.AddrPortFrom(server.V6, 7350), patience) }()
	}
	for range probes {
		if got := <-outcomes; got != Open {
			t.Error(got)
		}
	}
}

func TestForwardLeadsThroughADoor(t *testing.T) {
	l := newLab(t)
	server, client := addHost(t, l, "server"), addHost(t, l, "client")
	listen(t, server, 7350)
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		Forward(ctx, door, client, netip.AddrPortFrom(server.V4, 7350))
		close(ended)
	}()
	conn, err := net.Dial("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewReader(conn)
	if got, err := lines.ReadString('\n'); got != "hello server 7350\n" || err != nil {
		t.Errorf("behind the door: %q, %v; want the server's greeting", got, err)
	}
	cancel()
	if _, err := lines.ReadByte(); err == nil {
		t.Error("the connection outlived the context")
	}
	<-ended
}
