package ruleset

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// The base chains and their priorities. −150 lies before destination NAT (−100), so that prerouting sees the port that
// the packet was sent to; −10 lies before the usual filter chains (0), so that a refusal does not depend on them.
const (
	prerouting         = "prerouting"
	input              = "input"
	forward            = "forward"
	preroutingPriority = -150
	filterPriority     = -10
)

// The verdicts that counters are named after; they are the values of the metric's label too.
const (
	VerdictAllowed     = "allowed"
	VerdictRefused     = "refused"
	VerdictWouldRefuse = "would_refuse"
)

// Surroundings are what else on the host decides the way of packets. The forward chain exists only where they ask for
// it: it is the only chain that uses connection tracking, which NAT has loaded already.
type Surroundings struct {
	NAT      bool     // something translates destinations (nftables or iptables)
	Bridges  []string // interfaces of container bridges, sorted
	Aliases  []Alias  // ports of this host that lead to a service elsewhere, sorted
	Targets  []Target // where services listen in containers, sorted
	LogGroup uint16   // the NFLOG group that hears of refused packets; 0: nobody does
}

// Alias is a port of this host that a proxy or a translation leads to a service: it is guarded as the service's own.
type Alias struct {
	Service string
	Port    uint16
}

// Target is the address and port, in a container, of a process that serves a service.
type Target struct {
	Service string
	Addr    netip.Addr
	Port    uint16
}

// Equal says whether both ask for the same chains.
func (a Surroundings) Equal(b Surroundings) bool {
	return a.NAT == b.NAT && a.LogGroup == b.LogGroup && slices.Equal(a.Bridges, b.Bridges) &&
		slices.Equal(a.Aliases, b.Aliases) && slices.Equal(a.Targets, b.Targets)
}

// ports are the service's own and their aliases.
func (a Surroundings) ports(s policy.Service) []uint16 {
	ports := slices.Clone(s.Ports)
	for _, alias := range a.Aliases {
		if alias.Service == s.Name && !slices.Contains(ports, alias.Port) {
			ports = append(ports, alias.Port)
		}
	}
	return ports
}

// targets are those of one service.
func (a Surroundings) targets(service string) []Target {
	var found []Target
	for _, t := range a.Targets {
		if t.Service == service {
			found = append(found, t)
		}
	}
	return found
}

// Build makes the ruleset that enforces the policy in these surroundings.
func Build(p policy.Policy, around Surroundings) Ruleset {
	var r Ruleset
	if len(p.Services) == 0 {
		return r
	}
	for _, group := range slices.Sorted(maps.Keys(p.Groups)) {
		r.Sets = append(r.Sets,
			Set{Name: set4(group), Family: IPv4, Ranges: ranges(p.Groups[group], IPv4)},
			Set{Name: set6(group), Family: IPv6, Ranges: ranges(p.Groups[group], IPv6)})
	}
	r.Chains = append(r.Chains, preroutingChain(p.Services, around), inputChain(p.Services, around))
	if around.NAT || len(around.Bridges) > 0 || len(around.Targets) > 0 {
		r.Chains = append(r.Chains, forwardChain(p.Services, around))
	}
	for _, s := range p.Services {
		r.Counters = append(r.Counters, CounterName(s.Name, VerdictAllowed))
		if !s.Open() {
			r.Counters = append(r.Counters, CounterName(s.Name, refusalVerdict(s)))
			r.Chains = append(r.Chains, serviceChain(s, around.LogGroup))
		}
	}
	r.Normalize()
	return r
}

// LogPrefix is what the kernel tells of a refused packet, beside the packet.
func LogPrefix(service, verdict string) string { return "nakama-warden " + verdict + " " + service }

// CounterName is the name of the counter of a service and verdict.
func CounterName(service, verdict string) string { return service + "-" + verdict }

