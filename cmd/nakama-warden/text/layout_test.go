package text

import (
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestVerdict(t *testing.T) {
	change := func(edit func(*status.Host)) status.Host {
		h := safeHost()
		edit(&h)
		return h
	}
	for _, test := range []struct {
		name string
		host status.Host
		want string
	}{
		{"safe", safeHost(), "SAFE  enforcing, owned, verified 2 s ago"},
		{"nothing known", status.Host{}, "NOT ENFORCED  the state is unknown"},
		{"removed", change(func(h *status.Host) { h.Firewall.State = "removed" }),
			"NOT ENFORCED  the rules were removed: `nakama-warden apply` puts them back"},
		{"off", change(func(h *status.Host) { h.Firewall.State = "off" }), "NOT ENFORCED  firewall.mode is off: set it to audit or enforce, then `nakama-warden apply`"},
		{"a state of a later version", change(func(h *status.Host) { h.Firewall.State = "paused" }), "NOT ENFORCED  paused"},
		{"failed", change(func(h *status.Host) {
			h.Firewall.State, h.Firewall.Problem, h.Firewall.NextAttempt = "failed", "no memory", noon().Add(5*time.Second)
		}), "NOT ENFORCED  the rules could not be put in place: no memory; next attempt in 5 s"},
		{"not verified", change(func(h *status.Host) { h.Firewall.Verified = false }),
			"NOT ENFORCED  the kernel does not hold the declared policy; last verified 2 s ago"},
		{"one service bare", change(func(h *status.Host) { h.Services[1].Enforced = false }),
			"NOT ENFORCED  not in force for nakama-cluster"},
		{"audit", change(func(h *status.Host) {
			for i := range h.Services {
				h.Services[i].Mode, h.Services[i].Enforced = "audit", false
			}
		}), "AUDIT  counts, refuses nothing; verified 2 s ago"},
		{"partly audit", change(func(h *status.Host) { h.Services[0].Mode = "audit" }),
			"PARTLY SAFE  enforcing, owned, verified 2 s ago; only counted: nakama-api"},
		{"no services", change(func(h *status.Host) { h.Services = nil }), "NOT ENFORCED  no service is guarded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if err := Host(&b, Style{}, test.host); err != nil {
				t.Fatal(err)
			}
			if got, _, _ := strings.Cut(b.String(), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain – Zürich 世界": "plain – Zürich 世界",
		"\x1b[2J":           `\x1b[2J`,
		"a\r\nb\tc":         `a\r\nb\tc`,
		"\x00\x7f":          `\x00\x7f`,
		"\u0085\u009b":      `\u0085\u009b`,
		"\u202egnp.exe":     `\u202egnp.exe`,
		"\xff\x0a":          `\xff\n`,
		"\u00a0\ufeff":      `\u00a0\ufeff`,
		`C:\x1b "quoted"`:   `C:\x1b "quoted"`,
		"\xc3":              `\xc3`,
		"\ufffd":            "\ufffd",
	} {
		if got := escape(text); got != want {
			t.Errorf("%q: got %q; want %q", text, got, want)
		}
	}
}

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

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 1: "1 µs", 950 * time.Microsecond: "950 µs", 8 * time.Millisecond: "8 ms", 119 * time.Second: "119 s",
		2 * time.Minute: "2 min", 3 * time.Hour: "3 h", 49 * time.Hour: "2 d",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: got %q; want %q", d, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 99_999: "99999", 123_456: "123k", 2_340_000: "2.3M", 123_456_789: "123M", 1<<64 - 1: "18.4E"} {
		if got := short(n); got != want {
			t.Errorf("%d: got %q; want %q", n, got, want)
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
