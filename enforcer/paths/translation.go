package paths

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// translation is one rule that changes where packets go.
type translation struct {
	via      string
	match    match      // of the packets before it
	from, to netip.Addr // the range of addresses they are sent to; absent: this host's own
	low      uint16     // the range of ports they are sent to; 0: the port stays
	high     uint16
	shifted  bool   // the port moves with the one it came to …
	base     uint16 // … which is low for base, low+1 for base+1, and so on
}

// sources are the ports of this host that lead to a port.
func (t translation) sources(port uint16) portSet {
	switch {
	case t.low == 0:
		return t.match.ports.intersect(onePort(port))
	case port < t.low || port > t.high:
		return nil
	case t.shifted:
		return t.match.ports.intersect(onePort(t.base + port - t.low))
	}
	return t.match.ports
}

// leadsTo says that an address is in the range.
func (t translation) leadsTo(addr netip.Addr) bool {
	return addr.BitLen() == t.from.BitLen() && t.from.Compare(addr) <= 0 && addr.Compare(t.to) <= 0
}

// translations are those of all tables of nftables and of iptables-legacy.
func (l *look) translations(ctx context.Context) []translation {
	all, err := l.nftTranslations(ctx)
	l.problem("read NAT rules of nftables", err)
	return append(all, l.legacyTranslations(ctx)...)
}

// maxAliases is how many ports one rule may lead to one guarded port before they are no longer guarded one by one.
const maxAliases = 64

func (l *look) aliasesOfTranslations(all []translation) {
	for _, t := range all {
		for _, g := range l.guarded {
			if !t.match.has(g.Protocol) {
				continue
			}
			ports := t.sources(g.Port)
			if ports.isEmpty() {
				continue
			}
			who := l.who(t, g)
			switch {
			case who == elsewhere || who == stranger:
			case ports.size() > maxAliases:
				l.problems = append(l.problems, fmt.Sprintf("%s leads %d ports to %s port %d: too many to guard each; translate fewer", t.via, ports.size(), g.Protocol, g.Port))
			default:
				l.addAliases(t, g, ports, who == guardedProcess)
			}
		}
	}
}

func (l *look) addAliases(t translation, g Guarded, ports portSet, seen bool) {
	for _, r := range ports {
		for port := int(r.first); port <= int(r.last); port++ {
			l.aliases = append(l.aliases, Alias{Port: uint16(port), Protocol: g.Protocol, Service: g.Service, Via: t.via,
				To: netip.AddrPortFrom(t.from, g.Port), Seen: seen})
		}
	}
}

// party is who a translation leads to.
type party int

const (
	elsewhere      party = iota // another machine
	nobody                      // a place of this host where nobody listens yet, or cannot be seen
	stranger                    // a process that is not guarded
	guardedProcess              // the guarded process
)

// who finds out who is behind a translation to a guarded port.
func (l *look) who(t translation, g Guarded) party {
	if !t.from.IsValid() || t.from.IsLoopback() || l.own.hasAddressOf(t) {
		if l.own.answers(g) == guardedProcess {
			return guardedProcess
		}
		return nobody // the port is guarded by its number here, whoever holds it
	}
	found := elsewhere
	l.meet(t)
	for _, n := range l.others {
		if n.hasAddressOf(t) {
			found = max(found, n.answers(g))
		}
	}
	if found == elsewhere && t.from == t.to {
		bridged, err := l.host.onBridge(t.from)
		l.problem("find the way to "+t.from.String(), err)
		if bridged {
			return nobody
		}
	}
	return found
}

// meet reads the listeners of the namespaces of strangers that a translation leads to.
func (l *look) meet(t translation) {
	l.strangers = slices.DeleteFunc(l.strangers, func(n *namespace) bool {
		l.locate(n)
		if !n.hasAddressOf(t) {
			return false
		}
		l.listen(n)
		l.others = append(l.others, n)
		return true
	})
}

func (n *namespace) hasAddressOf(t translation) bool {
	for _, addr := range n.addresses {
		if t.leadsTo(addr) {
			return true
		}
	}
	return false
}

// answers says whether anybody listens on the guarded port there, and whether it is the guarded process.
func (n *namespace) answers(g Guarded) party {
	found := nobody
	for _, heard := range n.listeners {
		if heard.Service != g.Service || heard.Protocol != g.Protocol || heard.Addr.Port() != g.Port {
			continue
		}
		if heard.guarded {
			return guardedProcess
		}
		found = stranger
	}
	return found
}
