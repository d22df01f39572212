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

// silent says which panels show nothing of the demo, and why. That those of Loki need one goes without saying.
func silent() map[string]string {
	return map[string]string{}
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
