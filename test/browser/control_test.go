package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page that does everything wrong is found out in every point: otherwise the silence of the other tests would mean nothing.
func TestAPageThatDoesEverythingWrongIsFoundOut(t *testing.T) {
	browser, program := chromium(t), axe(t)
	wrong := `<!DOCTYPE html><html><head><title>wrong</title><meta name="viewport" content="width=device-width"></head><body>
		<p style="color:#ccc;background:#fff">hard to read</p><p class="wide">` + strings.Repeat("x", 400) + `</p>
		<img src="http://elsewhere.invalid/picture.png"><a href="#there" style="outline:none">unseen</a><a href="#there" tabindex="-1">unreached</a>
		<script>console.log('inline')</script><script src="/script.js"></script></body></html>`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src *")
		switch r.URL.Path {
		case "/script.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(w, "console.error('wrong'); nobody.is.there()")
		case "/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, wrong)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	page := open(t, browser, &site{address: server.URL}, screens()[0])
	told := strings.Join(page.complaints(), "\n")
	for _, wanted := range []string{"asks for http://elsewhere.invalid/picture.png", "Content Security Policy", "console.error", "exception: ", "net::ERR_NAME_NOT_RESOLVED"} {
		if !strings.Contains(told, wanted) {
			t.Errorf("it was not noted: %s; noted was:\n%s", wanted, told)
		}
	}
	if wide := page.tooWide(); len(wide) < 2 || !strings.Contains(wide[1], "wide") {
		t.Errorf("what is too wide was found to be %q", wide)
	}
	walked := strings.Join(page.walk(), "\n")
	for _, wanted := range []string{"cannot be seen: <a href=\"#there\" style", "does not lead to <a href=\"#there\" tabindex"} {
		if !strings.Contains(walked, wanted) {
			t.Errorf("by keyboard it was not found: %s; found was:\n%s", wanted, walked)
		}
	}
	found := map[string]bool{}
	for _, v := range page.judge(program) {
		found[v.ID] = true
	}
	for _, wanted := range []string{"color-contrast", "image-alt", "html-has-lang"} {
		if !found[wanted] {
			t.Errorf("axe-core did not find %s, only %v", wanted, found)
		}
	}
}
