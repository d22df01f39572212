package policy

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// widestPrefix is the shortest prefix a group may hold: nobody's admins own a 256th of the Internet.
const widestPrefix = 8

// mostAddresses returns the space of addresses of which the prefixes together cover half or more, if there is one: a
// group is a set of hosts, and the world can be written in pieces too.
func mostAddresses(prefixes []netip.Prefix) (space netip.Prefix, found bool) {
	for _, space := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")} {
		share := 0.0
		for _, p := range Coalesce(prefixes) {
			if space.Overlaps(p) {
				share += math.Exp2(-float64(max(0, p.Bits()-space.Bits())))
			}
		}
		if share >= 0.5 {
			return space, true
		}
	}
	return netip.Prefix{}, false
}

// reservedAddresses are ranges that can never be the source of a remote peer: they would open a service to local
// traffic only, or to whoever spoofs them.
func reservedAddresses() map[string]netip.Prefix {
	return map[string]netip.Prefix{
		"loopback":           netip.MustParsePrefix("127.0.0.0/8"),
		"loopback (IPv6)":    netip.MustParsePrefix("::1/128"),
		"link-local (IPv6)":  netip.MustParsePrefix("fe80::/10"),
		"multicast":          netip.MustParsePrefix("224.0.0.0/4"),
		"multicast (IPv6)":   netip.MustParsePrefix("ff00::/8"),
		"unspecified":        netip.MustParsePrefix("0.0.0.0/32"),
		"unspecified (IPv6)": netip.MustParsePrefix("::/128"),
	}
}

// Violation is one broken rule. Service and Group say where; one of them may be empty.
type Violation struct {
	Service string
	Group   string
	Prefix  netip.Prefix // the offending one, if it is one prefix
	Problem string
	Want    string
}

func (v Violation) Error() string {
	var where []string
	if v.Service != "" {
		where = append(where, "service "+v.Service)
	}
	if v.Group != "" {
		where = append(where, "group "+v.Group)
	}
	return fmt.Sprintf("%s: %s; want %s", strings.Join(where, ", "), v.Problem, v.Want)
}

