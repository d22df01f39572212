package alerting

import (
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// The modes of a service and the states of the firewall, as status tells them.
const (
	modeAudit   = "audit"
	modeEnforce = "enforce"

	stateEnforcing = "enforcing"
	stateRemoved   = "removed"
	stateFailed    = "failed"
)

// verifiedWithin is far beyond the slowest verification, which is each cost/0.002: 3.6 s of cost, more than a million prefixes.
const verifiedWithin = 30 * time.Minute

// notEnforced is about the host as long as the kernel does not hold the rules, so that there is one page and not one for each
// service. A pause is a person's word that has an end, and has its own condition. Once it has ended the rules should be back.
func notEnforced(h status.Host, _ float64) []finding {
	f := h.Firewall
	declared := inMode(h.Services, modeEnforce)
	switch {
	case f.Paused != nil:
		return nil
	case len(declared) == 0 && (len(h.Services) > 0 || f.Mode != modeEnforce):
		return nil
	case f.State != stateEnforcing || !f.Verified:
		return one(true, whyNotEnforced(f, orElse(few(declared), "everything")))
	case !f.LastVerified.IsZero() && h.Time.Sub(f.LastVerified) > verifiedWithin:
		return one(true, summary("the rules were last read back from the kernel at %s: `systemctl restart nakama-warden`, during which they stay", clock(f.LastVerified)))
	}
	var found []finding
	for _, s := range h.Services {
		if bare(s) && s.Reason == "" {
			found = append(found, finding{subject: s.Name, summary: summary("%s is declared and not enforced, for a reason that is not known: see `nakama-warden status`, then `nakama-warden apply`", s.Name)})
		}
	}
	return found
}

func whyNotEnforced(f status.Firewall, open string) string {
	switch f.State {
	case stateRemoved:
		return summary("a person removed the rules, so %s can be reached by everybody: `nakama-warden apply` puts them back", open)
	case stateFailed:
		return summary("the kernel does not hold the rules for %s: %s; it is tried again each second, see `nakama-warden status`",
			open, orElse(f.Problem, "it is not known why"))
	}
	return summary("the kernel does not hold the rules for %s (the firewall is %s): `nakama-warden apply`, then `nakama-warden status`",
		open, orElse(f.State, "in an unknown state"))
}

func inMode(services []status.Service, mode string) []string {
	var names []string
	for _, s := range services {
		if s.Mode == mode {
			names = append(names, s.Name)
		}
	}
	return names
}

// bare is a service that should be enforced and is not.
func bare(s status.Service) bool { return s.Mode == modeEnforce && !s.Enforced }

const (
	unsafeExposureName = "UnsafeExposure"
	byWord             = status.SeverityWarning // of what `unsafe: true` opens
)

// unsafeExposure has two causes. A way past rules that are in force is found by us, and nobody knows of it: that pages. What
// an operator declared with `unsafe: true` is known, and somebody should decide again whether it must be.
func unsafeExposure(h status.Host, _ float64) []finding {
	var found []finding
	held := h.Firewall.State == stateEnforcing && h.Firewall.Verified
	for _, s := range h.Services {
		if held && bare(s) && s.Reason != "" {
			found = append(found, finding{subject: s.Name, summary: summary("%s can be reached past the rules: %s; close that way, or take the service off that network", s.Name, s.Reason)})
		}
		if s.Unsafe {
			found = append(found, finding{subject: s.Name, severity: byWord,
				summary: summary("%s is open to %s by `unsafe: true`: take that out of the configuration, or disable this condition if it must be", s.Name, few(s.From))})
		}
	}
	return found
}

func driftFight(h status.Host, _ float64) []finding {
	return one(h.Firewall.Fight != "", summary("%s takes our table away again and again: stop it from touching inet nakama_warden; every attempt is put right meanwhile", h.Firewall.Fight))
}

func driftRepeated(h status.Host, threshold float64) []finding {
	f := h.Firewall
	return one(float64(f.DriftsLately) >= threshold, summary("the rules were changed and put right %d times within an hour%s: find out who, `nakama-warden events --kind drift`, and stop it",
		f.DriftsLately, lastBy(f.LastDrift)))
}

func lastBy(d *status.Drift) phrase {
	if d == nil || d.By == "" {
		return ""
	}
	return ", last by " + phrase(plain(d.By, 40))
}

func drift(h status.Host, within float64) []finding {
	d := h.Firewall.LastDrift
	if d == nil || !lately(h.Time, d.Time, within) {
		return nil
	}
	return one(true, summary("%s changed our table (%s) at %s; it was put right: `nakama-warden events --kind drift` says who and what",
		orElse(d.By, "somebody"), d.Kind, clock(d.Time)))
}

func paused(h status.Host, _ float64) []finding {
	p := h.Firewall.Paused
	if p == nil {
		return nil
	}
	return one(true, summary("everybody gets in until %s, by %s (%s): `nakama-warden apply` ends the pause now",
		clock(p.Until), orElse(p.By, "a person"), orElse(p.Why, "no reason given")))
}

func auditOnly(h status.Host, _ float64) []finding {
	audited := inMode(h.Services, modeAudit)
	if len(audited) == len(h.Services) {
		return one(len(audited) > 0, "nothing is refused, only counted: `nakama-warden plan --enforce` tells who would be refused; then set firewall.mode: enforce")
	}
	return one(len(audited) > 0, summary("counted and not refused: %s; `nakama-warden plan --enforce` tells who would be, then enforce", few(audited)))
}

func portHeldByOther(h status.Host, _ float64) []finding {
	if h.Sample == nil {
		return nil
	}
	var found []finding
	for _, holder := range h.Sample.Held {
		found = append(found, finding{subject: holder.Service, summary: summary("port %d of %s is held by %s (pid %d): if it is not the service under another name, stop one of the two",
			holder.Port, holder.Service, holder.Program, holder.PID)})
	}
	return found
}

func unexpectedDatabaseClient(h status.Host, _ float64) []finding {
	var found []finding
	for _, u := range unitsOf(h) {
		if len(u.UnexpectedClients) == 0 {
			continue
		}
		var who []string
		for _, c := range u.UnexpectedClients {
			who = append(who, c.Address)
		}
		found = append(found, finding{subject: u.Name, summary: summary("connected to %s and not admitted by the policy: %s; add who belongs there to database_clients, `nakama-warden revoke` the others",
			u.Name, few(who))})
	}
	return found
}
