package kernel

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// tracked is how many connections the kernel tracks for a host.
func tracked(t *testing.T, h *lab.Host) int {
	t.Helper()
	var count int
	err := h.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
		if err != nil {
			return err
		}
		count, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("connection tracking is not loaded: no nf_conntrack_count")
	}
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestNoConnectionIsTrackedWithoutNAT(t *testing.T) {
	s := newSite(t, false)
	s.guard(t, hiddenNakama()...)
	const connections = 100
	play := func() {
		for i := range connections {
			to := netip.AddrPortFrom(s.host.Addr(i%2 == 1), 7350)
			if got := s.user.Reach(t.Context(), to, patience); got != lab.Open {
				t.Fatalf("connection %d to %s: %s; want open", i, to, got)
			}
		}
	}
	play()
	if n := tracked(t, s.host); n != 0 {
		t.Errorf("%d connections are tracked; want none", n)
	}
	// The control: one rule elsewhere that looks at connections.
	mustNft(t, s.host, "add table inet other; add chain inet other input { type filter hook input priority 0; }; add rule inet other input ct state new accept")
	play()
	if n := tracked(t, s.host); n == 0 {
		t.Error("no connection is tracked where a rule asks for it: this shows nothing")
	}
}

func TestCountingIsNoDrift(t *testing.T) {
	s := newSite(t, false)
	s.guard(t, hiddenNakama()...)
	wantNone := func(when string) {
		t.Helper()
		if drift, err := s.table.Verify(t.Context()); err != nil || !drift.None() {
			t.Errorf("%s: drift %t, %v; want none", when, !drift.None(), err)
		}
	}
	path{name: "the open port", from: s.user, to: s.host, port: 7350}.walk(t, "guarded", lab.Open)
	s.eventually(t, func(counts map[string]status.Count) string {
		if counts["nakama-api-allowed"].Packets == 0 {
			return "nothing was counted"
		}
		return ""
	})
	wantNone("after packets")
	mustNft(t, s.host, "reset counters")
	wantNone("after a reset of the counters")
}

func TestARejectAnswersAtOnce(t *testing.T) {
	s := newSite(t, true)
	services := hiddenNakama()
	for i := range services {
		services[i].RefuseWith = policy.Reject
	}
	s.guard(t, services...)
	for _, p := range []path{
		{"a host's listener", s.user, s.host, 26257, lab.Refused},
		{"translation to another port", s.user, s.host, 17351, lab.Refused},
		{"a container's own address", s.user, s.nakama, 7351, lab.Refused},
		{"the admin", s.admin, s.host, 26257, lab.Open},
	} {
		p.walk(t, "guarded", p.want) // in the time in which a packet that is dropped has no answer
	}
}

// Two counters of another table, in later chains, say how many packets there were.
func TestAuditRefusesNothingAndCountsEachPacketOnce(t *testing.T) {
	s := newSite(t, true)
	services := hiddenNakama()
	for i := range services {
		services[i].Mode = policy.Audit
	}
	s.guard(t, services...)
	mustNft(t, s.host, "add table inet other; add counter inet other local; add counter inet other forwarded; "+
		"add chain inet other input { type filter hook input priority 0; }; add rule inet other input tcp dport 26257 counter name local; "+
		"add chain inet other forward { type filter hook forward priority 0; }; add rule inet other forward tcp dport 7351 counter name forwarded")
	for _, p := range []path{
		{name: "a host's listener", from: s.user, to: s.host, port: 26257},
		{name: "translation to the same port", from: s.user, to: s.host, port: 7351},
		{name: "translation to another port", from: s.user, to: s.host, port: 17351},
		{name: "a container's own address", from: s.user, to: s.nakama, port: 7351},
	} {
		p.walk(t, "audited", lab.Open)
	}
	for service, counter := range map[string]string{"cockroachdb-sql": "local", "nakama-console": "forwarded"} {
		s.eventually(t, func(counts map[string]status.Count) string {
			listed := mustNft(t, s.host, "list counter inet other "+counter)
			_, rest, _ := strings.Cut(listed, "packets ")
			want, _, _ := strings.Cut(rest, " ")
			got := counts[ruleset.CounterName(service, ruleset.VerdictWouldRefuse)].Packets
			if got < 6 || strconv.FormatUint(got, 10) != want { // two connections have at least three packets each
				return service + ": would refuse " + strconv.FormatUint(got, 10) + " packets; there were " + want
			}
			if allowed := counts[ruleset.CounterName(service, ruleset.VerdictAllowed)]; allowed.Packets != 0 {
				return service + ": packets are counted as allowed too"
			}
			return ""
		})
	}
}

