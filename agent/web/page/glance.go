package page

import (
	"fmt"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// glance is one of the three answers at the top of a page.
type glance struct {
	Level words.Level
	Text  string
}

// answer is a question, what answers it at a glance, and the section that answers it in full.
type answer struct {
	Section, Question string
	glance
}

// title is what a tab of a browser shows: whether all is well, of which host.
func title(v words.Verdict, needs glance, host string) string {
	text := v.Word
	if needs.Level == words.Bad || needs.Level == words.Warning {
		text += ", " + needs.Text
	}
	return text + " · " + host
}

// fullest is how full the fullest of some units is: what is not known yet may be the fullest, and is told if nothing is.
func fullest(units []status.Unit) glance {
	worst, g := -1.0, glance{words.Plain, words.Unknown}
	for _, u := range units {
		share, view := fullShare(u), unitOf(u)
		if share <= worst {
			continue
		}
		worst, g = share, glance{view.Level, view.Headline}
		if len(units) > 1 && share >= 0 {
			g.Text = fmt.Sprintf("%s: %s", u.Name, view.Headline)
		}
	}
	return g
}

// fullShare is how full a unit is, of what fits or of its memory; -0.5 if it is not known.
func fullShare(u status.Unit) float64 {
	switch c := u.Capacity; {
	case c != nil && c.Known && c.Fits > 0:
		return float64(words.Connected(u)) / float64(c.Fits)
	case c != nil && c.Known:
		return 1
	case c == nil && u.Memory.Limit > 0:
		return float64(u.Memory.Resident) / float64(u.Memory.Limit)
	}
	return -0.5
}
