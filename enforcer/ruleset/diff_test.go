package ruleset

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// mixed is a ruleset with something of every kind in it.
func mixed(t *testing.T) Ruleset {
	t.Helper()
	services := append(nakamaHost(), with(service("cockroachdb-sql", 26257, policy.GroupCockroachDB), forDatabase, rejecting))
	p, err := policy.Compile(services, fleet())
	if err != nil {
		t.Fatal(err)
	}
	return Build(p, Surroundings{NAT: true})
}

func rangesIn(texts ...string) []netipx.IPRange {
	var found []netipx.IPRange
	for _, s := range texts {
		found = append(found, netipx.MustParseIPRange(s))
	}
	return found
}

func TestDiff(t *testing.T) {
	set := func(r *Ruleset, name string) *Set {
		return &r.Sets[slices.IndexFunc(r.Sets, func(s Set) bool { return s.Name == name })]
	}
	chain := func(r *Ruleset, name string) *Chain {
		return &r.Chains[slices.IndexFunc(r.Chains, func(c Chain) bool { return c.Name == name })]
	}
	for _, test := range []struct {
		name    string
		tamper  func(*Ruleset) // what somebody did to the ruleset
		rebuild bool
		lines   []string // of the change that puts it right
	}{
		{name: "nothing", tamper: func(*Ruleset) {}},
		{name: "element added", tamper: func(r *Ruleset) {
			s := set(r, "admins4")
			s.Ranges = append(s.Ranges, rangesIn("203.0.113.7-203.0.113.7")...)
		}, lines: []string{"- element admins4 { 203.0.113.7 }"}},
		{name: "element removed", tamper: func(r *Ruleset) { set(r, "admins6").Ranges = nil },
			lines: []string{"+ element admins6 { fd00:9::/64 }"}},
		{name: "element narrowed", tamper: func(r *Ruleset) { set(r, "admins4").Ranges = rangesIn("10.9.0.0-10.9.0.9") },
			lines: []string{"- element admins4 { 10.9.0.0-10.9.0.9 }", "+ element admins4 { 10.9.0.0/24 }"}},
		{name: "set added", tamper: func(r *Ruleset) { r.Sets = append(r.Sets, Set{Name: "z", Family: IPv4}) },
			rebuild: true, lines: []string{"- set z"}},
		{name: "set deleted", tamper: func(r *Ruleset) { r.Sets = r.Sets[1:] },
			rebuild: true, lines: []string{"+ set admins4 (1 elements)"}},
		{name: "set of another kind", tamper: func(r *Ruleset) { set(r, "admins4").Odd = "flags 0x14" },
			rebuild: true, lines: []string{"- set admins4: ipv4_addr flags 0x14", "+ set admins4: ipv4_addr"}},
		{name: "set of another family", tamper: func(r *Ruleset) { set(r, "admins4").Family = IPv6 },
			rebuild: true, lines: []string{"- set admins4: ipv6_addr", "+ set admins4: ipv4_addr"}},
		{name: "chain added", tamper: func(r *Ruleset) { r.Chains = append(r.Chains, Chain{Name: "mine"}) },
			rebuild: true, lines: []string{"- chain mine"}},
		{name: "chain deleted", tamper: func(r *Ruleset) {
			r.Chains = slices.DeleteFunc(r.Chains, func(c Chain) bool { return c.Name == "to-nakama-grpc" })
		}, rebuild: true, lines: []string{"+ chain to-nakama-grpc", `+ rule to-nakama-grpc: counter name "nakama-grpc-refused" drop`}},
		{name: "priority", tamper: func(r *Ruleset) { chain(r, "input").Hook.Priority = 300 }, rebuild: true, lines: []string{
			"- chain input { type filter hook input priority 300; policy accept; }",
			"+ chain input { type filter hook input priority -10; policy accept; }"}},
		{name: "policy", tamper: func(r *Ruleset) { chain(r, "input").Hook.Odd = "policy drop" }, rebuild: true, lines: []string{
			"- chain input { type filter hook input priority -10; policy accept; # policy drop }",
			"+ chain input { type filter hook input priority -10; policy accept; }"}},
		{name: "rule inserted", tamper: func(r *Ruleset) {
			c := chain(r, "input")
			c.Rules = slices.Insert(c.Rules, 0, Rule{{Op: Accept}})
		}, rebuild: true, lines: []string{"- rule input: accept"}},
		{name: "rule deleted", tamper: func(r *Ruleset) {
			c := chain(r, "to-nakama-grpc")
			c.Rules = nil
		}, rebuild: true, lines: []string{`+ rule to-nakama-grpc: counter name "nakama-grpc-refused" drop`}},
		{name: "rule replaced", tamper: func(r *Ruleset) { chain(r, "to-nakama-grpc").Rules[0][1] = Statement{Op: Accept} },
			rebuild: true, lines: []string{
				`- rule to-nakama-grpc: counter name "nakama-grpc-refused" accept`,
				`+ rule to-nakama-grpc: counter name "nakama-grpc-refused" drop`}},
		{name: "counter added", tamper: func(r *Ruleset) { r.Counters = append(r.Counters, "mine") },
			rebuild: true, lines: []string{"- counter mine"}},
		{name: "counter removed", tamper: func(r *Ruleset) { r.Counters = r.Counters[1:] },
			rebuild: true, lines: []string{"+ counter cockroachdb-sql-allowed"}},
		{name: "foreign object", tamper: func(r *Ruleset) { r.Foreign = []string{"flowtable"} },
			rebuild: true, lines: []string{"- flowtable"}},
		{name: "a change of elements and of the shape", tamper: func(r *Ruleset) {
			r.Foreign = []string{"flowtable"}
			set(r, "admins6").Ranges = nil
		}, rebuild: true, lines: []string{"+ element admins6 { fd00:9::/64 }", "- flowtable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			have, want := mixed(t), mixed(t)
			test.tamper(&have)
			c := Diff(have, want)
			if c.Rebuild != test.rebuild {
				t.Errorf("rebuild %t; want %t", c.Rebuild, test.rebuild)
			}
			if got := c.Lines(); !slices.Equal(got, test.lines) {
				t.Errorf("lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.lines, "\n"))
			}
			if c.Empty() != (test.lines == nil) {
				t.Errorf("empty %t with the lines %v", c.Empty(), test.lines)
			}
			if c.Rebuild && c.Elements != nil {
				t.Error("a rebuild carries element changes too")
			}
		})
	}
}

func TestDiffFromNothingAndToNothing(t *testing.T) {
	r := mixed(t)
	for name, c := range map[string]Change{"from nothing": Diff(Ruleset{}, r), "to nothing": Diff(r, Ruleset{})} {
		if !c.Rebuild || len(c.Lines()) < len(r.Chains)+len(r.Sets)+len(r.Counters) {
			t.Errorf("%s: rebuild %t, %d lines", name, c.Rebuild, len(c.Lines()))
		}
	}
}

func TestManyElementsAreNotAllNamed(t *testing.T) {
	var want Ruleset
	want.Sets = []Set{{Name: "admins4", Family: IPv4}}
	have := Ruleset{Sets: []Set{{Name: "admins4", Family: IPv4}}}
	for i := range 1000 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 7), byte(i << 1)})
		want.Sets[0].Ranges = append(want.Sets[0].Ranges, netipx.IPRangeFrom(a, a))
	}
	lines := Diff(have, want).Lines()
	if last := lines[len(lines)-1]; len(lines) != describedElements+1 || last != "+ element admins4: 980 more" {
		t.Errorf("%d lines, the last is %q", len(lines), last)
	}
}

