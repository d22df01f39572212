package paths

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// listenVariable makes this test program a server: it listens on the addresses named there, says "ready" and stays.
const listenVariable = "PATHS_TEST_LISTEN"

func TestMain(m *testing.M) {
	if addresses, isServer := os.LookupEnv(listenVariable); isServer {
		serve(strings.Fields(addresses))
		return
	}
	if proc, asks := os.LookupEnv(askVariable); asks {
		ask(proc)
		return
	}
	lab.Main(m.Run)
}

func serve(addresses []string) {
	var open []net.Listener
	for _, address := range addresses {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp"
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		open = append(open, listener)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	for _, listener := range open {
		listener.Close()
	}
}

// start runs a server of that name on a host and returns its pid.
func start(t testing.TB, h *lab.Host, name, addresses string, args ...string) int {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, args...)
	cmd.Env = append(os.Environ(), listenVariable+"="+addresses)
	hold, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	output, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = hold, stdout
	p, err := h.Start(cmd)
	hold.Close()
	stdout.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		output.Close()
		p.Kill()
	})
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s says %q, %v; want ready", name, line, err)
	}
	return p.PID
}

// console and its neighbours are what the tests guard.
func guarded() []Guarded {
	nakama, cockroach := []string{"nakama"}, []string{"cockroach"}
	return []Guarded{
		{Service: "nakama-api", Protocol: policy.TCP, Port: 7350, Processes: nakama},
		{Service: "nakama-console", Protocol: policy.TCP, Port: 7351, Processes: nakama},
		{Service: "nakama-grpc", Protocol: policy.TCP, Port: 7349, Processes: nakama},
		{Service: "cockroachdb-http", Protocol: policy.TCP, Port: 8080, Processes: cockroach},
	}
}

func newLab(t testing.TB) *lab.Lab {
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
	return l
}

func newHost(t testing.TB) *lab.Host {
	t.Helper()
	h, err := newLab(t).Host("nakama-1")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func container(t testing.TB, h *lab.Host, name string) *lab.Host {
	t.Helper()
	c, err := h.Container(name, "docker0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func publish(t testing.TB, h *lab.Host, port uint16, c *lab.Host, to uint16) {
	t.Helper()
	if err := h.Publish(port, c, to); err != nil {
		t.Fatal(err)
	}
}

func lookAt(t testing.TB, h *lab.Host) Found {
	t.Helper()
	return lookWith(t, Options{NetNS: h.NetNS(), Root: t.TempDir()})
}

func lookWith(t testing.TB, o Options) Found {
	t.Helper()
	found, err := Look(t.Context(), o, guarded())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func run(t testing.TB, h *lab.Host, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
	}
	out, err := h.Output(t.Context(), path, args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// chain puts rules before routing, in a table of the inet family with a map, a set and a chain to use.
func chain(t testing.TB, h *lab.Host, kind, rules string) {
	t.Helper()
	run(t, h, "nft", `table inet t {
		map named { type inet_service : ipv4_addr . inet_service; elements = { 17351 : 127.0.0.1 . 7351 }; }
		set large { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
		chain console { meta l4proto tcp redirect to :7351; }
		chain pre { type `+kind+`; `+rules+`; }
	}`)
}

// The kinds of base chains that translate.
const (
	dstnat = "nat hook prerouting priority dstnat"
	mangle = "filter hook prerouting priority mangle"
)

// aliases renders what was found, one line each.
func aliases(found Found) []string {
	var lines []string
	for _, a := range found.Aliases {
		line := fmt.Sprintf("%s %d is %s by %s to %s", a.Protocol, a.Port, a.Service, a.Via, destination(a))
		if !a.Seen {
			line += ", unseen"
		}
		lines = append(lines, line)
	}
	return lines
}

func destination(a Alias) string {
	if !a.To.Addr().IsValid() {
		return fmt.Sprint(":", a.To.Port())
	}
	return a.To.String()
}

func targets(found Found) []string {
	var lines []string
	for _, t := range found.Containers {
		lines = append(lines, fmt.Sprintf("%s %s %s:%d", t.Service, t.Protocol, t.Addr, t.Port))
	}
	return lines
}

// wantLines compares in any order.
func wantLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
