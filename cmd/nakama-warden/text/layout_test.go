package text

import (
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestTruncate(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"nakama", 6, "nakama"}, {"nakama", 5, "naka…"}, {"nakama", 1, "…"}, {"nakama", 0, "nakama"},
		{"世界", 4, "世界"}, {"世界", 3, "世…"}, {"世界", 2, "…"}, {"e\u0301e\u0301", 2, "e\u0301e\u0301"},
	} {
		if got := truncate(test.text, test.width); got != test.want {
			t.Errorf("%q at %d: got %q; want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text               string
		width, first, hang int
		want               string
	}{
		{"one two three", 0, 0, 0, "one two three"},
		{"one two three", 8, 0, 0, "one two|three"},
		{"one two three", 8, 4, 2, "one|two|three"},
		{"one two", 7, 0, 0, "one two"},
		{"abcdefgh", 3, 0, 0, "abc|def|gh"},
		{"ab cdefgh", 4, 0, 0, "ab|cdef|gh"},
		{"", 5, 0, 0, ""},
		{"one   ", 4, 0, 0, "one"},
		{"世", 1, 0, 0, "世"},
		{"narrow", 2, 9, 9, "n|a|r|r|o|w"},
	} {
		if got := strings.Join(wrap(test.text, test.width, test.first, test.hang), "|"); got != test.want {
			t.Errorf("%q in %d: got %q; want %q", test.text, test.width, got, test.want)
		}
	}
}

// Whatever a name or an error holds, no page lets it reach the terminal raw or break the width.
func FuzzHost(f *testing.F) {
	f.Add("\x1b[2J", "10.0.1.13 世界", 60)
	f.Add("\xff", "a b c", 41)
	f.Fuzz(func(t *testing.T, name, words string, width int) {
		if width < 20 || width > 300 { // narrower than a verdict and a wide rune is no terminal
			return
		}
		h := troubledHost()
		h.Hostname, h.Services[0].Name, h.Services[1].From = name, name, []string{name, words}
		h.Roster[0].Name, h.Roster[2].Sources[1].Problem, h.Config.Problem = name, words, words
		h.Firewall.LastDrift.By, h.Firewall.LastDrift.Changes = name, []string{words}
		h.Firewall.State, h.Firewall.Grip = words, name
		h = with(h, words, time.Hour, critical(name, words, words), info("Drift", "", name))
		h.Alerts[0].Runbook, h.Alerts[0].Silenced = words, name
		h.Silences = []status.Silence{{ID: name, Condition: words, Why: name, By: words}}
		h.Maintenance = &status.Maintenance{Why: words, By: name}
		h.Agent.Deliveries = []status.Delivery{{Receiver: name, FailingFrom: noon(), Problem: words}}
		var b strings.Builder
		if err := Host(&b, Style{Width: width}, h); err != nil {
			t.Fatal(err)
		}
		if err := Event(&b, Style{Width: width}, status.Event{Kind: name, Summary: words}); err != nil {
			t.Fatal(err)
		}
		checkFits(t, b.String(), width)
	})
}
