package words

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// finding is something that the facts of a host show to be wrong. Where an alert tells of the same, the alert is shown; the
// finding beside it only if the alert's summary, which is short enough for a phone, had no room for the detail.
type finding struct {
	condition, subject string // the alert that tells of it; empty: none does
	text               string // a sentence of its own
	detail             string // what a summary holds that has told all of it
}

// toldBy is whether an alert is about it: of the same subject, or of the whole host.
func (f finding) toldBy(a status.Alert) bool {
	return f.condition == a.Name && (a.Subject == "" || f.subject == a.Subject)
}

// toldWhole is whether a summary says all of it. Summaries have their white space folded.
func (f finding) toldWhole(summary string) bool {
	return strings.Contains(summary, strings.Join(strings.Fields(f.detail), " "))
}

// findings are what somebody should see to, most urgent first. What the verdict says is not repeated.
func findings(h status.Host) []finding {
	found := fenceFindings(h)
	if problem := h.Config.Problem; problem != "" {
		// A summary has no room for the name of the file.
		found = append(found, finding{"ConfigInvalid", "", fmt.Sprintf("config: %s (%s)", problem, inForce(h.Config)), strings.TrimPrefix(problem, h.Config.Path+":")})
	}
	for _, g := range h.Roster {
		found = append(found, groupFindings(h, g)...)
	}
	found = append(found, measured(h)...)
	for _, d := range h.Agent.Deliveries {
		if !d.FailingFrom.IsZero() {
			found = append(found, finding{"DeliveryFailing", d.Receiver, fmt.Sprintf("%s takes no alerts since %s (%s): %s",
				d.Receiver, clockAt(h, d.FailingFrom), waiting(d.Queued), cmp.Or(d.Problem, "it does not answer")), d.Problem})
		}
	}
	if problem := h.Agent.StoreProblem; problem != "" {
		found = append(found, finding{"StoreDegraded", "", "store: " + problem, problem})
	}
	return found
}

// clockAt writes a time in the zone of the host.
func clockAt(h status.Host, t time.Time) string { return Clock(t.In(h.Time.Location())) }

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
		found = append(found, finding{"NotEnforced", "", "firewall: " + f.Problem, f.Problem})
	}
	for _, saved := range f.Saved {
		found = append(found, finding{text: saved + " names our table and would fail whole when it is loaded: take our table out of it"})
	}
	if f.Fight != "" {
		found = append(found, finding{"DriftFight", "", fmt.Sprintf("fight: %s keeps taking the table away", f.Fight), f.Fight})
	}
	if f.Paused != nil || f.State != stateEnforcing {
		return found // none of the services is, and the verdict says why
	}
	for _, s := range h.Services {
		if s.Mode == ModeEnforce && !s.Enforced {
			condition := "UnsafeExposure" // there is a way past the rules
			if s.Reason == "" {
				condition = "NotEnforced"
			}
			found = append(found, finding{condition, s.Name, fmt.Sprintf("%s is not enforced: %s", s.Name, cmp.Or(s.Reason, "the reason is unknown")), s.Reason})
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
			found = append(found, finding{"RosterStale", g.Name, fmt.Sprintf("group %s, %s: %s", g.Name, s.Name, cmp.Or(s.Problem, "it does not answer")),
				cmp.Or(s.Problem, s.Name)})
		}
	}
	if in := h.StillIn(g); len(in) > 0 {
		why := cmp.Or(g.HeldReason, fmt.Sprintf("no source names them any more; `nakama-warden apply --accept-shrink %s` lets them go", g.Name))
		found = append(found, finding{"RosterShrinkHeld", g.Name, fmt.Sprintf("group %s still lets in %s: %s", g.Name, few(in, 4), why), ""})
	}
	return found
}

// measured are the findings of a sample.
func measured(h status.Host) []finding {
	s := h.Sample
	if s == nil {
		return nil
	}
	found := stalled(h)
	for _, d := range s.Down {
		found = append(found, finding{"ServiceDown", d.Name, fmt.Sprintf("%s does not run since %s", d.Name, clockAt(h, d.Since)), d.Name})
	}
	for _, small := range s.Machine.Sizing {
		found = append(found, finding{"HostUndersized", "", small, small})
	}
	if sharing := s.Machine.Sharing; sharing != "" {
		found = append(found, finding{"RolesShareHost", "", sharing, sharing})
	}
	for _, p := range s.Held {
		found = append(found, finding{"PortHeldByOther", p.Service, fmt.Sprintf("port %d of %s is held by %s (pid %d)", p.Port, p.Service, p.Program, p.PID), p.Program})
	}
	for _, u := range s.Units {
		found = slices.Concat(found, clientFindings(u), provisioning(h, u))
		if u.Misconfigured != "" {
			found = append(found, finding{"CockroachMemoryMisconfigured", u.Name, u.Name + ": " + u.Misconfigured, u.Misconfigured})
		}
	}
	return found
}

// measuredWithin is far beyond the slowest sample: they are a second apart.
const measuredWithin = 15 * time.Second

// stalled is for a daemon that still answers and does not measure any more: its numbers look like those of now.
func stalled(h status.Host) []finding {
	if old := h.Time.Sub(h.Sample.Time); !h.Sample.Time.IsZero() && old > measuredWithin {
		return []finding{{text: fmt.Sprintf("nothing was measured for %s: what is told of connections, memory and capacity is of then; "+
			"`systemctl restart nakama-warden`, and see `journalctl -u nakama-warden` for why", Span(old))}}
	}
	return nil
}

func clientFindings(u status.Unit) []finding {
	const shown = 3
	var found []finding
	for _, c := range u.UnexpectedClients[:min(shown, len(u.UnexpectedClients))] {
		found = append(found, finding{"UnexpectedDatabaseClient", u.Name, Unexpected(u, c), c.Address})
	}
	if more := len(u.UnexpectedClients) - shown; more > 0 {
		found = append(found, finding{"UnexpectedDatabaseClient", u.Name, fmt.Sprintf("%s: and %d more unexpected clients", u.Name, more), ""})
	}
	return found
}

// provisioning says what is wrong with a unit's capacity.
func provisioning(h status.Host, u status.Unit) []finding {
	c := u.Capacity
	if c == nil || !c.Known {
		return nil
	}
	var found []finding
	if c.Below {
		found = append(found, finding{"ProvisionBelowTarget", u.Name, fmt.Sprintf("%s: %s connections fit, %.1f times the peak of %s; %.1f are wanted: %s",
			u.Name, Grouped(c.Fits), c.Ratio, Grouped(c.Peak), c.Target, remedy(c.Binding)), ""})
	}
	if c.Exhaustion != nil {
		found = append(found, finding{"MemoryExhaustionForecast", u.Name,
			fmt.Sprintf("%s: memory is forecast to run out at %s: add nodes before, or memory", u.Name, clockAt(h, *c.Exhaustion)), ""})
	}
	return found
}

// remedy is what makes more fit.
func remedy(binding string) string {
	switch binding {
	case "descriptors":
		return "raise its limit of open files (LimitNOFILE), or add nodes"
	case "conntrack":
		return "raise net.netfilter.nf_conntrack_max, or add nodes"
	}
	return "add nodes, or memory"
}
