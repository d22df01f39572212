package kernel

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// agreePorts are listened on by both protocols, guarded or not.
func agreePorts() []uint16 { return []uint16{7401, 7402, 7403, 7404, 7405, 7406, 7407, 7408} }

// The spaces of addresses for tests and for examples (RFC 2544, RFC 3849).
func space4() netip.Prefix { return netip.MustParsePrefix("198.18.0.0/15") }
func space6() netip.Prefix { return netip.MustParsePrefix("2001:db8::/32") }

// agreeSources are the addresses that packets come from: dense here and sparse there, at the edges of prefixes.
func agreeSources() []netip.Addr {
	texts := []string{
		"198.18.0.0", "198.18.0.1", "198.18.0.2", "198.18.0.127", "198.18.0.128", "198.18.0.255", "198.18.1.0",
		"198.18.127.255", "198.18.128.0", "198.18.255.255", "198.19.0.0", "198.19.255.254",
		"2001:db8::1", "2001:db8::2", "2001:db8::ffff", "2001:db8::1:0", "2001:db8:0:1::", "2001:db8:0:1::1",
		"2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::", "2001:db8:7fff:ffff::", "2001:db8:8000::1",
	}
	sources := make([]netip.Addr, len(texts))
	for i, text := range texts {
		sources[i] = netip.MustParseAddr(text)
	}
	return sources
}

// dice make the same case of the same seed for ever.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// some returns each of the items with an even chance.
func some[T any](d dice, items ...T) []T {
	return slices.DeleteFunc(slices.Clone(items), func(T) bool { return d.IntN(2) == 0 })
}

func randomCase(t *testing.T, seed uint64) agreeCase {
	t.Helper()
	d := dice{rand.New(rand.NewPCG(seed, 0))}
	roster := policy.Roster{}
	groups := []string{"admins", "nakama", "monitoring", "crowd"}
	for _, group := range groups {
		roster[group] = d.prefixes()
	}
	c := agreeCase{seed: seed}
	ports := slices.Clone(agreePorts())
	d.Shuffle(len(ports), func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
	var services []policy.Service
	for i := range 1 + d.IntN(4) {
		count := 1 + d.IntN(2)
		s := policy.Service{
			Name: fmt.Sprintf("service-%d", i), Ports: ports[:count], From: some(d, groups...),
			Protocol: pick(d, policy.TCP, policy.UDP), Mode: pick(d, policy.Enforce, policy.Enforce, policy.Audit),
			RefuseWith: pick(d, policy.Drop, policy.Reject),
		}
		if d.IntN(8) == 0 {
			s.From = append(s.From, policy.Anyone)
		}
		services, ports = append(services, s), ports[count:]
		if len(ports) > 0 && d.IntN(3) == 0 { // a port of nobody's, that leads to this service
			c.aliases = append(c.aliases, ruleset.Alias{Service: s.Name, Port: ports[0]})
			ports = ports[1:]
		}
		if len(ports) < 2 {
			break
		}
	}
	var err error
	if c.policy, err = policy.Compile(services, roster); err != nil {
		t.Fatalf("seed %d makes no policy: %v", seed, err)
	}
	for range agreePackets {
		c.packets = append(c.packets, d.packet(c))
	}
	return c
}

// prefixes overlap, touch and repeat: they grow around a few addresses.
func (d dice) prefixes() []netip.Prefix {
	var found []netip.Prefix
	for range d.IntN(6) {
		around := pick(d, agreeSources()...)
		if d.IntN(3) == 0 {
			around = around.Prev()
		}
		shortest := space4().Bits()
		if around.Is6() {
			shortest = space6().Bits()
		}
		bits := max(shortest+d.IntN(around.BitLen()-shortest+1), shortest+d.IntN(around.BitLen()-shortest+1))
		p := netip.PrefixFrom(around, bits) // with the bits of the host, as people write them
		if around.Is4() && d.IntN(6) == 0 {
			p = netip.PrefixFrom(netip.AddrFrom16(around.As16()), bits+96)
		}
		found = append(found, p)
	}
	return found
}

// packet is mostly one that a service has something to say about.
func (d dice) packet(c agreeCase) agreePacket {
	p := agreePacket{protocol: pick(d, policy.TCP, policy.UDP), source: pick(d, agreeSources()...), port: pick(d, agreePorts()...)}
	if s := pick(d, c.policy.Services...); d.IntN(8) > 0 {
		p.protocol, p.port = s.Protocol, pick(d, s.Ports...)
	}
	if len(c.aliases) > 0 && d.IntN(8) == 0 {
		alias := pick(d, c.aliases...)
		p.protocol, p.port = c.service(alias.Service).Protocol, alias.Port
	}
	if d.IntN(16) == 0 {
		p.source = pick(d, netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback())
	}
	return p
}
