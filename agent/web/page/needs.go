package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// need is something that somebody should see to.
type need struct {
	Text       prose
	conditions []string // that tell it too
	subject    string   // of these
}

// list gathers sentences.
type list []string

func (l *list) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// unmet gathers needs. Each names the condition that tells it, and of what.
type unmet []need

func (n *unmet) add(condition, subject, format string, args ...any) {
	*n = append(*n, need{prose(fmt.Sprintf(format, args...)), strings.Fields(condition), subject})
}

// needs is what somebody should see to, most urgent first, as the terminal tells it. What an alert says already is not repeated.
func needs(c clock, h status.Host) []need {
	var all unmet
	all.firewall(h)
	all.services(h)
	all.config(h.Config)
	all.roster(h.Roster)
	all.sample(c, h.Sample)
	if h.Agent.StoreProblem != "" {
		all.add("StoreDegraded", "", "Store: %s", h.Agent.StoreProblem)
	}
	for _, d := range h.Agent.Deliveries {
		if !d.FailingFrom.IsZero() {
			all.add("DeliveryFailing", d.Receiver, "%s takes no alerts since %s (%d wait): %s", d.Receiver, c.at(d.FailingFrom), d.Queued, orElse(d.Problem, "it did not say why"))
		}
	}
	return slices.DeleteFunc(all, func(n need) bool { return slices.ContainsFunc(h.Alerts, n.toldBy) })
}

// toldBy is whether an alert says so. Its subject may be several units that share something.
func (n need) toldBy(a status.Alert) bool {
	return slices.Contains(n.conditions, a.Name) && (a.Subject == "" || strings.Contains(a.Subject, n.subject))
}

func (n *unmet) firewall(h status.Host) {
	f := h.Firewall
	switch {
	case f.Paused != nil:
		n.add("Paused", "", "The pause lets everybody in: `nakama-warden apply` ends it before its time")
	case f.State == "off":
		n.add("NotEnforced", "", "Nobody is kept out: set `firewall.mode` to audit or enforce")
	case f.State == "removed":
		n.add("NotEnforced", "", "Nobody is kept out: `nakama-warden apply` puts the rules back")
	case f.State == "failed":
		n.add("NotEnforced", "", "Nobody is kept out: `journalctl -u nakama-warden` tells more of why the rules could not be put in place")
	case f.State == stateEnforcing && !f.Verified:
		n.add("NotEnforced", "", "The rules are not as declared: `nakama-warden plan` tells how they differ")
	}
	if f.State == stateEnforcing && f.Problem != "" {
		n.add("NotEnforced", "", "Firewall: %s", f.Problem)
	}
	if !f.RevertAt.IsZero() {
		n.add("", "", "The last change is taken back in %s unless you `nakama-warden apply --confirm`", span(f.RevertAt.Sub(h.Time)))
	}
	for _, saved := range f.Saved {
		n.add("", "", "%s names our table and would fail whole when it is loaded: take our table out of it", saved)
	}
	if f.Fight != "" {
		n.add("DriftFight", "", "Fight: %s keeps taking the table away", f.Fight)
	}
}

// services tells which are not enforced, unless the verdict says that none is.
func (n *unmet) services(h status.Host) {
	if h.Firewall.Paused != nil || h.Firewall.State != stateEnforcing {
		return
	}
	for _, s := range h.Services {
		if s.Mode == modeEnforce && !s.Enforced {
			n.add("NotEnforced UnsafeExposure", s.Name, "%s is not enforced: %s", s.Name, orElse(s.Reason, "the reason is unknown"))
		}
	}
}

func (n *unmet) config(c status.Config) {
	if c.Problem == "" {
		return
	}
	in := "the one before it is in force"
	if c.LastReload.IsZero() {
		in = "nothing is enforced"
	}
	if c.FromLastStart {
		in = "the policy stored before the last start is in force"
	}
	n.add("ConfigInvalid", "", "Configuration: %s (%s)", c.Problem, in)
}

func (n *unmet) roster(groups []status.Group) {
	for _, g := range groups {
		for _, s := range g.Sources {
			if !s.Up {
				n.add("RosterStale", g.Name, "Group %s, %s: %s", g.Name, s.Name, orElse(s.Problem, "it does not answer"))
			}
		}
		if len(g.Held) > 0 {
			n.add("RosterShrinkHeld", g.Name, "Group %s still lets in %s: %s; `nakama-warden apply --accept-shrink %s` lets them go",
				g.Name, few(g.Held, 4), orElse(g.HeldReason, "no source names them any more"), g.Name)
		}
	}
}

// sample tells what was measured and is not as it should be.
func (n *unmet) sample(c clock, s *status.Sample) {
	if s == nil {
		return
	}
	for _, d := range s.Down {
		n.add("ServiceDown", d.Name, "%s does not run since %s", d.Name, c.at(d.Since))
	}
	for _, small := range s.Machine.Sizing {
		n.add("HostUndersized", "", "%s", small)
	}
	if s.Machine.Sharing != "" {
		n.add("RolesShareHost", "", "%s", s.Machine.Sharing)
	}
	for _, h := range s.Held {
		n.add("PortHeldByOther", h.Service, "Port %d of %s is held by %s (pid %d)", h.Port, h.Service, h.Program, h.PID)
	}
	for _, u := range s.Units {
		switch clients := len(u.UnexpectedClients); {
		case clients == 1:
			n.add("UnexpectedDatabaseClient", u.Name, "%s: a client that the policy does not admit is connected", u.Name)
		case clients > 1:
			n.add("UnexpectedDatabaseClient", u.Name, "%s: %d clients that the policy does not admit are connected", u.Name, clients)
		}
		n.provisioning(c, u)
		if u.Misconfigured != "" {
			n.add("CockroachMemoryMisconfigured", u.Name, "%s: %s", u.Name, u.Misconfigured)
		}
	}
}

// provisioning says what is wrong with a unit's capacity.
func (n *unmet) provisioning(at clock, u status.Unit) {
	c := u.Capacity
	if c == nil || !c.Known {
		return
	}
	if c.Below {
		n.add("ProvisionBelowTarget", u.Name, "%s: %s connections fit, %.1f times the peak of %s; %.1f are wanted: %s",
			u.Name, grouped(c.Fits), c.Ratio, grouped(c.Peak), c.Target, remedy(c.Binding))
	}
	if c.Exhaustion != nil {
		n.add("MemoryExhaustionForecast", u.Name, "%s: memory is forecast to run out at %s: add nodes before, or memory", u.Name, at.at(*c.Exhaustion))
	}
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
