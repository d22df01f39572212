// Package browser looks at the pages as a person does: with a real Chromium, in every state that a host may be in, on a phone
// and on a desk, by day and by night, by keyboard, without JavaScript, and through axe-core for those who cannot see them.
//
// The pages are those of agent/web, served on loopback; the states are values. `make test-browser` finds a Chromium, or installs
// Debian's, and keeps a picture of each state for a person to look at. What no program can judge is whether a page answers "am I
// safe, how full am I, what needs me" within five seconds: look at the pictures.
package browser

import (
	"context"
	"strings"
	"testing"
)

func TestEveryStateOnEveryScreen(t *testing.T) {
	browser := chromium(t)
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			shown := serve(t, s)
			for _, as := range screens() {
				t.Run(as.name, func(t *testing.T) { look(t, browser, shown, as) })
			}
		})
	}
}

func look(t *testing.T, browser context.Context, s *site, as screen) {
	page := open(t, browser, s, as)
	state := s.get()
	page.keep(state.name + "-" + as.name)
	shown := page.text()
	for _, wanted := range append([]string{state.verdict}, state.says...) {
		if !strings.Contains(strings.ToLower(shown), strings.ToLower(wanted)) {
			t.Errorf("the page does not say %q", wanted)
		}
	}
	if title := ask[string](page, "document.title"); title == "" || title == "owned" {
		t.Errorf("the title is %q", title)
	}
	if width := ask[int64](page, "document.documentElement.clientWidth"); width > as.width {
		t.Errorf("the page is laid out for a width of %d", width)
	}
	for _, wide := range page.tooWide() {
		t.Errorf("to be read only by scrolling sideways: %s", wide)
	}
	for _, complaint := range page.complaints() {
		t.Errorf("the browser complains: %s", complaint)
	}
}

// tooWide names what makes a page scroll sideways.
func (p *tab) tooWide() []string {
	p.t.Helper()
	return ask[[]string](p, `(() => {
		const width = document.documentElement.clientWidth
		if (document.documentElement.scrollWidth <= width) return []
		const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().left + e.scrollWidth > width + 1)
		return ['all of it: ' + document.documentElement.scrollWidth + ' of ' + width, ...wide.slice(0, 8).map(e => e.outerHTML.slice(0, 160))]
	})()`)
}

func TestNothingSeriousForThoseWhoCannotSee(t *testing.T) {
	browser, program := chromium(t), axe(t)
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			shown := serve(t, s)
			for _, as := range screens() {
				for _, v := range open(t, browser, shown, as).judge(program) {
					t.Errorf("%s: %s: %s: %s\n%s", as.name, v.Impact, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
				}
			}
		})
	}
}
