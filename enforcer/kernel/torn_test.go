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
			t.Fatalf("read a set of %d elements that nobody committed", count)
		}
	}
	t.Logf("%d of %d dumps were torn; states read: %v", torn, reads, seen)
	if torn == 0 || len(seen) != len(states) {
		t.Errorf("%d torn dumps and the states %v: the writer was too slow to show anything", torn, seen)
	}
}
