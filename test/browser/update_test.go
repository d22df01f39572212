package browser

import (
	"strings"
	"testing"
)

// What has changed on the host appears by itself: the page is not loaded anew, and a person who reads or moves in it is left where
// they are, also when something comes to stand above it.
func TestThePageUpdatesItself(t *testing.T) {
	browser := chromium(t)
	shown := serve(t, firing())
	page := open(t, browser, shown, screens()[0])
	before := ask[place](page, `(() => {
		globalThis.same = true
		const link = document.querySelector('a[href$="RosterStale.md"]')
		link.focus({preventScroll: true})
		scrollTo(0, link.getBoundingClientRect().top + scrollY - 300)
		return `+where+`
	})()`)
	if before.Scroll == 0 || before.Focus == "" {
		t.Fatalf("the page is too short to be scrolled, or has no link to a runbook: %+v", before)
	}
	next := firing()
	next.host.Agent.StoreProblem = "write /var/lib/nakama-warden/state.db: no space left on device"
	next.host.Config.Problem = "config.yaml:14: roles: unknown role"
	next.host, _ = judged(next.host)
	shown.show(next)
	after := ask[place](page, becomes("unknown role", where))
	if !after.Same {
		t.Error("the page was loaded anew")
	}
	if after.Focus != before.Focus {
		t.Errorf("the keyboard was at %q and is at %q", before.Focus, after.Focus)
	}
	if moved := after.Top - before.Top; moved < -40 || moved > 40 {
		t.Errorf("what was read has moved by %d pixels (scrolled from %d to %d)", moved, before.Scroll, after.Scroll)
	}
	for _, complaint := range page.complaints() {
		t.Errorf("the browser complains: %s", complaint)
	}
}

// A page whose host does not answer any more must not go on to say that all is well.
func TestAPageThatIsCutOffSaysSo(t *testing.T) {
	browser := chromium(t)
	shown := serve(t, enforced())
	page := open(t, browser, shown, screens()[0])
	before := page.text()
	shown.end()
	after := ask[string](page, becomes("not answer", "document.title + document.body.innerText"))
	if strings.Contains(before, "not answer") {
		t.Errorf("it says so from the start:\n%s", before)
	}
	if !strings.HasPrefix(after, "?") {
		t.Errorf("the title still says that all is well: %.60q", after)
	}
}

// place is where a person is in a page.
type place struct {
	Same   bool   // it was not loaded anew
	Focus  string // the link
	Top    int    // where on the screen that is
	Scroll int
}

const where = `({Same: globalThis.same === true, Focus: document.activeElement.getAttribute('href') || '',
	Top: Math.round(document.activeElement.getBoundingClientRect().top), Scroll: Math.round(scrollY)})`

// becomes waits until the page shows a text, and answers an expression then.
func becomes(text, expression string) string {
	return `new Promise(done => {
		const changed = () => {
			if (!document.body.innerText.includes('` + text + `')) return
			watch.disconnect()
			requestAnimationFrame(() => done(` + expression + `))
		}
		const watch = new MutationObserver(changed)
		watch.observe(document, {subtree: true, childList: true, characterData: true, attributes: true})
		changed()
	})`
}
