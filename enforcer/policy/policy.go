// Package policy says who may reach what on this host, as data.
//
// A Policy is compiled from services (what is guarded and which groups may reach it) and a Roster (which addresses the
// groups stand for). It is a pure value: the ruleset is built from it, Explain answers from it, and both must agree
// with what the kernel does.
package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Anyone is the source that stands for every address. It is no group: no roster can define it.
const Anyone = "anyone"

// The groups that have a meaning of their own in the topology.
const (
	GroupNakama            = "nakama"
	GroupCockroachDB       = "cockroachdb"
	GroupLoadBalancers     = "load_balancers"
	GroupDatabaseBalancers = "database_balancers"
	GroupDatabaseClients   = "database_clients"
	GroupAdmins            = "admins"
	GroupMonitoring        = "monitoring"
)

// StandardGroups returns the seven groups that always exist, perhaps empty.
func StandardGroups() []string {
	return []string{GroupNakama, GroupCockroachDB, GroupLoadBalancers, GroupDatabaseBalancers, GroupDatabaseClients,
		GroupAdmins, GroupMonitoring}
}

// Protocol is the transport protocol of a service.
type Protocol string

// The protocols a service can have.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Mode says what happens to a packet that a service does not admit.
type Mode string

// The modes of a service.
const (
	Audit   Mode = "audit"   // count it and let it pass
	Enforce Mode = "enforce" // refuse it
	Off     Mode = "off"     // there is no rule for the service
)

// Refusal is how a packet is turned away.
type Refusal string

// The ways to refuse.
const (
	Drop   Refusal = "drop"   // silently: the port looks as if it did not exist
	Reject Refusal = "reject" // at once: TCP reset, or ICMP port unreachable
)

// The roles a service can belong to. A service without a role belongs to every host.
const (
	RoleNakama      = "nakama"
	RoleCockroachDB = "cockroachdb"
	RoleMonitor     = "monitor"
)

// Service is a named set of ports and the groups that may reach them. An empty From closes it to everyone but the host
// itself.
type Service struct {
	Name       string   `json:"name"`
	Role       string   `json:"role,omitempty"`
	Protocol   Protocol `json:"protocol"`
	Ports      []uint16 `json:"ports"`
	From       []string `json:"from"`
	Mode       Mode     `json:"mode"`
	RefuseWith Refusal  `json:"refuse_with"`
	Unsafe     bool     `json:"unsafe,omitempty"` // the operator's explicit word that a hidden service may be open
}

// Open says that everyone may reach the service.
func (s Service) Open() bool { return slices.Contains(s.From, Anyone) }

// Roster is who is who now: the prefixes of each group, in no particular order.
type Roster map[string][]netip.Prefix

// Clone returns a copy that shares nothing with r.
func (r Roster) Clone() Roster {
	c := make(Roster, len(r))
	for name, prefixes := range r {
		c[name] = slices.Clone(prefixes)
	}
	return c
}

// Policy is services × groups, checked. Services are sorted by name and have at least one port; Groups holds what
// the services refer to, coalesced and sorted. The zero Policy guards nothing.
type Policy struct {
	Services []Service `json:"services"`
	Groups   Roster    `json:"groups"`
}

// Compile makes a Policy. Services that are off or have no ports fall away. An error names every rule that is broken:
// see Check.
func Compile(services []Service, roster Roster) (Policy, error) {
	if violations := Check(services, roster); len(violations) > 0 {
		lines := make([]string, len(violations))
		for i, v := range violations {
			lines[i] = v.Error()
		}
		return Policy{}, fmt.Errorf("compile policy: %s", strings.Join(lines, "; "))
	}
	p := Policy{Groups: Roster{}}
	for _, s := range services {
		if s.Mode == Off || len(s.Ports) == 0 {
			continue
		}
		s.Ports = slices.Compact(slices.Sorted(slices.Values(s.Ports)))
		s.From = slices.Compact(slices.Sorted(slices.Values(s.From)))
		if s.Open() {
			s.From = []string{Anyone}
		}
		p.Services = append(p.Services, s)
		for _, group := range s.From {
			if _, done := p.Groups[group]; !done && group != Anyone {
				p.Groups[group] = Coalesce(roster[group])
			}
		}
	}
	slices.SortFunc(p.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return p, nil
}

// Enforced is the policy with every audited service enforced.
func (p Policy) Enforced() Policy {
	p.Services = slices.Clone(p.Services)
	for i := range p.Services {
		p.Services[i].Mode = Enforce
	}
	return p
}

// Hash identifies the declared policy: the services, not the addresses behind the groups. Hosts of one role with one
// configuration have equal hashes.
func (p Policy) Hash() string {
	text, err := json.Marshal(p.Services)
	if err != nil {
		return "" // a slice of plain structs always marshals
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// Groups returns the names of all groups that the services of a host may refer to: the standard ones and those of the
// roster, sorted.
func Groups(roster Roster) []string {
	names := slices.AppendSeq(StandardGroups(), maps.Keys(roster))
	slices.Sort(names)
	return slices.Compact(names)
}