// SplitCounterName is the inverse of CounterName.
func SplitCounterName(name string) (service, verdict string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

func set4(group string) string               { return group + "4" }
func set6(group string) string               { return group + "6" }
func serviceChainName(service string) string { return "to-" + service }

func refusalVerdict(s policy.Service) string {
	if s.Mode == policy.Audit {
		return VerdictWouldRefuse
	}
	return VerdictRefused
}

func toPort(s policy.Service, port uint16) Statement {
	if s.Protocol == policy.UDP {
		return Statement{Op: ToUDPPort, Port: port}
	}
	return Statement{Op: ToTCPPort, Port: port}
}

// openFirst puts the services that everyone may reach first: theirs are most of a game's packets.
func openFirst(services []policy.Service) []policy.Service {
	sorted := slices.Clone(services)
	slices.SortStableFunc(sorted, func(a, b policy.Service) int {
		switch {
		case a.Open() == b.Open():
			return 0
		case a.Open():
			return -1
		default:
			return 1
		}
	})
	return sorted
}

// preroutingChain refuses and does not count what is allowed; what is audited passes uncounted, to be counted where it
// ends up.
func preroutingChain(services []policy.Service, around Surroundings) Chain {
	c := Chain{Name: prerouting, Hook: Hook{Name: prerouting, Priority: preroutingPriority}}
	c.Rules = append(c.Rules, Rule{{Op: FromLoopback}, {Op: Accept}})
	for _, s := range openFirst(services) {
		for _, port := range around.ports(s) {
			switch {
			case s.Open():
				c.Rules = append(c.Rules, Rule{toPort(s, port), {Op: Accept}})
			case s.Mode == policy.Enforce:
				c.Rules = append(c.Rules, Rule{toPort(s, port), {Op: ToLocal}, {Op: Jump, Name: serviceChainName(s.Name)}})
			}
		}
	}
	return c
}

func inputChain(services []policy.Service, around Surroundings) Chain {
	c := Chain{Name: input, Hook: Hook{Name: input, Priority: filterPriority}}
	c.Rules = append(c.Rules, Rule{{Op: FromLoopback}, {Op: Accept}})
	for _, s := range openFirst(services) {
		for _, port := range around.ports(s) {
			c.Rules = append(c.Rules, guard(s, toPort(s, port))...)
		}
	}
	return c
}

// forwardChain guards the way into containers: to the addresses where guarded processes are, and, for the services
// whose process was not found, by port. By port only what is hidden by default and uses a port of Nakama's and
// CockroachDB's own: 8080 or 9100 may be anybody's container. Everything else that is forwarded is none of our business,
// and so is what stays on one bridge (it comes here only with bridge-nf-call-iptables).
func forwardChain(services []policy.Service, around Surroundings) Chain {
	c := Chain{Name: forward, Hook: Hook{Name: forward, Priority: filterPriority}}
	for _, bridge := range around.Bridges {
		c.Rules = append(c.Rules, Rule{{Op: FromInterface, Name: bridge}, {Op: ToInterface, Name: bridge}, {Op: Accept}})
	}
	for _, s := range services {
		if s.Open() {
			continue
		}
		targets := around.targets(s.Name)
		for _, t := range targets {
			c.Rules = append(c.Rules, guard(s, Statement{Op: ToAddress, Addr: t.Addr}, toPort(s, t.Port))...)
		}
		if len(targets) == 0 && GuardedByPort(s.Name) {
			c.Rules = append(c.Rules, guardByPort(s, around)...)
		}
	}
	return c
}

func guardByPort(s policy.Service, around Surroundings) []Rule {
	var rules []Rule
	for _, port := range s.Ports {
		if around.NAT {
			rules = append(rules, guard(s, toPort(s, port), Statement{Op: Translated})...)
		}
		for _, bridge := range around.Bridges {
			rules = append(rules, guard(s, toPort(s, port), Statement{Op: ToInterface, Name: bridge})...)
		}
	}
	return rules
}

// GuardedByPort says whether the number of a service's port is enough to guard what leads to it.
func GuardedByPort(service string) bool {
	switch service {
	case "nakama-grpc", "nakama-console", "nakama-console-grpc", "cockroachdb-sql":
		return true
	}
	return false
}

// guard sends the packets that match through the service's chain and counts those that come back.
func guard(s policy.Service, matches ...Statement) []Rule {
	counted := append(Rule(slices.Clone(matches)),
		Statement{Op: Count, Name: CounterName(s.Name, VerdictAllowed)}, Statement{Op: Accept})
	if s.Open() {
		return []Rule{counted}
	}
	jump := append(Rule(slices.Clone(matches)), Statement{Op: Jump, Name: serviceChainName(s.Name)})
	return []Rule{jump, counted}
}

func serviceChain(s policy.Service, logGroup uint16) Chain {
	c := Chain{Name: serviceChainName(s.Name)}
	for _, group := range s.From {
		c.Rules = append(c.Rules,
			Rule{{Op: FromSet4, Name: set4(group)}, {Op: Return}},
			Rule{{Op: FromSet6, Name: set6(group)}, {Op: Return}})
	}
	if logGroup != 0 {
		c.Rules = append(c.Rules, Rule{{Op: Log, Name: LogPrefix(s.Name, refusalVerdict(s)), Port: logGroup}})
	}
	last := Rule{{Op: Count, Name: CounterName(s.Name, refusalVerdict(s))}}
	switch {
	case s.Mode == policy.Audit:
		// Accept, not return: the base chain would count the packet as allowed too.
		last = append(last, Statement{Op: Accept})
	case s.RefuseWith == policy.Reject && s.Protocol == policy.UDP:
		last = append(last, Statement{Op: Unreachable})
	case s.RefuseWith == policy.Reject:
		last = append(last, Statement{Op: ResetTCP})
	default:
		last = append(last, Statement{Op: Drop})
	}
	c.Rules = append(c.Rules, last)
	return c
}
