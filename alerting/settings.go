package alerting

import (
	"math"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Settings are what the operator wants to be otherwise. The zero value is none of it.
type Settings struct {
	Overrides map[string]Override // by the condition's name
	HoldScale float64             // multiplies every hold time; 0: 1
}

// Override changes one condition. What is nil or empty, and what makes no sense, stays as it is in the catalogue.
type Override struct {
	Severity  string
	For       *time.Duration
	Threshold *float64
	Enabled   *bool
}

// longestHold bounds what a slip in a scale can do: a hold time that overflows would be negative, and page at once.
const longestHold = 365 * 24 * time.Hour

// resolve applies the settings to a definition.
func (s Settings) resolve(d Definition) (resolved Definition, enabled bool) {
	o := s.Overrides[d.Name]
	if known(o.Severity) {
		d.Severity = o.Severity
	}
	if o.For != nil && *o.For >= 0 {
		d.For = *o.For
	}
	if o.Threshold != nil && sensible(*o.Threshold) {
		d.Threshold = *o.Threshold
	}
	d.For, d.ClearAfter = s.scaled(d.For), s.scaled(d.ClearAfter)
	return d, o.Enabled == nil || *o.Enabled
}

// severityOf is what a finding is told as: the operator's word goes before ours.
func (s Settings) severityOf(f finding, d Definition) string {
	if f.severity == "" || known(s.Overrides[d.Name].Severity) {
		return d.Severity
	}
	return f.severity
}

func (s Settings) scaled(hold time.Duration) time.Duration {
	if sensible(s.HoldScale) {
		hold = time.Duration(min(float64(hold)*s.HoldScale, float64(longestHold)))
	}
	return min(hold, longestHold)
}

// sensible is a number that something can be compared with or multiplied by: NaN is neither above nor below a threshold,
// and one that is not above 0 would be met by everything.
func sensible(f float64) bool { return f > 0 && !math.IsInf(f, 1) }

func severities() []string {
	return []string{status.SeverityCritical, status.SeverityWarning, status.SeverityInfo}
}

func known(severity string) bool { return slices.Contains(severities(), severity) }