// Check returns every rule that the services of one host and the roster break, in a stable order. Compile refuses what
// Check finds; config adds line numbers to it; fleet refuses an answer that would break a rule.
func Check(services []Service, roster Roster) []Violation {
	var found []Violation
	services = slices.Clone(services)
	slices.SortFunc(services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range services {
		found = append(found, checkService(s, roster)...)
	}
	found = append(found, checkPorts(services)...)
	for _, group := range slices.Sorted(maps.Keys(roster)) {
		found = append(found, CheckGroup(group, roster[group])...)
	}
	return append(found, checkPlayersPath(services, roster)...)
}

// Hidden says whether a service must never be open to players: the console and the database.
func (s Service) Hidden() bool {
	if s.Role == RoleCockroachDB {
		return true
	}
	return strings.HasPrefix(s.Name, "nakama-console") ||
		slices.ContainsFunc(s.Ports, func(port uint16) bool { return port == 7351 || port == 7348 || port == 26257 })
}

func checkService(s Service, roster Roster) []Violation {
	var found []Violation
	add := func(problem, want string) {
		found = append(found, Violation{Service: s.Name, Problem: problem, Want: want})
	}
	for _, from := range s.From {
		if _, known := roster[from]; !known && from != Anyone && !slices.Contains(StandardGroups(), from) {
			add(fmt.Sprintf("unknown group %q", from), "one of "+strings.Join(append(Groups(roster), Anyone), ", "))
		}
		if (from == Anyone || from == GroupLoadBalancers) && s.Hidden() && !s.Unsafe {
			add(fmt.Sprintf("a console or database service is open to %s", from),
				"other groups, or `unsafe: true` on the service if the world may really reach it")
		}
	}
	if slices.Contains(s.Ports, 22) {
		add("port 22 is SSH, which is never touched", "another port")
	}
	if slices.Contains(s.Ports, 0) {
		add("port 0", "a port from 1 to 65535")
	}
	return found
}

// checkPorts finds ports that two services of one protocol claim.
func checkPorts(services []Service) []Violation {
	type claim struct {
		protocol Protocol
		port     uint16
	}
	var found []Violation
	owner := map[claim]string{}
	for _, s := range services {
		if s.Mode == Off {
			continue
		}
		for _, port := range s.Ports {
			c := claim{s.Protocol, port}
			if first, taken := owner[c]; taken && first != s.Name {
				found = append(found, Violation{Service: s.Name,
					Problem: fmt.Sprintf("%s port %d belongs to service %s too", c.protocol, port, first),
					Want:    "each port in one service of this host"})
				continue
			}
			owner[c] = s.Name
		}
	}
	return found
}

// CheckGroup returns the rules that the addresses of one group break.
func CheckGroup(name string, prefixes []netip.Prefix) []Violation {
	var found []Violation
	add := func(p netip.Prefix, problem, want string) {
		found = append(found, Violation{Group: name, Prefix: p, Problem: problem, Want: want})
	}
	if name == Anyone {
		add(netip.Prefix{}, "anyone is every address and cannot be a group", "another name")
	}
	for _, p := range prefixes {
		found = append(found, checkPrefix(name, p)...)
	}
	if space, most := mostAddresses(prefixes); most && !slices.ContainsFunc(prefixes, tooWide) {
		add(space, fmt.Sprintf("the prefixes together cover half of %s or more", space),
			"the addresses of the hosts in this group, or `from: [anyone]` on the service")
	}
	return found
}

func tooWide(p netip.Prefix) bool { return Normalize(p).Bits() < widestPrefix }

func checkPrefix(group string, p netip.Prefix) []Violation {
	p = Normalize(p)
	if !p.IsValid() {
		return []Violation{{Group: group, Prefix: p, Problem: "an invalid prefix", Want: "an address or a CIDR"}}
	}
	if tooWide(p) {
		return []Violation{{Group: group, Prefix: p, Problem: fmt.Sprintf("%s is wider than /%d", p, widestPrefix),
			Want: "narrower prefixes: a group is a set of hosts, not a part of the Internet"}}
	}
	reserved := reservedAddresses()
	for _, kind := range slices.Sorted(maps.Keys(reserved)) {
		if reserved[kind].Overlaps(p) {
			return []Violation{{Group: group, Prefix: p, Problem: fmt.Sprintf("%s is %s", p, kind),
				Want: "an address that a remote host can have (the host itself always gets in)"}}
		}
	}
	return nil
}

// checkPlayersPath finds addresses that are a load balancer of the players and may reach the database as well: then
// whoever takes the balancer has the database.
func checkPlayersPath(services []Service, roster Roster) []Violation {
	balancers := roster[GroupLoadBalancers]
	if len(balancers) == 0 {
		return nil
	}
	groups := map[string]string{} // group → a database service it may reach
	for _, group := range []string{GroupNakama, GroupCockroachDB, GroupDatabaseBalancers, GroupDatabaseClients} {
		groups[group] = "the database"
	}
	for _, s := range services {
		if s.Role != RoleCockroachDB || s.Unsafe {
			continue
		}
		for _, group := range s.From {
			groups[group] = s.Name
		}
	}
	var found []Violation
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		if group == GroupLoadBalancers || group == Anyone {
			continue
		}
		for _, p := range intersection(balancers, roster[group]) {
			found = append(found, Violation{Group: group, Prefix: p,
				Problem: fmt.Sprintf("%s is in %s too, and %s may reach %s", short(p), GroupLoadBalancers, group, groups[group]),
				Want:    "load balancers of the players that can never reach the database"})
		}
	}
	return found
}

// short writes the prefix of a single address as that address.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
