package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Every link and every switch can be reached by Tab, and is seen to be where one is.
func TestByKeyboard(t *testing.T) {
	browser := chromium(t)
	shown := serve(t, firing())
	for _, as := range screens() {
		as.noScript = true // the page must not be changed between two keys
		t.Run(as.name, func(t *testing.T) {
			page := open(t, browser, shown, as)
			if links := len(page.reachable()); links < 3 {
				t.Fatalf("the page has only %d links", links)
			}
			for _, problem := range page.walk() {
				t.Error(problem)
			}
		})
	}
}

// walk presses Tab until the end of the page, and returns what is wrong on the way.
func (p *tab) walk() (problems []string) {
	p.t.Helper()
	names := p.reachable()
	visited := map[int]bool{}
	for range len(names) + 1 {
		p.must("press Tab", chromedp.Do(p.ctx, chromedp.KeyEvent("\t")))
		at := ask[focus](p, focused)
		if at.Index < 0 {
			continue // the end of the page: the browser's own controls come next
		}
		visited[at.Index] = true
		if !at.Visible {
			problems = append(problems, "where the keyboard is cannot be seen: "+names[at.Index])
		}
	}
	for i, name := range names {
		if !visited[i] {
			problems = append(problems, "Tab does not lead to "+name)
		}
	}
	return problems
}

// reachable numbers what a person can act on, and returns how each looks.
func (p *tab) reachable() []string {
	p.t.Helper()
	return ask[[]string](p, `(() => {
		const look = e => { const s = getComputedStyle(e); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.backgroundColor].join() }
		globalThis.all = [...document.querySelectorAll('a[href], button, summary, input, select, [tabindex="0"]')].filter(e => e.checkVisibility())
		globalThis.before = all.map(look)
		globalThis.look = look
		return all.map(e => e.outerHTML.slice(0, 160))
	})()`)
}

// focus is where the keyboard is: at which of those that are reachable, and whether that is seen.
type focus struct {
	Index   int
	Visible bool
}

const focused = `(() => {
	const at = document.activeElement, i = all.indexOf(at), box = at.getBoundingClientRect()
	return {Index: i, Visible: i >= 0 && look(at) !== before[i] && box.width > 0 && box.bottom > 0 && box.top < innerHeight}
})()`

// The page says all of it to a browser that runs no scripts.
func TestWithoutJavaScript(t *testing.T) {
	browser := chromium(t)
	s := enforced()
	shown := serve(t, s)
	as := screens()[0]
	with := open(t, browser, shown, as).text()
	as.noScript = true
	page := open(t, browser, shown, as)
	if without := page.text(); !strings.Contains(without, s.verdict) || len(without) < len(with)*9/10 {
		t.Errorf("without JavaScript the page says less: %d characters rather than %d:\n%s", len(without), len(with), without)
	}
	for _, complaint := range page.complaints() {
		t.Errorf("the browser complains: %s", complaint)
	}
}
