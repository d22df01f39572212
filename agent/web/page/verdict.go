package page

import (
	"fmt"
	"slices"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// verdict answers whether the host is safe.
type verdict struct {
	words.Verdict
	Drift *drift // the last one
}

// Prose is why, and what would mend it.
func (v verdict) Prose() prose { return prose(v.Text) }

// drift is what somebody changed, and that it was put right.
type drift struct {
	Text    string
	Changes []string
}

func verdictOf(h status.Host) verdict { return verdict{words.Judge(h), driftOf(h)} }

func driftOf(h status.Host) *drift {
	told := words.LastDrift(h)
	if told == "" {
		return nil
	}
	changes, left := first(h.Firewall.LastDrift.Changes, 10)
	if left > 0 {
		changes = append(slices.Clone(changes), fmt.Sprintf("and %d more", left))
	}
	return &drift{Changes: changes, Text: "Last drift " + told + "."}
}
