package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// A process that commits two rulesets by turns is killed at random points: the kernel holds the one or the other.
func TestACommitIsAllOrNothing(t *testing.T) {
	const (
		kills, namespaces, size = 500, 4, 2000
		longest                 = 15 * time.Millisecond // several commits
	)
	a, b := twoRulesets(size)
	for i := range namespaces {
		grip := []Grip{Watched, Owned}[i%2]
		t.Run(fmt.Sprintf("%s %d", grip, i), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 0))
			host := lab.Namespace(t)
			reader := openIn(t, host, Watched)
			found := map[string]int{}
			for range kills / namespaces {
				actor := startActor(t, host, fmt.Sprintf("alternate-%s %d", grip, size))
				actor.hears(t, "ready")
				select {
				case <-time.After(time.Duration(random.Int64N(int64(longest)))):
				case <-actor.Done():
					t.Fatalf("the other process ended by itself: %v", actor.Wait())
				}
				actor.Kill()
				have := read(t, reader)
				switch {
				case ruleset.Diff(have, a).Empty():
					found["a"]++
				case ruleset.Diff(have, b).Empty():
					found["b"]++
				default:
					t.Fatalf("a kill left neither ruleset: %d chains, %d elements", len(have.Chains), len(have.Sets[0].Ranges))
				}
			}
			t.Logf("found %v", found)
			if len(found) != 2 {
				t.Errorf("always the same ruleset was found: %v; the kills were too early or too late", found)
			}
		})
	}
}
