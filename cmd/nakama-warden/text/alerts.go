package text

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// Silenced writes that a silence or a maintenance began or ended, and what is silent then.
func Silenced(w io.Writer, s Style, q status.Silenced) error {
	p := page{style: s}
	p.prose(line{text: q.Summary})
	p.quiet(q.Silences, q.Maintenance)
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
			text: fmt.Sprintf("%s (%s)", cmp.Or(t.Answer, "it answered nothing"), words.Span(t.Took.Round(time.Millisecond)))})
	}
	return p.flush(w)
}

func date(t time.Time) string { return t.Format("2006-01-02") }
