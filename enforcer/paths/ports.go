package paths

import (
	"cmp"
	"math"
	"slices"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// portRange is first to last, both included.
type portRange struct{ first, last uint16 }

// portSet is a set of ports: sorted ranges that neither overlap nor touch. The zero value is empty.
type portSet []portRange

func allPorts() portSet         { return portSet{{0, math.MaxUint16}} }
func onePort(p uint16) portSet  { return portSet{{p, p}} }
func (s portSet) isEmpty() bool { return len(s) == 0 }

func (s portSet) has(p uint16) bool {
	return slices.ContainsFunc(s, func(r portRange) bool { return r.first <= p && p <= r.last })
}

func (s portSet) size() int {
	n := 0
	for _, r := range s {
		n += int(r.last) - int(r.first) + 1
	}
	return n
}

// union makes a set of any ranges; those whose first lies above their last are empty.
func union(ranges ...portRange) portSet {
	ranges = slices.DeleteFunc(slices.Clone(ranges), func(r portRange) bool { return r.first > r.last })
	slices.SortFunc(ranges, func(a, b portRange) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	var s portSet
	for _, r := range ranges {
		if last := len(s) - 1; last >= 0 && int(r.first) <= int(s[last].last)+1 {
			s[last].last = max(s[last].last, r.last)
			continue
		}
		s = append(s, r)
	}
	return s
}

func (s portSet) intersect(other portSet) portSet {
	var both []portRange
	for _, a := range s {
		for _, b := range other {
			both = append(both, portRange{max(a.first, b.first), min(a.last, b.last)})
		}
	}
	return union(both...)
}

func (s portSet) complement() portSet {
	var rest []portRange
	next := 0
	for _, r := range s {
		if int(r.first) > next {
			rest = append(rest, portRange{uint16(next), r.first - 1})
		}
		next = int(r.last) + 1
	}
	if next <= math.MaxUint16 {
		rest = append(rest, portRange{uint16(next), math.MaxUint16})
	}
	return union(rest...)
}

// match is which packets a rule is about, as far as protocol and destination port tell.
type match struct {
	tcp, udp bool
	ports    portSet
}

func anything() match { return match{tcp: true, udp: true, ports: allPorts()} }

func (m match) has(p policy.Protocol) bool {
	return p == policy.TCP && m.tcp || p == policy.UDP && m.udp
}

func (m match) isEmpty() bool { return !m.tcp && !m.udp || m.ports.isEmpty() }

func (m match) onPorts(s portSet) match {
	m.ports = m.ports.intersect(s)
	return m
}

// onProtocol keeps one protocol by its number, or all others when not.
func (m match) onProtocol(number byte, not bool) match {
	m.tcp = m.tcp && (number == protocolTCP) != not
	m.udp = m.udp && (number == protocolUDP) != not
	return m
}

// The numbers of the protocols in IP headers.
const (
	protocolTCP = 6
	protocolUDP = 17
)
