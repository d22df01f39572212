package keep

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
)

// panel is a panel of a page with its queries. Marks on the time axis and choices are asked as panels are.
type panel struct {
	page     string // without what all have in front
	title    string
	queries  []questions.Question
	answered []bool // each query
}

func (p *panel) String() string { return p.page + "/" + p.title }

func (p *panel) shows() bool { return slices.Contains(p.answered, true) }

// is says whether a name of the list is the panel's: page/title, or a title on any page.
func (p *panel) is(name string) bool { return name == p.title || name == p.String() }

func (p *panel) reason(silent map[string]string) (why string, listed bool) {
	for name, why := range silent {
		if p.is(name) {
			return why, true
		}
	}
	return "", false
}

// panelsOf are the questions by panel, without those of a Loki: there is none here.
func panelsOf(all []questions.Question) (panels []*panel) {
	for _, q := range all {
		if q.Loki {
			continue
		}
		page := strings.TrimPrefix(q.Page, "nakama-warden-")
		i := slices.IndexFunc(panels, func(p *panel) bool { return p.page == page && p.title == q.Title })
		if i < 0 {
			i = len(panels)
			panels = append(panels, &panel{page: page, title: q.Title})
		}
		panels[i].queries = append(panels[i].queries, q)
		panels[i].answered = append(panels[i].answered, false)
	}
	return panels
}

// silent says which panels show nothing of the demos, and why.
func silent() map[string]string {
	const (
		calm     = "nothing is wrong, which the panel says"
		noServer = "the demo's database hosts have open ports, and no process named cockroach behind them"
		notOwn   = "nobody scrapes CockroachDB itself; the row is closed until somebody opens it"
		database = "cockroachdb-host/"
	)
	return map[string]string{
		"Drift":  "the demo kills the daemon that was tampered with, and its next one knows nothing of it",
		"Policy": "the demo changes who is in a group, which is no change of the policy",
		"agents/Who cannot keep what it knows, or tell it?":           calm,
		"firewall/Which sources of groups do not answer?":             calm,
		"nakama-host/When will it be full?":                           "it is not foreseen, which the panel says",
		"nakama-host/What does Nakama say of sessions and presences?": "the demo's Nakama has no metrics",
		database + "How many clients are connected?":                  noServer,
		database + "Who connects, and how?":                           noServer,
		database + "How near is memory to its end?":                   noServer,
		database + "CockroachDB's own target":                         notOwn,
		database + "How long has the node been up?":                   notOwn,
		database + "How many nodes live?":                             notOwn,
		database + "How much disk is left?":                           notOwn,
		database + "When does its certificate end?":                   notOwn,
		database + "Is data out of reach, or too rarely copied?":      notOwn,
		database + "How many sessions does SQL have?":                 notOwn,
		database + "How far is its clock off?":                        notOwn,
		database + "How many descriptors are open?":                   notOwn,
		database + "Does storage keep up?":                            notOwn,
		database + "How much memory does CockroachDB say it has?":     notOwn,
	}
}

// judge holds the panels to the list: those that are on it show nothing, all others something, and nothing else is on it.
func judge(panels []*panel, silent map[string]string) error {
	var problems []error
	for _, p := range panels {
		why, listed := p.reason(silent)
		switch {
		case !listed && !p.shows():
			problems = append(problems, fmt.Errorf("%s shows nothing, and is not listed", p))
		case listed && p.shows():
			problems = append(problems, fmt.Errorf("%s shows something, and is listed: %s", p, why))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(silent)) {
		if !slices.ContainsFunc(panels, func(p *panel) bool { return p.is(name) }) {
			problems = append(problems, fmt.Errorf("%s is listed, and nobody asks that", name))
		}
	}
	return errors.Join(problems...)
}

// show tells of each panel that shows nothing, or not all.
func show(panels []*panel, silent map[string]string) string {
	var told strings.Builder
	full := 0
	for _, p := range panels {
		switch {
		case !slices.Contains(p.answered, false):
			full++
		case !p.shows():
			why, _ := p.reason(silent)
			fmt.Fprintf(&told, "%s\n  shows nothing: %s\n", p, why)
		default:
			fmt.Fprintf(&told, "%s\n  shows something, without:\n", p)
			for i, q := range p.queries {
				if !p.answered[i] {
					fmt.Fprintf(&told, "    %s\n", q.Expr)
				}
			}
		}
	}
	fmt.Fprintf(&told, "%d of %d show all\n", full, len(panels))
	return told.String()
}
