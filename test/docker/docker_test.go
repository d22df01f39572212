// Package docker holds the guard to a real Docker engine: what it publishes is hidden like any port of the host, and
// what is none of our business keeps working.
//
// The engine is Debian's, unpacked into a folder and run in namespaces of the test: neither the host's rules nor its
// Docker, if it has one, are touched.
package docker

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// loopback is where the daemon answers on its host.
var loopback = netip.MustParseAddrPort("127.0.0.1:9735")

// answer is how long a probe waits before a port counts as hidden.
const answer = time.Second

func TestPublishedPorts(t *testing.T) {
	needEngine(t)
	l := newLab(t)
	host, player, admin := addHost(t, l, "nakama-1"), addHost(t, l, "player"), addHost(t, l, "admin")
	e := startEngine(t, host)
	e.image(t, "nakama")
	e.docker(t, "network", "create", "game") // as compose does; its containers have IPv4 only
	e.run(t, "nakama", "7350 7351", "--name", "default", "-p", "7350:7350", "-p", "7351:7351", "-p", "17351:7351")
	e.run(t, "nakama", "7351", "--name", "composed", "--network", "game", "-p", "27351:7351")

	// The positive control: without a guard everything is open.
	for _, port := range []uint16{7350, 7351, 17351, 27351} {
		wantEventually(t, player, host, port, lab.Open)
	}
	guard(t, host, configuration("nakama", admin))
	for _, port := range []uint16{7351, 17351, 27351} {
		t.Run(fmt.Sprint(port), func(t *testing.T) {
			wantEventually(t, player, host, port, lab.Hidden)
			wantEventually(t, admin, host, port, lab.Open)
		})
	}
	wantEventually(t, player, host, 7350, lab.Open)
}

// What the guard knows of an engine: its rules, its proxies, and who listens in its containers.
func TestPathsOfAnEngine(t *testing.T) {
	needEngine(t)
	host := addHost(t, newLab(t), "nakama-1")
	e := startEngine(t, host)
	e.image(t, "nakama")
	e.image(t, "nginx")
	e.docker(t, "network", "create", "game")
	e.run(t, "nakama", "7351", "-p", "17351:7351")
	e.run(t, "nakama", "7351", "--network", "game", "-p", "27351:7351")
	e.run(t, "nginx", "8080", "-p", "80:8080")
	guarded := []paths.Guarded{
		{Service: "nakama-console", Protocol: policy.TCP, Port: 7351, Processes: []string{"nakama"}},
		{Service: "cockroachdb-http", Protocol: policy.TCP, Port: 8080, Processes: []string{"cockroach"}},
	}
	want := []string{
		"17351 docker-proxy 172.17.0.2:7351", "17351 docker-proxy [fd00:d0c::242:ac11:2]:7351",
		"17351 nft dnat ip nat DOCKER 172.17.0.2:7351", "17351 nft dnat ip6 nat DOCKER [fd00:d0c::242:ac11:2]:7351",
		"27351 docker-proxy 172.18.0.2:7351", "27351 nft dnat ip nat DOCKER 172.18.0.2:7351",
	}
	eventually(t, "all ways are found", func() string {
		found, err := paths.Look(t.Context(), paths.Options{NetNS: host.NetNS(), Root: t.TempDir()}, guarded)
		if err != nil {
			return err.Error()
		}
		var got []string
		for _, a := range found.Aliases {
			if a.Seen {
				got = append(got, fmt.Sprintf("%d %s %s", a.Port, a.Via, a.To))
			}
		}
		slices.Sort(got)
		if len(found.Aliases) != len(want) || !slices.Equal(got, want) || len(found.Problems) > 0 {
			return fmt.Sprintf("got %q of %d, problems %q; want %q", got, len(found.Aliases), found.Problems, want)
		}
		for _, l := range found.Listeners {
			if !l.Behind {
				return fmt.Sprintf("%s in %s is not behind our hooks: %s", l.Addr, l.Namespace, l.Reason)
			}
		}
		return ""
	})
}

// A container that starts while the guard runs is found.
func TestPublishedLater(t *testing.T) {
	needEngine(t)
	l := newLab(t)
	host, player, admin := addHost(t, l, "nakama-1"), addHost(t, l, "player"), addHost(t, l, "admin")
	e := startEngine(t, host)
	e.image(t, "nakama")
	guard(t, host, configuration("nakama", admin))
	e.run(t, "nakama", "7351", "-p", "17351:7351")
	wantEventually(t, admin, host, 17351, lab.Open)
	wantEventually(t, player, host, 17351, lab.Hidden)
}

// On a database host somebody else's container uses CockroachDB's port inside, and two of them talk to each other.
func TestInnocentNeighbours(t *testing.T) {
	needEngine(t)
	l := newLab(t)
	host, player, admin := addHost(t, l, "cockroachdb-1"), addHost(t, l, "player"), addHost(t, l, "admin")
	e := startEngine(t, host)
	e.image(t, "nginx")
	e.image(t, "client")
	e.run(t, "nginx", "8080", "--name", "web", "-p", "80:8080")
	guard(t, host, configuration("cockroachdb", admin))
	wantEventually(t, player, host, 80, lab.Open)

	// One container reaches another on their bridge, at a guarded port's number.
	e.run(t, "client", "9999", "--name", "peer")
	pid := e.docker(t, "inspect", "-f", "{{.State.Pid}}", "peer")
	address := e.docker(t, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web")
	out, err := host.Output(t.Context(), "nsenter", "-t", pid, "-n", "/bin/bash", "-c", "exec 3<>/dev/tcp/"+address+"/8080; read -t 10 line <&3; echo \"$line\"")
	if err != nil || string(out) != "hello nginx 8080\n" {
		t.Errorf("from container to container: %q, %v; want the greeting", out, err)
	}
	wantEventually(t, player, host, 80, lab.Open)
}

// configuration is what an operator writes for the host.
func configuration(role string, admin *lab.Host) string {
	return fmt.Sprintf(`roles: [%s]
fleet:
  nakama: {static: [10.99.0.1]}
  cockroachdb: {static: [10.99.0.2]}
  admins: {static: ["%s", "%s"]}
firewall: {mode: enforce}
`, role, admin.V4, admin.V6)
}

// wantEventually probes both families until each is as wanted: engines and the guard take a moment to see a change.
func wantEventually(t *testing.T, from, to *lab.Host, port uint16, want lab.Outcome) {
	t.Helper()
	for _, six := range []bool{false, true} {
		address := netip.AddrPortFrom(to.Addr(six), port)
		eventually(t, fmt.Sprintf("%s finds %s %s", from.Name, address, want), func() string {
			if got := from.Reach(t.Context(), address, answer); got != want {
				return string(got)
			}
			return ""
		})
	}
}

func newLab(t *testing.T) *lab.Lab {
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

func addHost(t *testing.T, l *lab.Lab, name string) *lab.Host {
	t.Helper()
	h, err := l.Host(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
