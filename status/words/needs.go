package words

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// Need is one thing that wants somebody, or may soon.
type Need struct {
	Urgency Urgency
	Level   Level        // Plain while nobody is told: not yet, not any more, or by a person's word
	Lead    string       // its severity; pending, clearing or silenced; ! where no alert tells it, or not yet
	Alert   status.Alert // without a name where no alert tells it, or not yet
	Text    string       // what is wrong, and what to do
	For     string       // how long it has been so
	Note    string       // who is told when, or why nobody is
	More    []string     // what the text had no room for
}

// Urgency is the order in which needs are told.
type Urgency int

// The urgencies, the most urgent first.
const (
	Now      Urgency = iota // it happens by itself unless somebody acts
	Critical                // an alert of that severity fires
	Unnamed                 // no alert is named after it
	Notable                 // a warning fires
	Info
	Clearing // it is over, and told when it stays over
	Pending  // it is told if it lasts
	Silenced
)

// About names the alert of a need, and its subject where the summary does not.
func (n Need) About() string {
	if n.Alert.Subject == "" || strings.Contains(n.Alert.Summary, n.Alert.Subject) {
		return n.Alert.Name
	}
	return n.Alert.Name + " (" + n.Alert.Subject + ")"
}

// Needs tells of everything once: of each alert, and of what no alert tells.
func Needs(h status.Host) []Need {
	var all []Need
	if at := h.Firewall.RevertAt; !at.IsZero() {
		all = append(all, unnamed(Now, fmt.Sprintf("the last change is taken back in %s unless you `nakama-warden apply --confirm`", Span(at.Sub(h.Time)))))
	}
	rest := findings(h)
	for _, a := range alertsOf(h) {
		var details []finding
		details, rest = detailsOf(rest, a)
		if a.State == status.AlertPending && a.Silenced == "" && len(details) > 0 {
			all = append(all, notYet(h, a, details)...)
		} else {
			all = append(all, needOf(h, a, details))
		}
	}
	for _, f := range rest {
		all = append(all, unnamed(Unnamed, f.text))
	}
	slices.SortStableFunc(all, func(a, b Need) int {
		return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), cmp.Compare(a.severity(), b.severity()))
	})
	return all
}

func unnamed(u Urgency, text string) Need {
	return Need{Urgency: u, Level: Warning, Lead: "!", Text: text}
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
		if f.toldBy(a) {
			details = append(details, f)
		} else {
			rest = append(rest, f)
		}
	}
	return details, rest
}

// notYet are findings, in their own words, of which somebody will be told if they last.
func notYet(h status.Host, a status.Alert, details []finding) []Need {
	var all []Need
	for _, f := range details {
		n := unnamed(Pending, fmt.Sprintf("%s; %s, %s", f.text, a.Name, toldIn(h, a)))
		n.Alert.Severity = a.Severity
		all = append(all, n)
	}
	return all
}

func toldIn(h status.Host, a status.Alert) string {
	return fmt.Sprintf("%s in %s", a.Severity, Span(a.Since.Add(a.For).Sub(h.Time)))
}

func needOf(h status.Host, a status.Alert, details []finding) Need {
	n := Need{Lead: a.Severity, Alert: a, Text: a.Summary}
	n.Urgency, n.Level = severity(a.Severity)
	if a.State != "" {
		n.For = since(h.Time, a.Since)
	}
	untold := func(u Urgency, lead, note string) { n.Urgency, n.Level, n.Lead, n.Note = u, Plain, lead, note }
	switch {
	case a.Silenced != "":
		untold(Silenced, "silenced", "nobody is told: "+a.Silenced)
	case a.State == status.AlertPending:
		untold(Pending, "pending", toldIn(h, a))
	case a.State == status.AlertFiring && !holds(h, a):
		untold(Clearing, "clearing", "over now")
	}
	for _, f := range details {
		if !f.toldWhole(a.Summary) {
			n.More = append(n.More, f.text)
		}
	}
	return n
}

// severity orders needs that are equally urgent: the worst first.
func (n Need) severity() Urgency {
	u, _ := severity(n.Alert.Severity)
	return u
}

func severity(name string) (Urgency, Level) {
	switch name {
	case status.SeverityCritical:
		return Critical, Bad
	case status.SeverityWarning:
		return Notable, Warning
	}
	return Info, Plain
}

// holds is whether the condition of an alert holds now: one that is gone fires until it has been gone for a while.
func holds(h status.Host, a status.Alert) bool {
	return slices.ContainsFunc(h.Conditions, func(c status.Condition) bool { return c.Name == a.Name && c.Subject == a.Subject })
}

// Quiet is something that nobody is told of, and until when.
type Quiet struct{ Lead, Text string }

// Quieted are a maintenance and the silences.
func Quieted(silences []status.Silence, m *status.Maintenance) []Quiet {
	var all []Quiet
	if m != nil {
		all = append(all, Quiet{"MAINTENANCE", fmt.Sprintf("until %s%s%s: nobody is told that a service is down", Clock(m.Until), because(m.Why), by(m.By))})
	}
	for _, s := range silences {
		all = append(all, Quiet{"SILENCE " + s.ID, fmt.Sprintf("%s until %s%s%s", s.Condition, Clock(s.Until), because(s.Why), by(s.By))})
	}
	return all
}
