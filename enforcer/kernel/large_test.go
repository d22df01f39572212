package kernel

import (
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

func TestAHundredThousandPrefixes(t *testing.T) {
	const size = 100_000
	table, host := open(t, Owned)
	want, _ := twoRulesets(size)
	commit(t, table, ruleset.Replace(want))
	wantHeld(t, table, want)

	changed, _ := twoRulesets(size + 10)
	set := &changed.Sets[0]
	set.Ranges = set.Ranges[10:]
	change := ruleset.Diff(want, changed)
	if change.Rebuild || len(change.Elements) != 1 || len(change.Elements[0].Add) != 10 || len(change.Elements[0].Delete) != 10 {
		t.Fatalf("the change is %v; want ten for ten", change.Lines())
	}
	commit(t, table, change)
	wantHeld(t, table, changed)

	// Back to where anybody may write, and one of the many elements is missed.
	if err := table.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	watched := openIn(t, host, Watched)
	commit(t, watched, ruleset.Replace(changed))
	mustNft(t, host, "delete element "+ours+" admins4 { "+set.Ranges[size/2].From().String()+" }")
	drift, err := watched.Verify(t.Context())
	if err != nil || drift.None() {
		t.Fatalf("%v, %v; want drift", drift, err)
	}
	repair := drift.Repair()
	if repair.Rebuild {
		t.Error("one element of many is repaired by a rebuild")
	}
	commit(t, watched, repair)
	wantHeld(t, watched, changed)
}
