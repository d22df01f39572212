package alerting

import (
	"cmp"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Evaluate returns the conditions that hold now, before any hold time, sorted by severity (critical first), name and
// subject. No two have the same name and subject.
func Evaluate(h status.Host, s Settings) []status.Condition {
	conditions := []status.Condition{}
	for _, r := range rules() {
		d, enabled := s.resolve(r.Definition)
		if !enabled {
			continue
		}
		for _, f := range r.find(h, d.Threshold) {
			conditions = append(conditions, status.Condition{Name: d.Name, Subject: plain(f.subject, longestSubject),
				Severity: s.severityOf(f, d), Summary: f.summary, For: d.For, ClearAfter: d.ClearAfter})
		}
	}
	slices.SortFunc(conditions, worstFirst)
	return distinct(conditions)
}

// rule is a definition and how it is found in a host. A find gets the threshold that applies, and returns nothing where it
// does not know.
type rule struct {
	Definition
	find func(h status.Host, threshold float64) []finding
}

// finding is one subject of which a condition holds.
type finding struct {
	subject  string
	severity string // where it is not that of the definition
	summary  string
}

func worstFirst(a, b status.Condition) int {
	return cmp.Or(
		cmp.Compare(slices.Index(severities(), a.Severity), slices.Index(severities(), b.Severity)),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Summary, b.Summary))
}

// distinct keeps the first, and so the worst, of those that are told apart by nothing but their summary.
func distinct(conditions []status.Condition) []status.Condition {
	type key struct{ name, subject string }
	seen := map[key]bool{}
	return slices.DeleteFunc(conditions, func(c status.Condition) bool {
		k := key{c.Name, c.Subject}
		again := seen[k]
		seen[k] = true
		return again
	})
}

// one is a finding about the host, if there is one.
func one(found bool, summary string) []finding {
	if !found {
		return nil
	}
	return []finding{{summary: summary}}
}

func unitsOf(h status.Host) []status.Unit {
	if h.Sample == nil {
		return nil
	}
	return h.Sample.Units
}

func machineOf(h status.Host) status.Machine {
	if h.Sample == nil {
		return status.Machine{}
	}
	return h.Sample.Machine
}

// lately is whether something happened within so many seconds. What lies in the future is as far from now as what lies in the
// past: after a clock was set back nothing is recent for years.
func lately(now, t time.Time, seconds float64) bool {
	return !t.IsZero() && now.Sub(t).Abs().Seconds() < seconds
}

func connectionsOf(u status.Unit) uint64 {
	var sum uint64
	for _, p := range u.Ports {
		sum += p.Connections
	}
	return sum
}
