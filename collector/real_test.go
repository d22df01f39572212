package collector

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

const (
	// acceptedAtMost leaves the rest of twenty thousand waiting to be accepted: a process has 20,000 descriptors on many
	// machines, and an ordinary user cannot have more.
	acceptedAtMost = 17_000
	everybody      = 20_000
)

// fleet is a lab with a host for the server and one for the clients.
func fleet(t *testing.T) (server, players *lab.Host) {
	t.Helper()
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // always nil
	if server, err = l.Host("server"); err == nil {
		players, err = l.Host("players")
	}
	if err != nil {
		t.Fatal(err)
	}
	return server, players
}

// TestTwentyThousand: the right count, memory and limit within two seconds, of a process in another network namespace.
func TestTwentyThousand(t *testing.T) {
	host, players := fleet(t)
	nakama := server(t, host, "nakama", []string{"[::]:7350", "[::]:7351"})
	over4, over6 := netip.AddrPortFrom(host.V4, 7350), netip.AddrPortFrom(host.V6, 7350)
	first, second := start(t, players, "crowd", "crowd"), start(t, players, "crowd", "crowd")
	first.holds(everybody/2, over4)
	second.holds(everybody/2, over6)

	m := measure(t, Options{})
	s := m.await("20,000 connections", func(s *status.Sample) bool {
		port, _ := at7350(s, nakama)
		return port.Connections == everybody
	})
	if took := time.Since(m.began); took > 2*time.Second {
		t.Errorf("it took %s; want two seconds", took)
	}
	u, _ := of(s, nakama)
	port, _ := at7350(s, nakama)
	if port.How != howExact || port.Service != "nakama-api" || port.States["established"] != everybody || u.Own {
		t.Errorf("%+v of %+v; want an exact count of nakama-api, in another namespace", port, u)
	}
	rss, err := readResident("/proc", nakama.PID)
	if err != nil || u.Memory.Resident < rss.total/2 || u.Memory.Resident > 2*rss.total {
		t.Errorf("memory %d; want about %d, %v", u.Memory.Resident, rss.total, err)
	}
	if u.Memory.Limit == 0 || u.Memory.Limit > s.Machine.MemoryTotal || u.Memory.LimitBy == "" {
		t.Errorf("limit %d by %q; want one within the host's %d", u.Memory.Limit, u.Memory.LimitBy, s.Machine.MemoryTotal)
	}
	if u.Files == nil || u.Files.Used < acceptedAtMost || u.Files.Limit < u.Files.Used {
		t.Errorf("descriptors %+v; want more than %d", u.Files, acceptedAtMost)
	}
	if len(u.Problems)+len(s.Problems) > 0 {
		t.Errorf("problems %q, %q", u.Problems, s.Problems)
	}
}

// TestChurn: while connections come and go the count is within what comes and goes, and exact at rest.
func TestChurn(t *testing.T) {
	host, players := fleet(t)
	const resting, moving = 3000, 500
	// The server is late to notice who went: what it may accept at once bounds how far.
	nakama := start(t, host, "nakama", fmt.Sprintf("serve %d [::]:7350", resting+moving))
	nakama.hears()
	to := netip.AddrPortFrom(host.V4, 7350)
	steady, restless := start(t, players, "crowd", "crowd"), start(t, players, "crowd", "crowd")
	steady.holds(resting, to)
	m := measure(t, Options{Now: hurried()})
	m.await("those at rest", func(s *status.Sample) bool {
		port, _ := at7350(s, nakama)
		return port.Connections == resting
	})
	for began := time.Now(); time.Since(began) < 4*time.Second; {
		restless.holds(moving, to)
		restless.holds(0, to)
		// The exact count and the descriptors beside it may each be off by what moves.
		port, known := at7350(m.Latest(), nakama)
		if !known || port.Connections < resting-moving || port.Connections > resting+2*moving {
			t.Fatalf("%v, %+v; want %d and at most %d more", known, port, resting, moving)
		}
	}
	restless.holds(moving, to)
	m.await("all at rest", func(s *status.Sample) bool {
		port, _ := at7350(s, nakama)
		return port.Connections == resting+moving && port.How == howExact
	})
}

