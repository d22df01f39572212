package kernel

import (
	"errors"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// Another process changes a set as fast as it can. What is read is one of its two states, whole, or an error.
func TestATornDumpIsNeverTold(t *testing.T) {
	const size, reads = 1000, 200
	host := lab.Namespace(t)
	startActor(t, host, "hammer 1000").hears(t, "ready")
	table := openIn(t, host, Watched)
	states := map[int]string{}
	a, b := twoRulesets(size)
	for _, r := range []ruleset.Ruleset{a, b} {
		states[len(r.Sets[0].Ranges)] = r.String()
	}
	torn, seen := 0, map[int]int{}
	for range reads {
		// The control: that dumps are torn at all.
		if _, err := table.dumpOnce(t.Context(), dumpAll); err != nil {
			if !changedUnderUs(err) {
				t.Fatal(err)
			}
			torn++
		}
		have, err := table.Read(t.Context())
		if errors.Is(err, errTorn) {
			continue // an honest answer, after all tries
		}
		if err != nil {
			t.Fatal(err)
		}
		count := len(have.Sets[0].Ranges)
		seen[count]++
		if want, known := states[count]; !known || have.String() != want {
			t.Fatalf("read a set of %d elements that nobody committed: %v", count, ruleset.Diff(have, a).Lines())
		}
	}
	t.Logf("%d of %d dumps were torn; states read: %v", torn, reads, seen)
	if torn == 0 || len(seen) != len(states) {
		t.Errorf("%d torn dumps and the states %v: the writer was too slow to show anything", torn, seen)
	}
}

// Another process prepares large changes that the kernel refuses in the end. Nothing ever differs, although dumps taken
// meanwhile do: the elements that are prepared are among those that the kernel counts while it tells of a set.
func TestAChangeThatWasRefusedIsNoDrift(t *testing.T) {
	const size, looks = 1000, 300
	table, host := open(t, Watched)
	want, _ := twoRulesets(size)
	commit(t, table, ruleset.Replace(want))
	startActor(t, host, "fail 1000").hears(t, "ready")
	expected := sumOf(want.Sets[0].Ranges)
	torn, whole := 0, 0
	for range looks {
		d, err := table.dumpOnce(t.Context(), dumpShape|dumpSums)
		if err != nil {
			t.Fatal(err)
		}
		if d.elements["admins4"].sum != expected {
			torn++
		}
		drift, err := table.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !drift.None() && !drift.unsteady { // that much is honest beside a writer who never rests
			kind, lines := drift.Describe()
			t.Fatalf("verify finds %s: %v", kind, lines)
		}
		have, err := table.Read(t.Context())
		if err != nil && !errors.Is(err, errTorn) {
			t.Fatal(err)
		}
		if err == nil && have.String() != want.String() {
			t.Fatalf("read what nobody committed: %v", ruleset.Diff(have, want).Lines())
		}
		if err == nil {
			whole++
		}
	}
	t.Logf("%d of %d dumps were torn, %d reads were whole", torn, looks, whole)
	if torn == 0 || whole == 0 {
		t.Error("no dump was torn, or all were: this shows nothing")
	}
}

// What the kernel tells of two generations is torn even where it says so itself in no other way.
func TestPartsOfTwoGenerationsAreTorn(t *testing.T) {
	var d dump
	of := func(generation byte) []byte { return []byte{family, 0, 0, generation} }
	if err := errors.Join(d.sameGeneration(of(7)), d.sameGeneration(of(7))); err != nil {
		t.Errorf("one generation: %v", err)
	}
	if err := d.sameGeneration(of(8)); !changedUnderUs(err) {
		t.Errorf("two generations: %v; want that the dump is torn", err)
	}
}
