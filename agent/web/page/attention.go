package page

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// attention is what needs somebody, the most urgent first.
type attention struct {
	Needs     []need
	Quiet     []words.Quiet // what nobody is told of
	Left      int           // needs that are not shown
	NoneHear  bool          // nobody is told of anything: no receiver is named
	Glance    glance
	Calm      string // nothing needs anybody
	CalmLevel words.Level
}

// need is one of the list: an alert, or a finding, which has its text alone.
type need struct {
	Key     string // tells it from others
	Level   words.Level
	State   string
	About   string
	For     string // how long
	Since   moment
	Text    prose
	More    []prose
	Note    string
	Runbook string // a URL
}

const manyNeeds = 50

func attentionOf(c clock, k Known, v words.Verdict) attention {
	h := k.Host
	a := attention{NoneHear: len(h.Agent.Deliveries) == 0}
	a.Quiet, _ = first(words.Quieted(h.Silences, h.Maintenance), manyNeeds)
	var all []words.Need
	for _, missing := range k.Missing {
		all = append(all, words.Need{Urgency: words.Unnamed, Level: words.Warning, Text: missing})
	}
	all = append(all, words.Needs(h)...)
	a.Glance = glanceAt(all, v)
	if len(all) == 0 {
		a.Calm, a.CalmLevel = "Nothing needs you.", v.Level
		if v.Level == words.Bad { // it is starting, or was told nothing to guard
			a.Calm, a.CalmLevel = "Nothing but the verdict above.", words.Plain
		}
	}
	all, a.Left = first(all, manyNeeds)
	for _, n := range all {
		a.Needs = append(a.Needs, needOf(c, n))
	}
	return a
}

// glanceAt counts what somebody should see to now.
func glanceAt(all []words.Need, v words.Verdict) glance {
	count := map[words.Urgency]int{}
	for _, n := range all {
		count[n.Urgency]++
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
	add(count[words.Critical], "critical", "critical")
	add(count[words.Notable], "warning", "warnings")
	add(count[words.Now]+count[words.Unnamed], "finding", "findings")
	switch {
	case count[words.Critical] > 0:
		return glance{words.Bad, strings.Join(parts, ", ")}
	case len(parts) > 0:
		return glance{words.Warning, strings.Join(parts, ", ")}
	case v.Level == words.Bad:
		return glance{words.Plain, "the verdict"} // nobody may take it for all is well
	}
	return glance{words.Good, "nothing"}
}

func needOf(c clock, n words.Need) need {
	a := n.Alert
	out := need{Key: cmp.Or(strings.Trim(a.Key(), "/"), n.Text), Level: n.Level, About: n.About(), Text: prose(n.Text), More: proseOf(n.More), Note: n.Note}
	if a.Name == "" {
		return out
	}
	if out.State = a.Severity; n.Lead != a.Severity {
		out.State += ", " + n.Lead
	}
	if n.For != "" {
		out.For, out.Since = n.For, c.moment(a.Since)
	}
	if strings.HasPrefix(a.Runbook, "https://") || strings.HasPrefix(a.Runbook, "http://") {
		out.Runbook = a.Runbook
	}
	return out
}