// TestRestart: a process that vanishes leaves the sample at once, its successor takes its name.
func TestRestart(t *testing.T) {
	host, players := fleet(t)
	m := measure(t, Options{Now: hurried()})
	nakama := server(t, host, "nakama", []string{"[::]:7350"})
	clients := start(t, players, "crowd", "crowd")
	clients.holds(10, netip.AddrPortFrom(host.V4, 7350))
	s := m.await("the first", func(s *status.Sample) bool {
		port, _ := at7350(s, nakama)
		return port.Connections == 10
	})
	before, _ := of(s, nakama)
	nakama.Kill()
	m.await("its end", func(s *status.Sample) bool {
		return len(s.Units) == 0 && len(s.Down) == 1 && s.Down[0].Role == "nakama"
	})

	next := server(t, host, "nakama", []string{"[::]:7350"})
	s = m.await("the successor", func(s *status.Sample) bool { _, counted := at7350(s, next); return counted })
	after, _ := of(s, next)
	if after.Name != before.Name || !after.Started.After(before.Started) {
		t.Errorf("the successor is %s of %s, after %s of %s", after.Name, after.Started, before.Name, before.Started)
	}
	if len(s.Down) > 0 || after.Restarted.IsZero() || !before.Restarted.IsZero() {
		t.Errorf("down are %+v; restarted at %s, after %s", s.Down, after.Restarted, before.Restarted)
	}
	if port, _ := at7350(s, next); port.Connections != 0 {
		t.Errorf("the successor has %d connections, of whom it succeeds", port.Connections)
	}
	if roles := m.Roles(); !slices.Equal(roles, []string{"nakama"}) {
		t.Errorf("the roles found are %v", roles)
	}
	if len(s.Problems)+len(after.Problems) > 0 {
		t.Errorf("problems %q, %q: an end is none", s.Problems, after.Problems)
	}
}

// TestBackSoon: a successor is found long before the next search is due, which it never is by this clock.
func TestBackSoon(t *testing.T) {
	host, _ := fleet(t)
	nakama := server(t, host, "nakama", []string{"[::]:7350"})
	began := time.Now()
	m := measure(t, Options{Now: func() time.Time { return began.Add(time.Since(began) / 1000) }})
	m.await("the first", func(s *status.Sample) bool { return len(s.Units) == 1 })
	nakama.Kill()
	m.await("its end", func(s *status.Sample) bool { return len(s.Down) == 1 })
	next := server(t, host, "nakama", []string{"[::]:7350"})
	m.await("the successor", func(s *status.Sample) bool { _, there := of(s, next); return there })
}

// TestSeveral: two on one host are told apart.
func TestSeveral(t *testing.T) {
	one, players := fleet(t)
	nakamas := []*program{
		server(t, one, "nakama", []string{"[::]:7350"}),
		server(t, one, "nakama", []string{"[::]:8350"}), // none of the guarded ports: all it has are counted
		server(t, players, "nakama", []string{"[::]:7350"}),
	}
	clients, to := start(t, players, "crowd", "crowd"), netip.AddrPortFrom(one.V4, 8350)
	clients.holds(7, to)
	m := measure(t, Options{})
	s := m.await("all three", func(s *status.Sample) bool { return len(s.Units) == len(nakamas) })
	names := map[string]bool{}
	for i, n := range nakamas {
		u, _ := of(s, n)
		names[u.Name] = true
		if want := []uint64{0, 7, 0}[i]; len(u.Ports) != 1 || u.Ports[0].Connections != want {
			t.Errorf("%s has %+v; want %d connections at one port", u.Name, u.Ports, want)
		}
	}
	if len(names) != len(nakamas) {
		t.Errorf("the names %v are not all different", names)
	}

	clients.holds(12, to) // long before another exact count is due, the descriptors tell
	m.await("more of them", func(s *status.Sample) bool {
		u, _ := of(s, nakamas[1])
		return len(u.Ports) == 1 && u.Ports[0].Connections == 12 && u.Ports[0].How == howDerived
	})
}

// TestContainerLike: a process that is number 1 of a pid namespace of its own.
func TestContainerLike(t *testing.T) {
	host, players := fleet(t)
	nakama := server(t, host, "nakama", []string{"[::]:7350"})
	contained := startContained(t, players)
	s := measure(t, Options{}).await("both", func(s *status.Sample) bool { return len(s.Units) == 2 })
	for _, p := range []*program{nakama, contained} {
		u, found := of(s, p)
		if port, counted := at7350(s, p); !found || !counted || port.How != howExact || u.Memory.Resident == 0 {
			t.Errorf("process %d: %v, %+v", p.PID, counted, u)
		}
	}
}

