package browser

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// What the browser is shown is what it claims to be: this needs no browser, so that no state goes stale where there is none.
func TestEveryStateIsTold(t *testing.T) {
	const most = 200 << 10 // of bytes: a phone at the edge of a network waits for them
	names := map[string]bool{}
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			if names[s.name] {
				t.Error("another state has its name")
			}
			names[s.name] = true
			page := get(t, serve(t, s))
			if len(page) > most {
				t.Errorf("the page has %d bytes", len(page))
			}
			if !strings.Contains(page, s.verdict) {
				t.Errorf("the page does not say %q", s.verdict)
			}
			if strings.Contains(page, "<script>") || strings.Contains(page, "<img") {
				t.Error("the page has markup of somebody else in it")
			}
		})
	}
}

func get(t *testing.T, s *site) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return string(page)
}
