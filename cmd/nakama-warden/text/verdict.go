package text

import (
	"fmt"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// The modes of a service and the states of the firewall that a verdict depends on.
const (
	modeAudit      = "audit"
	modeEnforce    = "enforce"
	stateEnforcing = "enforcing"

	anyone = "anyone" // every address, and no group
)

// verdict answers whether the host is safe. Only what was read back counts, and the worst comes first.
func verdict(h status.Host) line {
	f := h.Firewall
	enforce, audit := named(h.Services, modeEnforce), named(h.Services, modeAudit)
	verified := "verified " + ago(h.Time, f.LastVerified)
	switch bare := unenforced(h.Services); {
	case f.Paused != nil:
		return line{lead: "PAUSED  ", leadColour: red, text: fmt.Sprintf("everybody gets in for another %s%s: %s; `nakama-warden apply` ends it",
			span(f.Paused.Until.Sub(h.Time)), asked(f.Paused.By), f.Paused.Why)}
	case f.State != stateEnforcing:
		return notEnforced(whyNot(h))
	case !f.Verified:
		return notEnforced("the kernel does not hold the declared policy; last " + verified)
	case len(bare) > 0:
		return notEnforced("not in force for " + strings.Join(bare, ", "))
	case len(enforce) > 0 && len(audit) > 0:
		return line{lead: "PARTLY SAFE  ", leadColour: yellow,
			text: held(f) + ", " + verified + "; only counted: " + strings.Join(audit, ", ")}
	case len(enforce) > 0:
		return line{lead: "SAFE  ", leadColour: green, text: held(f) + ", " + verified}
	case len(audit) > 0:
		return line{lead: "AUDIT  ", leadColour: yellow, text: "counts, refuses nothing; " + verified}
	}
	return notEnforced("no service is guarded")
}

func notEnforced(why string) line {
	return line{lead: "NOT ENFORCED  ", leadColour: red, text: why}
}

func held(f status.Firewall) string { return "enforcing, " + orElse(f.Grip, "grip unknown") }

func whyNot(h status.Host) string {
	f := h.Firewall
	why := map[string]string{
		"removed":  "the rules were removed: `nakama-warden apply` puts them back",
		"off":      "firewall.mode is off: set it to audit or enforce, then `nakama-warden apply`",
		"starting": "starting: the rules were not read back yet",
		"failed":   "the rules could not be put in place",
	}[f.State]
	why = orElse(why, orElse(f.State, "the state is unknown"))
	if f.Problem != "" {
		why += ": " + f.Problem
	}
	if f.NextAttempt.After(h.Time) {
		why += "; next attempt in " + span(f.NextAttempt.Sub(h.Time))
	}
	return why
}

// unenforced names the services that should be enforced and are not.
func unenforced(services []status.Service) []string {
	var names []string
	for _, s := range services {
		if s.Mode == modeEnforce && !s.Enforced {
			names = append(names, s.Name)
		}
	}
	return names
}

func named(services []status.Service, mode string) []string {
	var names []string
	for _, s := range services {
		if s.Mode == mode {
			names = append(names, s.Name)
		}
	}
	return names
}

// few lists the first of many.
func few(all []string) string {
	const shown = 4
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
}