// randomRanges draws ranges from so few addresses that neighbours, overlaps across rulesets, and both ends of the
// address space come up all the time.
func randomRanges(random *rand.Rand, family Family) []netipx.IPRange {
	var b netipx.IPSetBuilder
	for range random.IntN(12) {
		bytes := make([]byte, 4)
		if family == IPv6 {
			bytes = make([]byte, 16)
		}
		if random.IntN(3) == 0 {
			for i := range bytes {
				bytes[i] = 0xff
			}
		}
		bytes[len(bytes)-1] ^= byte(random.IntN(16))
		from, _ := netip.AddrFromSlice(bytes)
		b.AddPrefix(netip.PrefixFrom(from, from.BitLen()-random.IntN(3)).Masked())
	}
	set, err := b.IPSet()
	if err != nil {
		return nil
	}
	if random.IntN(2) == 0 {
		return set.Ranges() // ranges that are no prefixes
	}
	return ranges(set.Prefixes(), family)
}

func randomSets(random *rand.Rand) Ruleset {
	var r Ruleset
	for i, family := range []Family{IPv4, IPv6, IPv4} {
		r.Sets = append(r.Sets, Set{Name: fmt.Sprint("group", i), Family: family, Ranges: randomRanges(random, family)})
	}
	r.Normalize()
	return r
}

// applied is what the kernel makes of a change of elements: an absent element cannot be deleted, and nothing may
// overlap what is there.
func applied(t *testing.T, r Ruleset, c Change) Ruleset {
	t.Helper()
	for _, change := range c.Elements {
		i := slices.IndexFunc(r.Sets, func(s Set) bool { return s.Name == change.Set.Name })
		s := &r.Sets[i]
		if s.Family != change.Set.Family {
			t.Fatalf("the change of %s is of another family", s.Name)
		}
		s.Ranges = slices.Clone(s.Ranges)
		for _, gone := range change.Delete {
			at := slices.Index(s.Ranges, gone)
			if at < 0 {
				t.Fatalf("%s: %s is deleted but absent", s.Name, gone)
			}
			s.Ranges = slices.Delete(s.Ranges, at, at+1)
		}
		for _, added := range change.Add {
			if slices.ContainsFunc(s.Ranges, added.Overlaps) {
				t.Fatalf("%s: %s overlaps what is there", s.Name, added)
			}
			s.Ranges = append(s.Ranges, added)
		}
	}
	r.Normalize()
	return r
}

func TestDiffLeadsFromOneRulesetToTheOther(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 0))
		a, b := randomSets(random), randomSets(random)
		if c := Diff(a, a); !c.Empty() || c.Lines() != nil {
			t.Fatalf("seed %d: a ruleset differs from itself: %v", seed, c.Lines())
		}
		c := Diff(a, b)
		if c.Rebuild {
			t.Fatalf("seed %d: elements alone ask for a rebuild", seed)
		}
		before := a.String()
		if got := applied(t, Ruleset{Sets: slices.Clone(a.Sets)}, c); got.String() != b.String() {
			t.Fatalf("seed %d: from\n%s\nthe change %v leads to\n%s\nwant\n%s", seed, before, c.Lines(), got, b)
		}
		if c.Empty() != (before == b.String()) {
			t.Fatalf("seed %d: empty is %t", seed, c.Empty())
		}
	}
}
