package kernel

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

var seed = flag.Uint64("agree.seed", 1, "the first policy of the agreement test; a failure names the one that shows it alone")

const (
	agreePolicies = 32
	agreePackets  = 32 // of each policy
	// agreeSilence is enough for a packet that gets in to be answered: a dropped one comes again after a second only.
	agreeSilence = 250 * time.Millisecond
)

// TestExplainAgreesWithTheKernel tries random policies with random packets: what the policy says is what becomes of a
// packet, and of the counters.
func TestExplainAgreesWithTheKernel(t *testing.T) {
	a := newAgreement(t)
	tried := map[string]int{}
	for n := range uint64(agreePolicies) {
		c := randomCase(t, *seed+n)
		for _, p := range c.packets {
			tried[fmt.Sprintf("%s %s", p.protocol, c.outcome(p))]++
			if c.port(p) != p.port {
				tried["of an alias"]++
			}
		}
		a.try(t, c)
		if t.Failed() {
			t.Fatalf("again: go test ./enforcer/kernel -run %s -agree.seed %d\n%s", t.Name(), c.seed, c)
		}
	}
	for _, kind := range []string{"tcp open", "tcp refused", "tcp hidden", "udp open", "udp refused", "udp hidden", "of an alias"} {
		if tried[kind] < agreePolicies/4 {
			t.Errorf("packets that were tried: %v; want more of %q", tried, kind)
		}
	}
	t.Logf("packets that were tried: %v", tried)
}

// agreement is a guarded host that answers on every port, and a client with many addresses.
type agreement struct {
	host, client *lab.Host
	table        *Table
}

func newAgreement(t *testing.T) agreement {
	t.Helper()
	s := newSite(t, false)
	a := agreement{host: s.host, client: s.user, table: s.table}
	listen(t, a.host, agreePorts()...)
	for _, port := range agreePorts() {
		echoDatagrams(t, a.host, port)
	}
	for space, via := range map[netip.Prefix]netip.Addr{space4(): a.client.V4, space6(): a.client.V6} {
		if err := a.host.Route(space, via); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(a.client.Do(ownAddresses), a.host.Do(unlimitICMP))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ownAddresses gives the sources to the loopback of this thread's namespace.
func ownAddresses() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	for _, source := range agreeSources() {
		ip := &net.IPNet{IP: source.AsSlice(), Mask: net.CIDRMask(source.BitLen(), source.BitLen())}
		address := &netlink.Addr{IPNet: ip}
		if source.Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(loopback, address); err != nil {
			return fmt.Errorf("add %s: %w", source, err)
		}
	}
	return nil
}

// unlimitICMP has the kernel answer every datagram that is rejected, however many there are.
func unlimitICMP() error {
	return errors.Join(os.WriteFile("/proc/sys/net/ipv4/icmp_ratelimit", []byte("0"), 0),
		os.WriteFile("/proc/sys/net/ipv6/icmp/ratelimit", []byte("0"), 0))
}

// echoDatagrams sends every datagram back until the test ends.
func echoDatagrams(t *testing.T, h *lab.Host, port uint16) {
	t.Helper()
	var socket *net.UDPConn
	err := h.Do(func() (err error) {
		socket, err = net.ListenUDP("udp", &net.UDPAddr{Port: int(port)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var echoing sync.WaitGroup
	echoing.Go(func() {
		buffer := make([]byte, 64)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = socket.WriteTo(buffer[:n], from) // the client says what is missing
			}
		}
	})
	t.Cleanup(func() {
		socket.Close()
		echoing.Wait()
	})
}

// try commits the policy, sends its packets at once, and compares.
func (a agreement) try(t *testing.T, c agreeCase) {
	t.Helper()
	commit(t, a.table, ruleset.Replace(ruleset.Build(c.policy, ruleset.Surroundings{Aliases: c.aliases})))
	var trying sync.WaitGroup
	for _, p := range c.packets {
		trying.Go(func() {
			want := c.outcome(p)
			got, err := a.send(t.Context(), p, want)
			if err != nil || got != want {
				t.Errorf("seed %d: %s: %s, %v; want %s (%s)", c.seed, p, got, err, want, c.explain(p).Reason)
			}
		})
	}
	trying.Wait()
	counts, err := a.table.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.compareCounters(t, counts)
}

// compareCounters checks that those packets were counted that the policy says, and no others.
func (c agreeCase) compareCounters(t *testing.T, counts map[string]status.Count) {
	t.Helper()
	want := map[string]bool{}
	for _, p := range c.packets {
		if counter := c.counter(p); counter != "" {
			want[counter] = true
		}
	}
	for name, count := range counts {
		if counted := count.Packets > 0; counted != want[name] {
			t.Errorf("seed %d: counter %s has %d packets; want any: %t", c.seed, name, count.Packets, want[name])
		}
	}
}

// send tries one packet, and the rest of its connection, and says what became of it.
func (a agreement) send(ctx context.Context, p agreePacket, want lab.Outcome) (lab.Outcome, error) {
	limit := patience
	if want == lab.Hidden {
		limit = agreeSilence
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	from, to := a.client, netip.AddrPortFrom(a.host.Addr(p.source.Is6()), p.port)
	if p.source.IsLoopback() {
		from, to = a.host, netip.AddrPortFrom(p.source, p.port)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: p.source.AsSlice()}}
	if p.protocol == policy.UDP {
		dialer.LocalAddr = &net.UDPAddr{IP: p.source.AsSlice()}
	}
	var conn net.Conn
	err := from.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, string(p.protocol), to.String())
		return err
	})
	if err != nil {
		return lab.OutcomeOf(err), nil
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		return lab.OutcomeOf(err), nil
	}
	if _, err := conn.Read(make([]byte, 64)); err != nil {
		return lab.OutcomeOf(err), nil
	}
	return lab.Open, nil
}