func startContained(t *testing.T, host *lab.Host) *program {
	t.Helper()
	p := startAs(t, host, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}, "nakama", "serve 10 [::]:7350")
	p.hears()
	return p
}

// TestDatabase: who is connected against the policy is named, most connections first; caches that do not fit are.
func TestDatabase(t *testing.T) {
	host, players := fleet(t)
	cockroach := server(t, host, "cockroach", []string{"[::]:26257", "[::]:8080"}, "start", "--cache=.5", "--max-sql-memory=.5")
	start(t, players, "crowd", "crowd").holds(30, netip.AddrPortFrom(host.V4, 26257))
	start(t, players, "crowd", "crowd").holds(10, netip.AddrPortFrom(host.V6, 26257))
	start(t, players, "crowd", "crowd").holds(4, netip.AddrPortFrom(host.V6, 8080))
	start(t, host, "crowd", "crowd").holds(5, netip.MustParseAddrPort("127.0.0.1:26257"))
	var admitted atomic.Bool
	m := measure(t, Options{
		Now: hurried(),
		Admits: func(remote netip.Addr, port uint16) bool {
			return admitted.Load() || remote == host.V4
		},
	})
	s := m.await("the database", func(s *status.Sample) bool { _, there := of(s, cockroach); return there })
	u, _ := of(s, cockroach)
	want := []status.Client{{Address: players.V4.String(), Connections: 30}, {Address: players.V6.String(), Connections: 14}}
	if !slices.Equal(u.UnexpectedClients, want) {
		t.Errorf("unexpected are %v; want %v", u.UnexpectedClients, want)
	}
	if u.Role != discovery.RoleCockroachDB || !strings.Contains(u.Misconfigured, "--max-sql-memory") {
		t.Errorf("%s is misconfigured: %q", u.Role, u.Misconfigured)
	}
	admitted.Store(true)
	m.await("nobody unexpected", func(s *status.Sample) bool {
		u, there := of(s, cockroach)
		return there && len(u.UnexpectedClients) == 0
	})
}

// TestOwnNetwork: in the collector's own namespace a Nakama is asked for its metrics, a guarded port that another program
// holds is told of, and the host itself is never an unexpected client.
func TestOwnNetwork(t *testing.T) {
	nakama := start(t, nil, "nakama", "serve 10 [::]:7350 [::]:9100", "--metrics.prometheus_port", "9100")
	other := start(t, nil, "nginx", "serve 10 [::]:7351")
	nakama.hears()
	other.hears()
	m := measure(t, Options{
		Roles:       func() []string { return []string{"nakama", "cockroachdb"} },
		Environment: func() string { return "production" },
	})
	s := m.await("the metrics", func(s *status.Sample) bool {
		u, _ := of(s, nakama)
		return u.Application != nil
	})
	u, _ := of(s, nakama)
	if a := u.Application; a.Sessions == nil || *a.Sessions != 2 || a.Problem != "" || !u.Own {
		t.Errorf("it says %+v; want 2 sessions", a)
	}
	if u.Memory.Ceiling < 61e6 || u.WithoutSession == nil || *u.WithoutSession != 0 {
		t.Errorf("ceiling %d, without session %v; want 61 MB and file pages, and 0", u.Memory.Ceiling, u.WithoutSession)
	}
	if ports := m.MetricsPorts(); !slices.Equal(ports, []uint16{9100}) {
		t.Errorf("metrics are found at %v", ports)
	}
	held := status.Holder{Service: "nakama-console", Port: 7351, Program: "nginx", PID: other.PID}
	if !slices.Contains(s.Held, held) {
		t.Errorf("held are %+v; want %+v", s.Held, held)
	}
	if s.Machine.Sharing == "" || s.Machine.MemoryTotal == 0 || s.Machine.CPUs == 0 {
		t.Errorf("the host: %+v", s.Machine)
	}
}

