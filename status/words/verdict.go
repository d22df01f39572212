package words

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nakama-warden/nakama-warden/status"
)

// Verdict answers whether a host is safe.
type Verdict struct {
	Word  string // SAFE, PARTLY SAFE, AUDIT, PAUSED, NOT ENFORCED
	Level Level
	Text  string // why, and what would mend it
}

// manyServices is how many services a sentence names.
const manyServices = 8

// Judge tells what was read back and nothing else; the worst comes first.
func Judge(h status.Host) Verdict {
	f := h.Firewall
	enforce, audit := Named(h.Services, ModeEnforce), Named(h.Services, ModeAudit)
	verified := "verified " + Ago(h.Time, f.LastVerified)
	held := "enforcing, " + cmp.Or(f.Grip, "grip unknown") + ", " + verified
	switch bare := unenforced(h.Services); {
	case f.Paused != nil:
		return Verdict{"PAUSED", Bad, pauseOf(h)}
	case f.State != stateEnforcing:
		return notEnforced(whyNot(h))
	case !f.Verified:
		return notEnforced("the kernel does not hold the declared policy; last " + verified + "; `nakama-warden plan` tells how they differ")
	case len(bare) > 0:
		return notEnforced("not in force for " + few(bare, manyServices))
	case len(enforce) > 0 && len(audit) > 0:
		return Verdict{"PARTLY SAFE", Warning, held + "; only counted: " + few(audit, manyServices)}
	case len(enforce) > 0:
		return Verdict{"SAFE", Good, held}
	case len(audit) > 0:
		return Verdict{"AUDIT", Warning, "counts, refuses nothing; " + verified}
	}
	return notEnforced("no service is guarded")
}

func notEnforced(why string) Verdict { return Verdict{"NOT ENFORCED", Bad, why} }

func pauseOf(h status.Host) string {
	p := h.Firewall.Paused
	why := "no reason was given"
	if p.Why != "" {
		why = "“" + p.Why + "”"
	}
	if p.By != "" {
		why += "," + by(p.By)
	}
	return fmt.Sprintf("everybody gets in for another %s (%s); `nakama-warden apply` ends it", Span(p.Until.Sub(h.Time)), why)
}

func whyNot(h status.Host) string {
	f := h.Firewall
	why := map[string]string{
		"removed":  "the rules were removed: `nakama-warden apply` puts them back",
		"off":      "firewall.mode is off: set it to audit or enforce, then `nakama-warden apply`",
		"starting": "starting: the rules were not read back yet",
		"failed":   "the rules could not be put in place",
	}[f.State]
	why = cmp.Or(why, f.State, "the state is unknown")
	if f.Problem != "" {
		why += ": " + f.Problem
	}
	if f.NextAttempt.After(h.Time) {
		why += "; next attempt in " + Span(f.NextAttempt.Sub(h.Time))
	}
	if f.State == "failed" {
		why += "; `journalctl -u nakama-warden` tells more"
	}
	return why
}

// unenforced names the services that should be enforced and are not.
func unenforced(services []status.Service) []string {
	return Named(slices.DeleteFunc(slices.Clone(services), func(s status.Service) bool { return s.Enforced }), ModeEnforce)
}

// LastDrift says what somebody changed last, and that it was put right; nothing if nobody did. The changes themselves are beside it.
func LastDrift(h status.Host) string {
	d := h.Firewall.LastDrift
	if d == nil {
		return ""
	}
	var total uint64
	for _, n := range h.Firewall.Drifts {
		total += n
	}
	return fmt.Sprintf("%s: %s changed by %s, put right in %s (%s so far)",
		Ago(h.Time, d.Time), cmp.Or(d.Kind, "something"), cmp.Or(d.By, "somebody unknown"), Span(d.Repair), Grouped(total))
}
