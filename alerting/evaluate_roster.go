package alerting

import (
	"cmp"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// rosterStale: what was known of a group stays in force, so nobody is cut off; but who comes is not let in, and who goes is
// not kept out.
func rosterStale(h status.Host, within float64) []finding {
	var found []finding
	for _, g := range h.Roster {
		if why := whyStale(h.Time, g, within); why != "" {
			found = append(found, finding{subject: g.Name, summary: summary("group %s is not up to date: %s; mend the source; %s", g.Name, why, inForceOf(g))})
		}
	}
	return found
}

func whyStale(now time.Time, g status.Group, within float64) string {
	for _, s := range g.Sources {
		if !s.Up {
			return s.Name + " fails, " + orElse(s.Problem, "it does not answer")
		}
	}
	if !g.LastSuccess.IsZero() && now.Sub(g.LastSuccess).Seconds() > within {
		return "its sources last answered at " + clock(g.LastSuccess)
	}
	return ""
}

func inForceOf(g status.Group) phrase {
	if g.Addresses == 0 {
		return "it is empty: its services refuse everybody of it"
	}
	return "its last " + amount(cmp.Or(g.Entries, g.Addresses), "address stays", "addresses stay") + " in force"
}

func rosterShrinkHeld(h status.Host, _ float64) []finding {
	var found []finding
	for _, g := range h.Roster {
		if in := h.StillIn(g); len(in) > 0 {
			found = append(found, finding{subject: g.Name, summary: summary("group %s lost too much at once, so %s in (%s): mend its source, or `nakama-warden apply --accept-shrink %s`",
				g.Name, amount(len(in), "still gets", "still get"), strings.Join(in[:min(2, len(in))], ", "), g.Name)})
		}
	}
	return found
}