// TestVanished: a process that ends between two reads is no problem and is not told of.
func TestVanished(t *testing.T) {
	host, _ := fleet(t)
	nakama := server(t, host, "nakama", []string{"[::]:7350"})
	c := New(Options{Guarded: guarded, Roles: func() []string { return nil }, Environment: func() string { return "testing" }})
	defer c.forget()
	c.search(t.Context())
	if len(c.units) != 1 || c.vanished() {
		t.Fatalf("%d units, vanished: %v", len(c.units), c.vanished())
	}
	nakama.Kill()
	c.sample(t.Context(), time.Now())
	if s := c.Latest(); len(s.Units)+len(s.Problems) > 0 {
		t.Errorf("%+v; want nothing", s)
	}
	if !c.vanished() {
		t.Error("nobody notices the end")
	}
	if c.search(t.Context()); len(c.units) != 0 || c.vanished() {
		t.Errorf("after the next search %d units are left", len(c.units))
	}
}

// TestTwoInOneNetwork: a database beside a Nakama is not taken to have the players, and a client of its own is counted at once,
// long before an exact count is due.
func TestTwoInOneNetwork(t *testing.T) {
	host, players := fleet(t)
	server(t, host, "nakama", []string{"[::]:7350"})
	cockroach := server(t, host, "cockroach", []string{"[::]:26257"})
	crowd, client := start(t, players, "crowd", "crowd"), start(t, players, "crowd", "crowd")
	now := time.Now() // it stands still, so that a count costs nothing
	c := New(Options{Guarded: guarded, Roles: func() []string { return nil }, Environment: func() string { return "testing" },
		Now: func() time.Time { return now }})
	defer c.forget()
	client.holds(4, netip.AddrPortFrom(host.V4, 26257))
	c.search(t.Context())
	for i, change := range []func(){
		func() {},
		func() { crowd.holds(10, netip.AddrPortFrom(host.V4, 7350)) },
		func() { client.holds(7, netip.AddrPortFrom(host.V4, 26257)) },
	} {
		change()
		c.sample(t.Context(), now.Add(time.Duration(i)*time.Millisecond))
		u, _ := of(c.Latest(), cockroach)
		if want := []uint64{4, 4, 7}[i]; len(u.Ports) != 1 || u.Ports[0].Connections != want || u.Ports[0].How != howExact {
			t.Errorf("step %d: %+v; want %d, exactly", i, u.Ports, want)
		}
	}
}

// TestUncountable: where connections cannot be counted, the unit says so, as long as it is so, and all else is measured.
func TestUncountable(t *testing.T) {
	self := discovery.Found{Role: discovery.RoleNakama, PID: os.Getpid(), Own: true} // listens nowhere: nothing to count
	c := New(Options{Guarded: guarded})
	u := &unit{Found: self, proc: c.o.Proc, problems: map[string]string{}}
	u.learn(t.Context(), c, status.Machine{MemoryTotal: 1 << 40})
	for range 2 {
		s := u.sample(t.Context(), c, time.Now())
		if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "count connections") || s.Ports != nil || s.Memory.Resident == 0 {
			t.Errorf("%+v; want one problem, no ports, and memory", s)
		}
	}
	u.Listens = []uint16{7350}
	u.learn(t.Context(), c, status.Machine{MemoryTotal: 1 << 40})
	defer u.close()
	if s := u.sample(t.Context(), c, time.Now()); len(s.Problems) != 0 || len(s.Ports) != 1 {
		t.Errorf("%+v; want no problem and one port", s)
	}
}

// TestGuardedPortsMove: a reload that guards another port has it counted, by the same unit.
func TestGuardedPortsMove(t *testing.T) {
	u := &unit{Found: discovery.Found{Role: "nakama", Own: true, Listens: []uint16{7350, 7450}}, problems: map[string]string{}}
	defer u.close()
	for _, port := range []uint16{7350, 7450, 7450} {
		was := u.counter
		u.count([]Guarded{{"nakama-api", "nakama", port, "nakama"}, {"other", "cockroachdb", 7350, "cockroach"}}, time.Now)
		if got := u.counter.Ports(); !slices.Equal(got, []uint16{port}) {
			t.Errorf("counted are %v; want %d", got, port)
		}
		if moved := was == nil || !slices.Equal(was.Ports(), u.counter.Ports()); !moved && was != u.counter {
			t.Error("a counter was opened where one was open")
		}
	}
}
