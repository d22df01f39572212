package status

import (
	"net/netip"
	"slices"
)

// StillIn are the addresses of a group that get in although no source names them any more: of those that are held, the ones
// that no person revoked.
func (h Host) StillIn(g Group) []string {
	if len(h.Firewall.Revoked) == 0 {
		return g.Held
	}
	return slices.DeleteFunc(slices.Clone(g.Held), h.revoked)
}

func (h Host) revoked(held string) bool {
	var first netip.Addr
	bits := 0
	if prefix, err := netip.ParsePrefix(held); err == nil {
		first, bits = prefix.Addr(), prefix.Bits()
	} else if address, err := netip.ParseAddr(held); err == nil {
		first, bits = address, address.BitLen()
	}
	return slices.ContainsFunc(h.Firewall.Revoked, func(r Revocation) bool { return r.Prefix.Contains(first) && r.Prefix.Bits() <= bits })
}
