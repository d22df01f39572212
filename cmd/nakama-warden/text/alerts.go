package text

import (
	"fmt"
	"io"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Silenced writes what is silent after a silence or a maintenance began or ended.
func Silenced(w io.Writer, s Style, q status.Silenced) error {
	p := page{style: s}
	p.prose(line{text: q.Summary})
	p.silent(q.Silences, q.Maintenance)
	return p.flush(w)
}

// ReceiverTests writes what each receiver answered to a test.
func ReceiverTests(w io.Writer, s Style, tests []status.ReceiverTest) error {
	p := page{style: s}
	if len(tests) == 0 {
		p.prose(line{text: "There is no receiver: name some as alerting.alertmanagers or alerting.receivers."})
	}
	for _, t := range tests {
		lead, colour := "delivered  ", green
		if !t.OK {
			lead, colour = "FAILED     ", red
		}
		p.prose(line{lead: lead, leadColour: colour, text: fmt.Sprintf("%s in %s: %s", t.Receiver, span(t.Took.Round(time.Millisecond)), orElse(t.Answer, "no words"))})
	}
	return p.flush(w)
}

// alerts names what is wrong: what fires first, then what may soon.
func (p *page) alerts(h status.Host) {
	var rows [][]cell
	for _, state := range []string{status.AlertFiring, status.AlertPending} {
		for _, a := range h.Alerts {
			if a.State == state {
				rows = append(rows, []cell{stateCell(a), {text: about(a)}, {text: sinceText(h.Time, a)}, {text: a.Summary}})
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	p.table([]column{{title: "ALERT", least: 8}, {title: "CONDITION", least: 14, yield: 2}, {title: "SINCE", least: 6}, {title: "WHAT TO DO", least: 16, yield: 1}}, rows)
}

func stateCell(a status.Alert) cell {
	switch {
	case a.Silenced != "":
		return cell{"silenced", dim}
	case a.State == status.AlertPending:
		return cell{"pending", dim}
	}
	return cell{a.Severity, severityColour(a.Severity)}
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

func about(a status.Alert) string {
	if a.Subject == "" {
		return a.Name
	}
	return a.Name + " (" + a.Subject + ")"
}

func sinceText(now time.Time, a status.Alert) string { return ago(now, a.Since) }

// silent names what nobody is told of, and until when.
func (p *page) silent(silences []status.Silence, m *status.Maintenance) {
	if m != nil {
		p.prose(line{lead: "MAINTENANCE  ", leadColour: yellow,
			text: fmt.Sprintf("until %s%s%s: nobody is told that a service is down", clock(m.Until), reason(m.Why), asked(m.By))})
	}
	for _, s := range silences {
		p.prose(line{lead: "SILENCE " + s.ID + "  ", leadColour: yellow,
			text: fmt.Sprintf("%s until %s%s%s", s.Condition, clock(s.Until), reason(s.Why), asked(s.By))})
	}
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func asked(by string) string {
	if by == "" {
		return ""
	}
	return " by " + by
}

// deliveries names receivers that do not take alerts.
func (p *page) deliveries(h status.Host) {
	for _, d := range h.Agent.Deliveries {
		if !d.FailingFrom.IsZero() {
			p.prose(line{lead: "! ", leadColour: yellow, text: fmt.Sprintf("%s takes no alerts since %s (%d wait): %s", d.Receiver, clock(d.FailingFrom), d.Queued, d.Problem)})
		}
	}
}
