// Package text renders what is known for people: each function writes one value of package status.
//
// A value is laid out for a width: cells of a table that do not fit are cut with …, prose is wrapped, since the part
// of an error that would be cut is the part that helps. Colour carries meaning that the words carry too. Nothing from
// outside reaches the terminal unescaped. A Screen keeps one page up to date in place; Await tells a person what takes so long.
package text

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// Style is how a page is laid out. The zero Style is for pipes and files: plain, and lines as long as they are.
type Style struct {
	Colour bool
	Width  int // columns; 0: no limit
}

// StyleFor returns the style that suits what f is: a terminal gets its width, and colours unless NO_COLOR is set or
// TERM is dumb.
func StyleFor(f *os.File) Style {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return Style{}
	}
	width, _, err := term.GetSize(fd)
	if err != nil || width <= 0 {
		width = 80 // a serial line does not know its size
	}
	return Style{Colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Width: width}
}

// Stale writes what was known last of a host that does not answer any more.
func Stale(w io.Writer, s Style, h status.Host, problem error) error {
	p := page{style: s}
	p.prose(line{lead: "NO ANSWER  ", leadColour: red, text: problem.Error()})
	p.prose(line{text: "What follows was true at " + h.Time.Format("15:04:05 MST") + ".", colour: yellow})
	p.writeLine("")
	p.host(h)
	return p.flush(w)
}

// Host writes the state of a host: first whether it is safe, how full it is and what needs somebody, then the details.
func Host(w io.Writer, s Style, h status.Host) error {
	p := page{style: s}
	p.host(h)
	return p.flush(w)
}

func (p *page) host(h status.Host) {
	verdict := words.Judge(h)
	p.prose(line{lead: verdict.Word + "  ", leadColour: colourOf(verdict.Level), text: verdict.Text})
	for _, l := range fullness(h) {
		p.prose(l)
	}
	if who := strings.Trim(h.Hostname+", "+words.Identity(h), ", "); who != "" {
		p.prose(line{text: who, colour: dim})
	}
	if wanted := needs(h); len(wanted) > 0 {
		p.writeLine("")
		p.needs(h, wanted)
	} else if verdict.Level == words.Good {
		p.prose(line{text: "Nothing needs you.", colour: dim})
	}
	p.quiet(h.Silences, h.Maintenance)
	p.protect(h)
	p.services(h.Services)
	p.units(h)
	p.capacity(h)
	p.roster(h)
	p.refused(h)
	p.lastDrift(h)
	p.notes(h)
}

// Applied writes what an apply or a remove did.
func Applied(w io.Writer, s Style, a status.Applied) error {
	p := page{style: s}
	p.changes(a.Changes)
	if a.Enforced {
		p.prose(line{lead: "IN FORCE  ", leadColour: green, text: a.Summary})
	} else {
		p.prose(line{lead: "NOT IN FORCE  ", leadColour: yellow, text: a.Summary})
	}
	return p.flush(w)
}

// Explanation writes whether a source gets in, and why.
func Explanation(w io.Writer, s Style, e status.Explanation) error {
	p := page{style: s}
	to := fmt.Sprintf("%s to port %d", e.Source, e.Port)
	if e.Service != "" {
		to += " (" + e.Service + ")"
	}
	if e.Allowed {
		p.prose(line{lead: "ALLOWED  ", leadColour: green, text: to})
	} else {
		p.prose(line{lead: "REFUSED  ", leadColour: red, text: to})
	}
	p.prose(line{lead: "why      ", leadColour: dim, text: e.Reason})
	p.prose(line{lead: "groups   ", leadColour: dim, text: cmp.Or(strings.Join(e.Groups, ", "), "none")})
	named, unseen := beyond(e.Beyond)
	if len(named) > 0 {
		p.prose(line{lead: "beyond   ", leadColour: dim,
			text: "other tables are on the way and have a word of their own: " + strings.Join(named, ", ")})
	}
	for _, what := range unseen {
		p.prose(line{lead: "beyond   ", leadColour: yellow, text: "there may be more that was not seen, " + what})
	}
	return p.flush(w)
}

// beyond tells the chains that are named from what could not be seen of others.
func beyond(all []string) (named, unseen []string) {
	for _, text := range all {
		if what, unknown := strings.CutPrefix(text, "unknown: "); unknown {
			unseen = append(unseen, what)
		} else {
			named = append(named, text)
		}
	}
	return named, unseen
}

// Event writes one event: a line, unless the width makes it more.
func Event(w io.Writer, s Style, e status.Event) error {
	p := page{style: s}
	lead := fmt.Sprintf("%s  %-17s  ", e.Time.Format("2006-01-02T15:04:05Z07:00"), e.Kind)
	p.prose(line{lead: lead, leadColour: eventColour(e.Kind), text: e.Summary, hang: 2})
	return p.flush(w)
}

func eventColour(kind string) colour {
	switch kind {
	case status.KindPolicyApplied, status.KindSourceBack, status.KindPauseEnded, status.KindConfirmed, status.KindAlertResolved, status.KindDeliveryBack, status.KindServiceBack:
		return green
	case status.KindDrift, status.KindPolicyRemoved, status.KindRosterHeld, status.KindSourceFailed, status.KindRevoked, status.KindCut,
		status.KindSilence, status.KindMaintenance, status.KindDeliveryFailed, status.KindRestarted:
		return yellow
	case status.KindPaused, status.KindReverted, status.KindDriftFight, status.KindCommitFailed, status.KindConfigInvalid, status.KindStoreDegraded,
		status.KindAlertFiring, status.KindServiceDown, status.KindOOMKill:
		return red
	}
	return plain
}
