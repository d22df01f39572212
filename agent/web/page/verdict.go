package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// The modes of a service and the state of the firewall that a verdict depends on.
const (
	modeAudit      = "audit"
	modeEnforce    = "enforce"
	stateEnforcing = "enforcing"
)

// tone is what a colour says. The words say it too.
type tone string

const (
	good    tone = "good"
	warning tone = "warning"
	bad     tone = "bad"
	plain   tone = "plain"
)

// verdict answers whether the host is safe. The words are those of `nakama-warden status`.
type verdict struct {
	Tone  tone
	Word  string
	Text  prose
	Drift *drift // the last one
}

// drift is what somebody changed, and that it was put right.
type drift struct {
	Text    string
	Changes []string
}

// judge tells what was read back, and nothing else; the worst comes first.
func judge(h status.Host) verdict {
	v := judged(h)
	v.Drift = driftOf(h)
	return v
}

func judged(h status.Host) verdict {
	f := h.Firewall
	enforce, audit := named(h.Services, modeEnforce), named(h.Services, modeAudit)
	verified := "verified " + ago(h.Time, f.LastVerified)
	switch bare := unenforced(h.Services); {
	case f.Paused != nil:
		return verdict{Tone: bad, Word: "PAUSED", Text: prose(fmt.Sprintf("everybody gets in for another %s (“%s”%s); `nakama-warden apply` ends it",
			span(f.Paused.Until.Sub(h.Time)), orElse(f.Paused.Why, "no reason was given"), askedToo(f.Paused.By)))}
	case f.State != stateEnforcing:
		return notEnforced(whyNot(h))
	case !f.Verified:
		return notEnforced("the kernel does not hold the declared policy; last " + verified)
	case len(bare) > 0:
		return notEnforced("not in force for " + few(bare, 8))
	case len(enforce) > 0 && len(audit) > 0:
		return verdict{Tone: warning, Word: "PARTLY SAFE", Text: prose(held(f) + ", " + verified + "; only counted: " + few(audit, 8))}
	case len(enforce) > 0:
		return verdict{Tone: good, Word: "SAFE", Text: prose(held(f) + ", " + verified)}
	case len(audit) > 0:
		return verdict{Tone: warning, Word: "AUDIT", Text: prose("counts, refuses nothing; " + verified)}
	}
	return notEnforced("no service is guarded")
}

func notEnforced(why string) verdict {
	return verdict{Tone: bad, Word: "NOT ENFORCED", Text: prose(why)}
}

func held(f status.Firewall) string { return "enforcing, " + orElse(f.Grip, "grip unknown") }

func whyNot(h status.Host) string {
	f := h.Firewall
	why := orElse(map[string]string{
		"removed":  "the rules were removed: `nakama-warden apply` puts them back",
		"off":      "firewall.mode is off",
		"starting": "starting: the rules were not read back yet",
		"failed":   "the rules could not be put in place",
	}[f.State], orElse(f.State, "the state is unknown"))
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
	return named(slices.DeleteFunc(slices.Clone(services), func(s status.Service) bool { return s.Enforced }), modeEnforce)
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

func driftOf(h status.Host) *drift {
	d := h.Firewall.LastDrift
	if d == nil {
		return nil
	}
	var total uint64
	for _, n := range h.Firewall.Drifts {
		total += n
	}
	changes, left := first(d.Changes, 10)
	if left > 0 {
		changes = append(slices.Clone(changes), fmt.Sprintf("and %d more", left))
	}
	return &drift{Changes: changes, Text: fmt.Sprintf("Last drift %s: %s changed by %s, put right in %s (%s so far).",
		ago(h.Time, d.Time), orElse(d.Kind, "something"), orElse(d.By, "somebody unknown"), span(d.Repair), grouped(total))}
}

// identity says which host this is and what runs there.
func identity(h status.Host) string {
	parts := []string{strings.Join(h.Roles, " and "), h.Environment}
	if h.Revision != "" {
		parts = append(parts, "revision "+h.Revision)
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}
