package text

import (
	"fmt"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// finding is something that the facts of a page show to be wrong. Where an alert tells of the same, the alert is shown; the
// finding beside it only if the alert's summary, which is short enough for a phone, had no room for the detail.
type finding struct {
	condition, subject string // the alert that tells of it; empty: none does
	text               string // a sentence of its own
	detail             string // what a summary holds that has told all of it
}

// findings are what somebody should see to, most urgent first. What the verdict has said already is not repeated.
func findings(h status.Host) []finding {
	found := fenceFindings(h)
	if problem := h.Config.Problem; problem != "" {
		// A summary has no room for the name of the file.
		found = append(found, finding{"ConfigInvalid", "", fmt.Sprintf("config: %s (%s)", problem, inForce(h.Config)), strings.TrimPrefix(problem, h.Config.Path+":")})
	}
	for _, g := range h.Roster {
		found = append(found, groupFindings(h, g)...)
	}
	found = append(found, measured(h.Sample)...)
	for _, d := range h.Agent.Deliveries {
		if !d.FailingFrom.IsZero() {
			found = append(found, finding{"DeliveryFailing", d.Receiver, fmt.Sprintf("%s takes no alerts since %s (%s): %s",
				d.Receiver, clock(d.FailingFrom), waiting(d.Queued), orElse(d.Problem, "it does not answer")), d.Problem})
		}
	}
	if problem := h.Agent.StoreProblem; problem != "" {
		found = append(found, finding{"StoreDegraded", "", "store: " + problem, problem})
	}
	return found
}

func waiting(alerts int) string {
	if alerts == 1 {
		return "1 waits"
	}
	return fmt.Sprintf("%d wait", alerts)
}

func fenceFindings(h status.Host) []finding {
	var found []finding
	f := h.Firewall
	if f.State == stateEnforcing && f.Problem != "" {
		found = append(found, finding{text: "firewall: " + f.Problem})
	}
	for _, saved := range f.Saved {
		found = append(found, finding{text: saved + " names our table and would fail whole when it is loaded: take our table out of it"})
	}
	if f.Fight != "" {
		found = append(found, finding{"DriftFight", "", fmt.Sprintf("fight: %s keeps taking the table away", f.Fight), f.Fight})
	}
	if f.State != stateEnforcing {
		return found // none of the services is, and the verdict says why
	}
	for _, s := range h.Services {
		if s.Mode == modeEnforce && !s.Enforced {
			condition := "UnsafeExposure" // there is a way past the rules
			if s.Reason == "" {
				condition = "NotEnforced"
			}
			found = append(found, finding{condition, s.Name, fmt.Sprintf("%s is not enforced: %s", s.Name, orElse(s.Reason, "the reason is unknown")), s.Reason})
		}
	}
	return found
}

// inForce says which configuration is, where the file is not.
func inForce(c status.Config) string {
	switch {
	case c.FromLastStart:
		return "the policy stored before the last start is in force"
	case c.LastReload.IsZero():
		return "nothing is enforced"
	}
	return "the one before it is in force"
}

func groupFindings(h status.Host, g status.Group) []finding {
	var found []finding
	for _, s := range g.Sources {
		if !s.Up {
			found = append(found, finding{"RosterStale", g.Name, fmt.Sprintf("group %s, %s: %s", g.Name, s.Name, orElse(s.Problem, "it does not answer")),
				orElse(s.Problem, s.Name)})
		}
	}
	if in := h.StillIn(g); len(in) > 0 {
		why := orElse(g.HeldReason, fmt.Sprintf("no source names them any more; `nakama-warden apply --accept-shrink %s` lets them go", g.Name))
		found = append(found, finding{"RosterShrinkHeld", g.Name, fmt.Sprintf("group %s still lets in %s: %s", g.Name, few(in), why), ""})
	}
	return found
}

// measured are the findings of a sample.
func measured(s *status.Sample) []finding {
	if s == nil {
		return nil
	}
	var found []finding
	for _, small := range s.Machine.Sizing {
		found = append(found, finding{"HostUndersized", "", small, small})
	}
	if sharing := s.Machine.Sharing; sharing != "" {
		found = append(found, finding{"RolesShareHost", "", sharing, sharing})
	}
	for _, h := range s.Held {
		found = append(found, finding{"PortHeldByOther", h.Service, fmt.Sprintf("port %d of %s is held by %s (pid %d)", h.Port, h.Service, h.Program, h.PID), h.Program})
	}
	for _, u := range s.Units {
		found = append(found, unitFindings(u)...)
	}
	return found
}

func unitFindings(u status.Unit) []finding {
	var found []finding
	for i, c := range u.UnexpectedClients {
		const shown = 3
		if i == shown {
			found = append(found, finding{"UnexpectedDatabaseClient", u.Name, fmt.Sprintf("%s: and %d more unexpected clients", u.Name, len(u.UnexpectedClients)-i), ""})
			break
		}
		found = append(found, finding{"UnexpectedDatabaseClient", u.Name,
			fmt.Sprintf("%s: %s, which the policy does not admit, is connected (%d ×)", u.Name, c.Address, c.Connections), c.Address})
	}
	found = append(found, provisioning(u)...)
	if u.Misconfigured != "" {
		found = append(found, finding{"CockroachMemoryMisconfigured", u.Name, u.Name + ": " + u.Misconfigured, u.Misconfigured})
	}
	return found
}

// told is whether a summary says what a finding is about. Summaries have their white space folded.
func (f finding) told(summary string) bool {
	return strings.Contains(summary, strings.Join(strings.Fields(f.detail), " "))
}
