package kernel

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// The golden files are what ruleset.Build writes. nft must make of them what was built, and read what Commit made.
func TestTheNotationIsNfts(t *testing.T) {
	files, err := filepath.Glob("../ruleset/testdata/*.nft")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			byNft, host := open(t, Watched)
			load(t, host, string(golden))
			want := withoutNftsOwn(read(t, byNft))
			if want.String() != string(golden) {
				t.Fatalf("nft made\n%s\nof\n%s", want, golden)
			}
			byUs, host := open(t, Watched)
			commit(t, byUs, ruleset.Replace(want))
			wantHeld(t, byUs, want)
			listed := mustNft(t, host, "list table inet "+ruleset.TableName)
			again, host := open(t, Watched)
			load(t, host, listed)
			if got := withoutNftsOwn(read(t, again)); got.String() != string(golden) {
				t.Errorf("nft listed what was committed, and loaded it as\n%s\nwant\n%s", got, golden)
			}
		})
	}
}

func read(t testing.TB, table *Table) ruleset.Ruleset {
	t.Helper()
	have, err := table.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// withoutNftsOwn takes out the one match that nft adds by itself: it begins a rule that resets with `meta l4proto tcp`,
// which is true of every packet that comes to such a rule of ours.
func withoutNftsOwn(r ruleset.Ruleset) ruleset.Ruleset {
	for _, c := range r.Chains {
		for i, rule := range c.Rules {
			resets := slices.Contains(rule, ruleset.Statement{Op: ruleset.ResetTCP})
			if resets && len(rule) > 2 && rule[0].Op == ruleset.Foreign && strings.HasPrefix(rule[0].Name, "meta ") {
				c.Rules[i] = rule[2:]
			}
		}
	}
	return r
}

// Elements that were changed one by one are those of a ruleset that was committed as a whole.
func TestElementChangesLeadToTheRulesetWanted(t *testing.T) {
	table, _ := open(t, Owned)
	mirror, _ := open(t, Watched)
	current := randomRuleset(0)
	commit(t, table, ruleset.Replace(current))
	for seed := range uint64(60) {
		next := randomRuleset(seed)
		change := ruleset.Diff(current, next)
		if change.Rebuild {
			t.Fatalf("seed %d: elements alone ask for a rebuild", seed)
		}
		commit(t, table, change)
		wantHeld(t, table, next)
		commit(t, mirror, ruleset.Replace(next))
		wantHeld(t, mirror, next)
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, strings.Join(change.Lines(), "\n"))
		}
		current = next
	}
}

// randomRuleset has sets of both families with ranges from so few addresses that neighbours, overlaps from one ruleset
// to the next, and both ends of the address space come up all the time.
func randomRuleset(seed uint64) ruleset.Ruleset {
	random := rand.New(rand.NewPCG(seed, 0))
	r, _ := twoRulesets(0)
	for i := range r.Sets {
		var b netipx.IPSetBuilder
		for range random.IntN(12) {
			bytes := make([]byte, map[ruleset.Family]int{ruleset.IPv4: 4, ruleset.IPv6: 16}[r.Sets[i].Family])
			if random.IntN(3) == 0 {
				for i := range bytes {
					bytes[i] = 0xff
				}
			}
			bytes[len(bytes)-1] ^= byte(random.IntN(16))
			addr, _ := netip.AddrFromSlice(bytes)
			b.AddPrefix(netip.PrefixFrom(addr, addr.BitLen()-random.IntN(3)).Masked())
		}
		if set, err := b.IPSet(); err == nil { // always: the prefixes are valid
			r.Sets[i].Ranges = set.Ranges()
		}
	}
	return r
}
