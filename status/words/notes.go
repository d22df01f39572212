package words

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nakama-warden/nakama-warden/status"
)

// Notes are worth knowing and need nobody now.
func Notes(h status.Host) []string {
	f := h.Firewall
	notes := slices.Clone(h.Config.Warnings)
	if f.GripReason != "" {
		notes = append(notes, fmt.Sprintf("grip is %s: %s", cmp.Or(f.Grip, "none"), f.GripReason))
	}
	for _, r := range f.Revoked {
		notes = append(notes, fmt.Sprintf("%s was revoked%s: `nakama-warden revoke --undo %s` lets it back in", r.Prefix, because(r.Why), r.Prefix))
	}
	for _, what := range []string{f.CutOff, f.Refusals} {
		if what != "" {
			notes = append(notes, what)
		}
	}
	notes = slices.Concat(notes, f.Paths, unmeasured(h.Sample))
	if f.EventsLost > 0 {
		notes = append(notes, Grouped(f.EventsLost)+" events were lost")
	}
	return notes
}

// unmeasured are what could not be measured, and what would help.
func unmeasured(s *status.Sample) []string {
	if s == nil {
		return nil
	}
	notes := slices.Clone(s.Problems)
	if s.Machine.Advice != "" {
		notes = append(notes, s.Machine.Advice)
	}
	for _, u := range s.Units {
		for _, problem := range u.Problems {
			notes = append(notes, u.Name+": "+problem)
		}
		if u.Application != nil && u.Application.Problem != "" {
			notes = append(notes, u.Name+", asked for its metrics: "+u.Application.Problem)
		}
	}
	return notes
}