// agreeCase is one policy and packets to try with it.
type agreeCase struct {
	seed    uint64
	policy  policy.Policy
	aliases []ruleset.Alias
	packets []agreePacket
}

func (c agreeCase) String() string {
	var b strings.Builder
	for _, s := range c.policy.Services {
		fmt.Fprintf(&b, "%s: %s %v from %v, %s, %s\n", s.Name, s.Protocol, s.Ports, s.From, s.Mode, s.RefuseWith)
	}
	for name, group := range c.policy.Groups {
		fmt.Fprintf(&b, "%s: %v\n", name, group)
	}
	fmt.Fprintf(&b, "aliases: %v\n", c.aliases)
	return b.String()
}

// explain is the policy's word on a packet. It knows one protocol a port: those of the other belong to no service.
func (c agreeCase) explain(p agreePacket) policy.Verdict {
	v := c.policy.Explain(p.source, c.port(p))
	if v.Protocol != p.protocol || v.Service == "" {
		return policy.Verdict{Allowed: true, Reason: "no service has it"}
	}
	return v
}

// port is the service's own where the packet's is an alias.
func (c agreeCase) port(p agreePacket) uint16 {
	for _, alias := range c.aliases {
		if s := c.service(alias.Service); alias.Port == p.port && s.Protocol == p.protocol {
			return s.Ports[0]
		}
	}
	return p.port
}

func (c agreeCase) service(name string) policy.Service {
	for _, s := range c.policy.Services {
		if s.Name == name {
			return s
		}
	}
	return policy.Service{}
}

// outcome is what must become of a packet.
func (c agreeCase) outcome(p agreePacket) lab.Outcome {
	v := c.explain(p)
	s := c.service(v.Service)
	switch {
	case v.Service == "" || !c.policy.Refuses(p.source, c.port(p)):
		return lab.Open
	case s.RefuseWith == policy.Reject:
		return lab.Refused
	}
	return lab.Hidden
}

// counter is the counter that must have counted a packet.
func (c agreeCase) counter(p agreePacket) string {
	v := c.explain(p)
	switch s := c.service(v.Service); {
	case v.Service == "" || p.source.IsLoopback():
		return ""
	case v.Allowed:
		return ruleset.CounterName(s.Name, ruleset.VerdictAllowed)
	case s.Mode == policy.Audit:
		return ruleset.CounterName(s.Name, ruleset.VerdictWouldRefuse)
	default:
		return ruleset.CounterName(s.Name, ruleset.VerdictRefused)
	}
}

// agreePacket is the first packet of a connection, or a datagram.
type agreePacket struct {
	protocol policy.Protocol
	source   netip.Addr
	port     uint16
}

func (p agreePacket) String() string {
	return fmt.Sprintf("%s %s → %d", p.protocol, p.source, p.port)
}
