package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// need is one thing that wants somebody, or may soon.
type need struct {
	rank    int // the most urgent first
	lead    string
	colour  colour
	text    string
	more    []string // what the text had no room for
	runbook string
}

// How urgent a need is.
const (
	rankClock = iota // it happens by itself unless somebody acts
	rankCritical
	rankUnnamed // no alert is named after it
	rankWarning
	rankInfo
	rankClearing
	rankPending
	rankSilenced
)

// needs tells of everything once: of each alert, and of what no alert tells.
func needs(h status.Host) []need {
	var all []need
	if at := h.Firewall.RevertAt; !at.IsZero() {
		all = append(all, need{rank: rankClock, lead: "!", colour: yellow,
			text: fmt.Sprintf("the last change is taken back in %s unless you `nakama-warden apply --confirm`", span(at.Sub(h.Time)))})
	}
	rest := findings(h)
	for _, a := range alertsOf(h) {
		var details []finding
		details, rest = detailsOf(rest, a)
		switch {
		case shownElsewhere(h, a):
		case a.State == status.AlertPending && a.Silenced == "" && len(details) > 0:
			all = append(all, notYet(h, a, details)...)
		default:
			all = append(all, withDetails(needOf(h, a), a, details))
		}
	}
	for _, f := range rest {
		all = append(all, need{rank: rankUnnamed, lead: "!", colour: yellow, text: f.text})
	}
	slices.SortStableFunc(all, func(a, b need) int { return cmp.Compare(a.rank, b.rank) })
	return all
}

// notYet are findings, in their own words, of which somebody will be told if they last.
func notYet(h status.Host, a status.Alert, details []finding) []need {
	var all []need
	for _, f := range details {
		all = append(all, need{rank: rankPending, lead: "!", colour: yellow, text: fmt.Sprintf("%s; %s, %s", f.text, a.Name, toldIn(h, a))})
	}
	return all
}

func toldIn(h status.Host, a status.Alert) string {
	return fmt.Sprintf("%s in %s", a.Severity, span(a.Since.Add(a.For).Sub(h.Time)))
}

func withDetails(n need, a status.Alert, details []finding) need {
	for _, f := range details {
		if !f.told(a.Summary) {
			n.more = append(n.more, f.text)
		}
	}
	return n
}

// alertsOf are the alerts that are not over, and the conditions that hold and are no alerts: without a daemon nobody knows since
// when.
func alertsOf(h status.Host) []status.Alert {
	var all []status.Alert
	known := map[string]bool{}
	for _, a := range h.Alerts {
		if a.State != status.AlertResolved {
			all = append(all, a)
			known[a.Key()] = true
		}
	}
	for _, c := range h.Conditions {
		if a := (status.Alert{Condition: c}); !known[a.Key()] {
			all = append(all, a)
		}
	}
	return all
}

// detailsOf takes the findings of which an alert tells out of all.
func detailsOf(all []finding, a status.Alert) (details, rest []finding) {
	for _, f := range all {
		if f.condition == a.Name && f.subject == a.Subject {
			details = append(details, f)
		} else {
			rest = append(rest, f)
		}
	}
	return details, rest
}

// shownElsewhere are alerts that need nobody and that another part of the page tells more about.
func shownElsewhere(h status.Host, a status.Alert) bool {
	switch {
	case a.Severity != status.SeverityInfo || a.Subject != "" || a.Silenced != "":
		return false
	case a.Name == "AuditOnly":
		return len(unenforced(h.Services)) == 0 // the verdict says it
	case a.Name == "Drift":
		return h.Firewall.LastDrift != nil
	}
	return false
}

// saidByVerdict are alerts whose summary says what stands in the first line.
func saidByVerdict(h status.Host, a status.Alert) bool {
	switch {
	case a.Subject != "":
		return false
	case a.Name == "Paused":
		return h.Firewall.Paused != nil
	case a.Name == "NotEnforced":
		return h.Firewall.Paused == nil && (h.Firewall.State != stateEnforcing || !h.Firewall.Verified)
	}
	return false
}

func needOf(h status.Host, a status.Alert) need {
	n := need{lead: a.Severity, colour: severityColour(a.Severity), rank: severityRank(a.Severity)}
	notes := []string{}
	if a.State != "" {
		notes = append(notes, "for "+span(h.Time.Sub(a.Since).Truncate(time.Second)))
	}
	switch {
	case a.Silenced != "":
		n.rank, n.lead, n.colour = rankSilenced, "silenced", dim
		notes = append(notes, "nobody is told: "+a.Silenced)
	case a.State == status.AlertPending:
		n.rank, n.lead, n.colour = rankPending, "pending", dim
		notes = append(notes, toldIn(h, a))
	case a.State == status.AlertFiring && !holds(h, a):
		n.rank, n.lead, n.colour = rankClearing, "clearing", dim
		notes = append(notes, "over now")
	case a.State == status.AlertFiring:
		n.runbook = a.Runbook
	}
	n.text = strings.Join(append([]string{about(a)}, notes...), ", ")
	if !saidByVerdict(h, a) {
		n.text += ": " + a.Summary
	}
	return n
}

// holds is whether the condition of an alert holds now: one that is gone fires until it has been gone for a while.
func holds(h status.Host, a status.Alert) bool {
	return slices.ContainsFunc(h.Conditions, func(c status.Condition) bool { return c.Name == a.Name && c.Subject == a.Subject })
}

// about names an alert, and its subject where the summary does not.
func about(a status.Alert) string {
	if a.Subject == "" || strings.Contains(a.Summary, a.Subject) {
		return a.Name
	}
	return a.Name + " (" + a.Subject + ")"
}

func severityRank(severity string) int {
	switch severity {
	case status.SeverityCritical:
		return rankCritical
	case status.SeverityWarning:
		return rankWarning
	}
	return rankInfo
}

func severityColour(severity string) colour {
	switch severity {
	case status.SeverityCritical:
		return red
	case status.SeverityWarning:
		return yellow
	}
	return plain
}

// needs writes what wants somebody, beside its urgency.
func (p *page) needs(all []need) {
	width := 0
	for _, n := range all {
		width = max(width, columns(n.lead)+1)
	}
	indent := strings.Repeat(" ", width)
	for _, n := range all {
		lead := fmt.Sprintf("%-*s", width, n.lead)
		if n.lead == "!" {
			lead = "! "
		}
		p.prose(line{lead: lead, leadColour: n.colour, text: n.text})
		for _, more := range n.more {
			p.prose(line{lead: indent, text: more})
		}
		if n.runbook != "" {
			p.link(indent, n.runbook)
		}
	}
}

// link writes an address beside an indent, or without it where it is too long: what is broken cannot be followed.
func (p *page) link(indent, address string) {
	if p.style.Width > 0 && columns(indent)+columns(escape(address)) > p.style.Width {
		indent = ""
	}
	p.prose(line{lead: indent, text: address, colour: dim})
}
