package policy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"10.9.0.7/24":              "10.9.0.0/24",
		"::ffff:10.9.0.7/128":      "10.9.0.7/32",
		"::ffff:10.9.0.7/120":      "10.9.0.0/24",
		"::ffff:0.0.0.0/96":        "0.0.0.0/0",
		"::ffff:10.9.0.7/95":       "::fffe:0:0/95",
		"fd00:9::7/64":             "fd00:9::/64",
		"2001:db8::ffff:1.2.3.4/8": "2000::/8",
	} {
		if got := Normalize(netip.MustParsePrefix(in)); got != netip.MustParsePrefix(want) {
			t.Errorf("%s: %s; want %s", in, got, want)
		}
	}
	if got := Normalize(netip.Prefix{}); got.IsValid() {
		t.Errorf("the zero prefix became %s", got)
	}
}

func TestCoalesce(t *testing.T) {
	for _, test := range []struct{ in, want []string }{
		{},
		{in: []string{"10.0.0.1/32", "10.0.0.0/32"}, want: []string{"10.0.0.0/31"}},
		{in: []string{"10.0.0.0/24", "10.0.0.7/32"}, want: []string{"10.0.0.0/24"}},
		{in: []string{"10.0.0.0/24", "10.0.0.0/24"}, want: []string{"10.0.0.0/24"}},
		{in: []string{"::ffff:10.0.0.1/128", "10.0.0.1/32"}, want: []string{"10.0.0.1/32"}},
		{in: []string{"fd00::/65", "fd00:0:0:0:8000::/65", "10.0.0.1/32"}, want: []string{"10.0.0.1/32", "fd00::/64"}},
		{in: []string{"0.0.0.0/1", "128.0.0.0/1"}, want: []string{"0.0.0.0/0"}},
	} {
		if got := Coalesce(prefixes(test.in...)); !slices.Equal(got, prefixes(test.want...)) {
			t.Errorf("%v: %v; want %v", test.in, got, test.want)
		}
	}
	if got := Coalesce([]netip.Prefix{{}, netip.MustParsePrefix("10.0.0.1/32")}); len(got) != 1 {
		t.Errorf("with an invalid prefix: %v; want the valid one alone", got)
	}
}

// Random prefixes within one /24 of each family: every address is asked of the input and of what Coalesce made of it.
func TestCoalesceCoversTheSameAddresses(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		var in []netip.Prefix
		for range random.IntN(40) {
			addr := around(random.IntN(256), random.IntN(3))
			in = append(in, netip.PrefixFrom(addr, addr.BitLen()-random.IntN(7)))
		}
		out := Coalesce(in)
		for last := range 256 {
			for kind := range 3 {
				addr := around(last, kind)
				if got, want := Contains(out, addr), Contains(in, addr); got != want {
					t.Fatalf("seed %d: %s: covered %t by %v; want %t, as by %v", seed, addr, got, out, want, in)
				}
			}
		}
		wantMinimal(t, seed, out)
	}
}

// around is an address by its last byte: IPv4, IPv4-mapped, or IPv6.
func around(last, kind int) netip.Addr {
	v4 := netip.AddrFrom4([4]byte{10, 0, 0, byte(last)})
	switch kind {
	case 0:
		return v4
	case 1:
		return netip.AddrFrom16(v4.As16())
	}
	return netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(last)})
}

// wantMinimal: sorted, masked, no overlap, and no two that make one.
func wantMinimal(t *testing.T, seed uint64, out []netip.Prefix) {
	t.Helper()
	for i, p := range out {
		if p != Normalize(p) {
			t.Fatalf("seed %d: %s is not normal", seed, p)
		}
		if i == 0 {
			continue
		}
		before := out[i-1]
		parent := netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
		if before.Overlaps(p) || before.Addr().Compare(p.Addr()) >= 0 || before.Bits() == p.Bits() && parent.Contains(before.Addr()) {
			t.Fatalf("seed %d: %s and %s overlap, are out of order or make one", seed, before, p)
		}
	}
}
