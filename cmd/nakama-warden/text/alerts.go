package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Silenced writes that a silence or a maintenance began or ended, and what is silent then.
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
	widest := 0
	for _, t := range tests {
		widest = max(widest, columns(escape(t.Receiver)))
	}
	for _, t := range tests {
		verdict, colour := "delivered", green
		if !t.OK {
			verdict, colour = "FAILED", red
		}
		padding := strings.Repeat(" ", widest-columns(escape(t.Receiver)))
		p.prose(line{lead: fmt.Sprintf("%-9s  %s%s  ", verdict, t.Receiver, padding), leadColour: colour,
			text: fmt.Sprintf("%s (%s)", orElse(t.Answer, "it answered nothing"), span(t.Took.Round(time.Millisecond)))})
	}
	return p.flush(w)
}

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

// clock writes a time in the zone in which the host tells it, and names that: summaries of alerts have their times in UTC.
func clock(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

func date(t time.Time) string { return t.Format("2006-01-02") }

func asked(by string) string {
	if by == "" {
		return ""
	}
	return " by " + by
}
