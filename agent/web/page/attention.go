package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// attention is what needs somebody, the most urgent first.
type attention struct {
	Alerts   []alert
	Needs    []need
	Silent   []string // what nobody is told of
	Left     int      // alerts and needs that are not shown
	NoneHear bool     // nobody is told of anything: no receiver is named
	Glance   glance
	Calm     string // nothing needs anybody
	CalmTone tone
}

// alert is one of the list.
type alert struct {
	Key      string // tells it from others
	Tone     tone
	State    string
	About    string
	Summary  prose
	For      string // how long
	Since    moment
	Runbook  string // a URL
	Silenced string
}

const manyAlerts = 50

func attentionOf(c clock, k Known, v verdict) attention {
	h := k.Host
	a := attention{Silent: silent(c, h), NoneHear: len(h.Agent.Deliveries) == 0}
	for _, missing := range k.Missing {
		a.Needs = append(a.Needs, need{Text: prose(missing)})
	}
	a.Needs = append(a.Needs, needs(c, h)...)
	a.Glance = a.glance(h.Alerts)
	if len(h.Alerts)+len(a.Needs) == 0 {
		a.Calm, a.CalmTone = "Nothing needs you.", v.Tone
		if v.Tone == bad { // it is starting, or was told nothing to guard
			a.Calm, a.CalmTone = "Nothing but the verdict above.", plain
		}
	}
	if v.Tone == bad && a.Glance.Tone == good {
		a.Glance.Tone = plain // nobody may take it for all is well
	}
	rows := slices.Clone(h.Alerts)
	slices.SortStableFunc(rows, func(a, b status.Alert) int { return cmp.Compare(urgency(a), urgency(b)) })
	var left int
	rows, a.Left = first(rows, manyAlerts)
	a.Needs, left = first(a.Needs, manyAlerts)
	a.Left += left
	for _, row := range rows {
		a.Alerts = append(a.Alerts, alertOf(c, row))
	}
	return a
}

// glance counts what somebody should see to now.
func (a attention) glance(alerts []status.Alert) glance {
	count := map[tone]int{}
	for _, alert := range alerts {
		if alert.State == status.AlertFiring && alert.Silenced == "" {
			count[severityTone(alert.Severity)]++
		}
	}
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(count[bad], "critical", "critical")
	add(count[warning], "warning", "warnings")
	add(len(a.Needs), "finding", "findings")
	g := glance{Tone: good, Text: orElse(strings.Join(parts, ", "), "nothing")}
	switch {
	case count[bad] > 0:
		g.Tone = bad
	case len(parts) > 0:
		g.Tone = warning
	}
	return g
}

// urgency is an order: what fires and is heard, then what is heard by nobody, then what does not fire yet.
func urgency(a status.Alert) int {
	rank := map[string]int{status.SeverityCritical: 0, status.SeverityWarning: 1}[a.Severity]
	if a.Severity != status.SeverityCritical && a.Severity != status.SeverityWarning {
		rank = 2
	}
	switch {
	case a.Silenced != "":
		rank += 3
	case a.State != status.AlertFiring:
		rank += 6
	}
	return rank
}

func alertOf(c clock, a status.Alert) alert {
	out := alert{Key: a.Key(), Tone: severityTone(a.Severity), State: a.Severity, About: a.Name, Summary: prose(a.Summary), Silenced: a.Silenced}
	if !a.Since.IsZero() {
		out.For, out.Since = span(c.now.Sub(a.Since)), c.moment(a.Since)
	}
	if a.Subject != "" {
		out.About += " (" + a.Subject + ")"
	}
	switch {
	case a.Silenced != "":
		out.Tone, out.State = plain, a.Severity+", silenced"
	case a.State != status.AlertFiring:
		out.Tone, out.State = plain, a.Severity+", "+a.State
	}
	if strings.HasPrefix(a.Runbook, "https://") || strings.HasPrefix(a.Runbook, "http://") {
		out.Runbook = a.Runbook
	}
	return out
}

func severityTone(severity string) tone {
	switch severity {
	case status.SeverityCritical:
		return bad
	case status.SeverityWarning:
		return warning
	}
	return plain
}

// silent names what nobody is told of, and until when.
func silent(c clock, h status.Host) []string {
	var out []string
	if m := h.Maintenance; m != nil {
		out = append(out, fmt.Sprintf("Maintenance until %s%s%s: nobody is told that a service is down.", c.at(m.Until), because(m.Why), asked(m.By)))
	}
	for _, s := range h.Silences {
		out = append(out, fmt.Sprintf("Silence %s: %s until %s%s%s.", s.ID, s.Condition, c.at(s.Until), because(s.Why), asked(s.By)))
	}
	out, _ = first(out, manyAlerts)
	return out
}
