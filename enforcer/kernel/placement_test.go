package kernel

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// impatience is what "no answer" waits for: an answer in a lab takes less than a millisecond, and one on a busy machine
// less than this.
const impatience = 400 * time.Millisecond

// site is a guarded host and who is around it: a user, an admin, a remote host, and containers on the host itself.
type site struct {
	user, admin, host, remote  *lab.Host
	nakama, neighbour, another *lab.Host // containers; the first two share a bridge
	table                      *Table
}

// newSite has listeners on the host and in the first container, and translations to that container.
func newSite(t *testing.T, containers bool) *site {
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
	add := func(name string) *lab.Host {
		h, err := l.Host(name)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	s := &site{user: add("user"), admin: add("admin"), host: add("host"), remote: add("remote")}
	listen(t, s.host, 7349, 7350, 26257)
	listen(t, s.remote, 9000)
	if containers {
		s.addContainers(t)
	} else {
		listen(t, s.host, 7351)
	}
	s.table = openIn(t, s.host, AnyGrip)
	return s
}

func (s *site) addContainers(t *testing.T) {
	t.Helper()
	add := func(name, bridge string) *lab.Host {
		c, err := s.host.Container(name, bridge)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s.nakama, s.neighbour, s.another = add("nakama", "docker0"), add("neighbour", "docker0"), add("another", "br-another")
	listen(t, s.nakama, 7351, 7350)
	for port, to := range map[uint16]uint16{7351: 7351, 17351: 7351, 17350: 7350} {
		if err := s.host.Publish(port, s.nakama, to); err != nil {
			t.Fatal(err)
		}
	}
	// What a container engine has no say in: a redirection, and a user who routes to containers by the host.
	for _, family := range []string{"ip", "ip6"} {
		mustNft(t, s.host, "add chain "+family+" nat mine { type nat hook prerouting priority -101; }; "+
			"add rule "+family+" nat mine tcp dport 19349 redirect to :7349")
	}
	for _, h := range []*lab.Host{s.user, s.admin} {
		for container, via := range map[netip.Addr]netip.Addr{s.nakama.V4: s.host.V4, s.nakama.V6: s.host.V6} {
			if err := h.Route(netip.PrefixFrom(container, container.BitLen()), via); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func listen(t *testing.T, h *lab.Host, ports ...uint16) {
	t.Helper()
	if err := h.Listen(ports...); err != nil {
		t.Fatal(err)
	}
}

// guard commits what the policy asks for around this host, and returns it.
func (s *site) guard(t *testing.T, services ...policy.Service) {
	t.Helper()
	p, err := policy.Compile(services, policy.Roster{
		policy.GroupAdmins: {netip.PrefixFrom(s.admin.V4, 32), netip.PrefixFrom(s.admin.V6, 128)},
	})
	if err != nil {
		t.Fatal(err)
	}
	around, err := s.table.Around(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := ruleset.Build(p, around)
	commit(t, s.table, ruleset.Replace(want))
	wantHeld(t, s.table, want)
}

func (s *site) unguard(t *testing.T) {
	t.Helper()
	if err := s.table.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func enforced(name string, port uint16, from ...string) policy.Service {
	return policy.Service{Name: name, Protocol: policy.TCP, Ports: []uint16{port}, From: from, Mode: policy.Enforce, RefuseWith: policy.Drop}
}

func hiddenNakama() []policy.Service {
	return []policy.Service{enforced("nakama-api", 7350, policy.Anyone), enforced("nakama-console", 7351, policy.GroupAdmins),
		enforced("nakama-grpc", 7349, policy.GroupAdmins), enforced("cockroachdb-sql", 26257, policy.GroupAdmins)}
}

// path is one attempt, of both families.
type path struct {
	name     string
	from, to *lab.Host
	port     uint16
	want     lab.Outcome // while guarded; without the table every path is open
}

func (p path) walk(t *testing.T, when string, want lab.Outcome) {
	t.Helper()
	timeout := impatience
	if want == lab.Open {
		timeout = patience
	}
	for _, six := range []bool{false, true} {
		to := netip.AddrPortFrom(p.to.Addr(six), p.port)
		if got := p.from.Reach(t.Context(), to, timeout); got != want {
			t.Errorf("%s: %s (%s → %s): %s; want %s", when, p.name, p.from.Name, to, got, want)
		}
	}
}

// The table of paths that was measured (facts: nftables, "Where to hook"), row by row, by real TCP.
func TestPlacement(t *testing.T) {
	s := newSite(t, true)
	paths := []path{
		{"a host's listener", s.user, s.host, 26257, lab.Hidden},
		{"a host's listener", s.admin, s.host, 26257, lab.Open},
		{"the open port of the host", s.user, s.host, 7350, lab.Open},
		{"translation to the same port", s.user, s.host, 7351, lab.Hidden},
		{"translation to the same port", s.admin, s.host, 7351, lab.Open},
		{"translation to another port", s.user, s.host, 17351, lab.Hidden},
		{"translation to another port", s.admin, s.host, 17351, lab.Open},
		{"translation of the open port", s.user, s.host, 17350, lab.Open},
		{"a container's own address", s.user, s.nakama, 7351, lab.Hidden},
		{"a container's own address", s.admin, s.nakama, 7351, lab.Open},
		{"redirection", s.user, s.host, 19349, lab.Hidden},
		{"redirection", s.admin, s.host, 19349, lab.Open},
		{"a container to the host", s.nakama, s.host, 26257, lab.Hidden},
		{"a container to the host's open port", s.nakama, s.host, 7350, lab.Open},
		{"a container to its neighbour", s.neighbour, s.nakama, 7351, lab.Open},
		{"a container to another bridge", s.another, s.nakama, 7351, lab.Hidden},
		{"the host to itself", s.host, s.host, 26257, lab.Open},
		{"the host to its container", s.host, s.nakama, 7351, lab.Open},
		{"the host to the world", s.host, s.remote, 9000, lab.Open},
		{"a container to the world", s.nakama, s.remote, 9000, lab.Open},
	}
	for _, p := range paths {
		p.walk(t, "without the table", lab.Open)
	}
	s.guard(t, hiddenNakama()...)
	for _, p := range paths {
		p.walk(t, "guarded", p.want)
	}
	s.unguard(t)
	for _, p := range paths {
		p.walk(t, "without the table again", lab.Open)
	}
}

func TestTheHostReachesItselfOnLoopback(t *testing.T) {
	s := newSite(t, false)
	s.guard(t, hiddenNakama()...)
	for _, to := range []string{"127.0.0.1:26257", "[::1]:26257", "127.0.0.1:7351"} {
		if got := s.host.Reach(t.Context(), netip.MustParseAddrPort(to), patience); got != lab.Open {
			t.Errorf("%s: %s; want open", to, got)
		}
	}
}

// A reply to a guarded port that the host itself uses as its source is refused: no rule looks at connections. It is
// documented, and such ports lie outside the range that the kernel gives out.
func TestAGuardedPortIsNoSourcePort(t *testing.T) {
	s := newSite(t, true)
	dial := func(source uint16) error {
		return s.host.Do(func() error {
			ctx, cancel := context.WithTimeout(t.Context(), impatience)
			defer cancel()
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{Port: int(source)}}
			conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(s.remote.V4, 9000).String())
			if err != nil {
				return err
			}
			// Closed with a reset, the pair of ports is free again at once.
			return errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close())
		})
	}
	if err := dial(7351); err != nil {
		t.Fatalf("without the table: %v", err)
	}
	s.guard(t, hiddenNakama()...)
	if err := dial(7348); err != nil {
		t.Errorf("from a port that nobody guards: %v", err)
	}
	if got := lab.OutcomeOf(dial(7351)); got != lab.Hidden {
		t.Errorf("from a guarded port: %s; want no answer", got)
	}
}
