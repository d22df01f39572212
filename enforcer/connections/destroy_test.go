package connections

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDestroyEndsExactlyTheGiven(t *testing.T) {
	n := newNetwork(t)
	console, grpc := n.listen("tcp", "[::]:7351"), n.listen("tcp4", "0.0.0.0:7348")
	var going, staying []pair
	for range 3 {
		going = append(going, n.connect(n.client, console, n.server.V4), n.connect(n.client, console, n.server.V6), n.connect(n.client, grpc, n.server.V4))
		staying = append(staying, n.connect(n.client, console, n.server.V4), n.connect(n.client, console, n.server.V6), n.connect(n.client, grpc, n.server.V4))
	}
	var cut []Connection
	for _, c := range n.list(7351, 7348) {
		for _, p := range going {
			if want := p.connection(); c.Local == want.Local && c.Remote == want.Remote {
				cut = append(cut, c)
			}
		}
	}
	for _, want := range []int{len(going), 0} { // the second time there is nothing left to end
		if got, err := Destroy(t.Context(), AtFD(n.server.NetNS()), cut); got != want || err != nil {
			t.Errorf("Destroy: %d, %v; want %d", got, err, want)
		}
	}
	for _, p := range going {
		p.ended(t)
	}
	for _, p := range staying {
		p.talks(t)
	}
}

func TestAnotherConnectionOfTheSameAddressesStays(t *testing.T) {
	n := newNetwork(t)
	pair := n.connect(n.client, n.listen("tcp", "[::]:7351"), n.server.V4)
	earlier := n.list(7351)
	earlier[0].Cookie++
	if got, err := Destroy(t.Context(), AtFD(n.server.NetNS()), earlier); got != 0 || err != nil {
		t.Errorf("Destroy: %d, %v; want 0", got, err)
	}
	pair.talks(t)
}

func TestManyConnections(t *testing.T) {
	n := newNetwork(t)
	number := many(t)
	console := n.listen("tcp", "[::]:7351")
	said := n.crowd(console, number)
	other := n.connect(n.client, console, n.server.V6)
	var cut []Connection
	for _, c := range n.list(7351) {
		if c.Remote.Addr() == n.client.V4 {
			cut = append(cut, c)
		}
	}
	if got, err := Destroy(t.Context(), AtFD(n.server.NetNS()), cut); got != number || err != nil {
		t.Errorf("Destroy: %d, %v; want %d", got, err, number)
	}
	if line, err := said.ReadString('\n'); line != fmt.Sprintf("resets %d\n", number) {
		t.Errorf("the clients say %q, %v; want %d resets", line, err, number)
	}
	n.wantListed(t, n.list(7351), other.connection())
	other.talks(t)
}

// many is 10,000 connections, or as many as this process may have descriptors for.
func many(tb testing.TB) int {
	tb.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		tb.Fatal(err)
	}
	return int(min(10_000, limit.Cur-min(limit.Cur, 200)))
}

func TestWithoutPermissionTheErrorSaysWhatLacks(t *testing.T) {
	n := newNetwork(t)
	pair := n.connect(n.client, n.listen("tcp", "[::]:7351"), n.server.V4)
	// A user namespace of its own has no say over a network namespace that is not.
	cmd := self("destroy")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	for _, namespace := range []int{n.client.NetNS(), n.server.NetNS()} {
		fd, err := unix.Dup(namespace)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), "namespace")
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	p, err := n.server.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"enter network namespace: operation not permitted: needs CAP_SYS_ADMIN", "\n1 0 true end connections: ", "needs CAP_NET_ADMIN"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %q; want …%s…", out.String(), want)
		}
	}
	pair.talks(t)
}

func TestErrorsSayWhatLacks(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{cannotDestroy(unix.EOPNOTSUPP), "CONFIG_INET_DIAG_DESTROY"},
		{cannotDestroy(unix.EPERM), "needs CAP_NET_ADMIN"},
		{explain(unix.ENOENT), "modprobe tcp_diag"},
		{explain(unix.EAFNOSUPPORT), "RestrictAddressFamilies"},
		{explainEntry(unix.EPERM), "needs CAP_SYS_ADMIN"},
	} {
		if !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%v; want …%s…", tt.err, tt.want)
		}
	}
	if err := cannotDestroy(unix.EPERM); !errors.Is(err, ErrCannotDestroy) || !errors.Is(err, unix.EPERM) {
		t.Errorf("%v is not both ErrCannotDestroy and EPERM", err)
	}
	if err := explain(unix.EIO); err != unix.EIO {
		t.Errorf("%v; want it unchanged", err)
	}
}
