// Package ruleset turns a policy into nftables objects: chains, sets, rules and counters, as plain values.
//
// Three base chains guard a port. prerouting sees the port before any translation, input after it, and forward what is
// handed on to a container. Which of them is needed for which path was measured (facts: nftables, "Where to hook").
// No rule looks at connection tracking outside forward, and none accepts by its state or direction: whoever speaks
// first after the table is loaded would count as the original side and stay served.
//
// Each guarded service has one chain, which every base chain jumps to. It returns what is admitted and refuses the
// rest, so that one place says who may reach a service. What returned is counted as allowed in input and forward only:
// prerouting sees the same packet again in one of them.
package ruleset

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// TableName is the name of the one table, in the inet family.
const TableName = "nakama_warden"

// Ruleset is the content of the table. The zero value is an absent table. Sets and counters are sorted by name.
type Ruleset struct {
	Counters []string
	Sets     []Set
	Chains   []Chain  // base chains first, in the order of the packet's way
	Foreign  []string // what only others can have put there, such as a flow table; never in a wanted ruleset
}

// Absent says that there is no table.
func (r Ruleset) Absent() bool {
	return len(r.Chains) == 0 && len(r.Sets) == 0 && len(r.Counters) == 0 && len(r.Foreign) == 0
}

// Family is the address family of a set.
type Family int

// The families of sets.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Set is an interval set of addresses. Ranges are sorted and do not overlap; each is one element.
type Set struct {
	Name   string
	Family Family
	Ranges []netipx.IPRange
	Odd    string // what is unusual about a set that was read, such as a timeout; never in a wanted ruleset
}

// Chain is a base chain if Hook is set.
type Chain struct {
	Name  string
	Hook  Hook
	Rules []Rule
}

// Hook says where a base chain is attached: type filter, policy accept. The zero Hook is a chain that is jumped to.
type Hook struct {
	Name     string // prerouting, input or forward
	Priority int32
	Odd      string // what is unusual about a chain that was read, such as a drop policy; never in a wanted ruleset
}

// Rule is a list of statements: matches, then what to do.
type Rule []Statement

// Statement is one match or action. It is comparable; its meaning is that of its nft notation, see String.
type Statement struct {
	Op   Op
	Name string     // a set, chain, counter or interface, or the prefix of a log
	Port uint16     // or the group of a log
	Addr netip.Addr // of ToAddress
}

// Op is the kind of a statement.
type Op int

// The statements that rules are made of.
const (
	Foreign       Op = iota // a statement that nobody here writes; Name describes it
	FromLoopback            // the packet arrived on the loopback interface
	FromInterface           // … on the interface Name
	ToInterface             // it leaves by the interface Name
	ToTCPPort               // it goes to TCP port Port
	ToUDPPort
	ToLocal    // it goes to an address of this host
	ToAddress  // it goes to the address Addr
	Translated // it was redirected to another destination (destination NAT)
	FromSet4   // its source is in the IPv4 set Name
	FromSet6   // … in the IPv6 set Name
	Log        // tell NFLOG group Port, with prefix Name: at most LogRate a second
	Count      // add it to the counter Name
	Jump       // go on in chain Name
	Return     // go back to where the chain was jumped to
	Accept
	Drop
	ResetTCP    // refuse with a TCP reset
	Unreachable // refuse with ICMP port unreachable
)

// ranges turns coalesced prefixes of one family into set elements.
func ranges(prefixes []netip.Prefix, family Family) []netipx.IPRange {
	var found []netipx.IPRange
	for _, p := range prefixes {
		if p.Addr().Is4() == (family == IPv4) {
			found = append(found, netipx.RangeOfPrefix(p))
		}
	}
	return found
}

// LogRate and LogBurst bound, per service, how many refusals the kernel tells of: a flood must not cost more than its
// packets do. LogBytes of each are told: enough for the longest headers that are read.
const (
	LogRate  = 50
	LogBurst = 100
	LogBytes = 96
)

// Groups returns the addresses of the groups whose sets the ruleset holds.
func (r Ruleset) Groups() policy.Roster {
	groups := policy.Roster{}
	for _, s := range r.Sets {
		group := strings.TrimSuffix(s.Name, strconv.Itoa(int(s.Family)))
		for _, r := range s.Ranges {
			groups[group] = append(groups[group], r.Prefixes()...)
		}
	}
	return groups
}

// compareRanges orders ranges by their first, then their last address.
func compareRanges(a, b netipx.IPRange) int {
	if c := a.From().Compare(b.From()); c != 0 {
		return c
	}
	return a.To().Compare(b.To())
}

// Normalize sorts counters, sets, their ranges and the foreign objects; the order of chains and rules means something
// and stays.
func (r *Ruleset) Normalize() {
	slices.Sort(r.Counters)
	slices.Sort(r.Foreign)
	slices.SortFunc(r.Sets, func(a, b Set) int { return strings.Compare(a.Name, b.Name) })
	for i := range r.Sets {
		slices.SortFunc(r.Sets[i].Ranges, compareRanges)
	}
}