// eventually waits until the counters are right: packets in a lab take their time on a busy machine.
func (s *site) eventually(t *testing.T, wrong func(map[string]status.Count) string) {
	t.Helper()
	deadline := time.After(patience)
	for again := time.Tick(5 * time.Millisecond); ; {
		counts, err := s.table.Counters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		problem := wrong(counts)
		if problem == "" {
			return
		}
		select {
		case <-again:
		case <-deadline:
			t.Error(problem)
			return
		}
	}
}

// Datagrams can be counted: what is sent is what is allowed, refused or would be refused.
func TestDatagramsAreGuardedAndCounted(t *testing.T) {
	const fromUser, fromAdmin = 5, 7
	for _, test := range []struct {
		name    string
		edit    func(*policy.Service)
		refusal string
		arrive  bool  // the user's datagrams, too
		answer  error // that the user gets
	}{
		{"drop", func(*policy.Service) {}, ruleset.VerdictRefused, false, os.ErrDeadlineExceeded},
		{"reject", func(s *policy.Service) { s.RefuseWith = policy.Reject }, ruleset.VerdictRefused, false, unix.ECONNREFUSED},
		{"audit", func(s *policy.Service) { s.Mode = policy.Audit }, ruleset.VerdictWouldRefuse, true, os.ErrDeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, false)
			voice := enforced("voice", 9999, policy.GroupAdmins)
			voice.Protocol = policy.UDP
			test.edit(&voice)
			s.guard(t, voice)
			arrived := s.listenUDP(t, 9999)
			for _, six := range []bool{false, true} {
				s.send(t, s.user, six, fromUser, test.answer)
				s.send(t, s.admin, six, fromAdmin, os.ErrDeadlineExceeded)
			}
			s.eventually(t, func(counts map[string]status.Count) string {
				allowed := counts[ruleset.CounterName("voice", ruleset.VerdictAllowed)].Packets
				refused := counts[ruleset.CounterName("voice", test.refusal)].Packets
				if allowed != 2*fromAdmin || refused != 2*fromUser {
					return "allowed " + strconv.FormatUint(allowed, 10) + ", " + test.refusal + " " + strconv.FormatUint(refused, 10)
				}
				return ""
			})
			want := 2 * fromAdmin
			if test.arrive {
				want += 2 * fromUser
			}
			for range want {
				select {
				case <-arrived:
				case <-time.After(patience):
					t.Fatal("a datagram did not arrive")
				}
			}
			select {
			case from := <-arrived:
				t.Errorf("one datagram too many, from %s", from)
			default: // every datagram was counted before, so none is under way
			}
		})
	}
}

// listenUDP hands on the sender of each datagram that arrives.
func (s *site) listenUDP(t *testing.T, port int) <-chan net.Addr {
	t.Helper()
	var socket *net.UDPConn
	err := s.host.Do(func() (err error) {
		socket, err = net.ListenUDP("udp", &net.UDPAddr{Port: port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	arrived, ended := make(chan net.Addr, 100), make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 100)
		for {
			_, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			arrived <- from
		}
	}()
	t.Cleanup(func() {
		socket.Close()
		<-ended
	})
	return arrived
}

// send sends datagrams, each from a socket of its own, since an answer closes one; the first is waited for.
func (s *site) send(t *testing.T, from *lab.Host, six bool, count int, answer error) {
	t.Helper()
	to := netip.AddrPortFrom(s.host.Addr(six), 9999).String()
	for i := range count {
		var conn net.Conn
		err := from.Do(func() (err error) {
			conn, err = net.Dial("udp", to)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Write([]byte("hello"))
		if err == nil && i == 0 {
			err = conn.SetReadDeadline(time.Now().Add(impatience))
			if _, readErr := conn.Read(make([]byte, 1)); err == nil && !errors.Is(readErr, answer) {
				t.Errorf("%s → %s: %v; want %v", from.Name, to, readErr, answer)
			}
		}
		if err = errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
