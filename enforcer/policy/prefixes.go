package policy

import (
	"net/netip"

	"go4.org/netipx"
)

// Coalesce returns the smallest sorted set of prefixes that covers exactly the same addresses: nftables refuses
// overlapping intervals even with auto-merge. IPv4-mapped IPv6 becomes IPv4. Invalid prefixes are left out.
func Coalesce(prefixes []netip.Prefix) []netip.Prefix {
	return ipSet(prefixes).Prefixes()
}

// Normalize returns the prefix with its host bits cleared, and as IPv4 if it is IPv4-mapped IPv6.
func Normalize(p netip.Prefix) netip.Prefix {
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// ipSet never fails: prefixes that netipx would refuse are left out.
func ipSet(prefixes []netip.Prefix) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		if p = Normalize(p); p.IsValid() {
			b.AddPrefix(p)
		}
	}
	set, err := b.IPSet()
	if err != nil {
		return new(netipx.IPSet)
	}
	return set
}

// Without returns a roster in which no group covers any address of the prefix.
func (r Roster) Without(revoked netip.Prefix) Roster {
	left := make(Roster, len(r))
	for group, prefixes := range r {
		var b netipx.IPSetBuilder
		b.AddSet(ipSet(prefixes))
		b.RemovePrefix(Normalize(revoked))
		set, err := b.IPSet()
		if err != nil {
			set = new(netipx.IPSet)
		}
		left[group] = set.Prefixes()
	}
	return left
}

// Contains says whether one of the prefixes covers the address.
func Contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range prefixes {
		if Normalize(p).Contains(addr) {
			return true
		}
	}
	return false
}

// intersection returns the prefixes that both sides cover.
func intersection(a, b []netip.Prefix) []netip.Prefix {
	var builder netipx.IPSetBuilder
	builder.AddSet(ipSet(a))
	builder.Intersect(ipSet(b))
	set, err := builder.IPSet()
	if err != nil {
		return nil
	}
	return set.Prefixes()
}
