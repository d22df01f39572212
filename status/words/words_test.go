package words

import (
	"math"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// safeHost is a host on which all is well, after an edit.
func safeHost(edit func(*status.Host)) status.Host {
	h := status.Host{
		Time:     noon(),
		Firewall: status.Firewall{Mode: ModeEnforce, Grip: "owned", Verified: true, LastVerified: noon().Add(-2 * time.Second), State: stateEnforcing},
		Services: []status.Service{
			{Name: "nakama-api", Ports: []uint16{7350}, From: []string{"anyone"}, Mode: ModeEnforce, Enforced: true},
			{Name: "nakama-cluster", Ports: []uint16{7352, 7353}, From: []string{"nakama"}, Mode: ModeEnforce, Enforced: true}},
		Roster: []status.Group{{Name: "nakama", Addresses: 2, Entries: 3, Sources: []status.Source{{Name: "static/0", Up: true}}}},
		Sample: &status.Sample{Time: noon().Add(-time.Second), Units: []status.Unit{{Name: "nakama", Role: "nakama"}}},
	}
	edit(&h)
	return h
}

func TestNumbers(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 1: "1 µs", 950 * time.Microsecond: "950 µs", 4 * time.Millisecond: "4 ms", 8500 * time.Microsecond: "8.5 ms",
		80 * time.Millisecond: "80 ms", 119 * time.Second: "119 s", 2 * time.Minute: "2 min", time.Hour: "60 min", 3 * time.Hour: "3 h", 49 * time.Hour: "2 d",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %q; want %q", d, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 99_999: "99999", 123_456: "123k", 2_340_000: "2.3M", 123_456_789: "123M", math.MaxUint64: "18.4E"} {
		if got := Short(n); got != want {
			t.Errorf("%d in short: %q; want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 12_345_678: "12,345,678"} {
		if got := Grouped(n); got != want {
			t.Errorf("%d: %q; want %q", n, got, want)
		}
	}
	for bytes, want := range map[float64]string{0: "0 B", 999: "999 B", 4700: "4.70 KB", 74638: "74.6 KB", 999_400: "999 KB", 999_600: "1.00 MB",
		961_324_118: "961 MB", 2e9: "2.00 GB", 16e9: "16.0 GB", 2e15: "2000 TB", -3500: "-3.50 KB"} {
		if got := Size(bytes); got != want {
			t.Errorf("%.0f bytes: %q; want %q", bytes, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
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
		if got := Printable(text); got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	pause := func(why, by string) func(*status.Host) {
		return func(h *status.Host) {
			h.Firewall.Paused = &status.Pause{Until: noon().Add(29 * time.Minute), Why: why, By: by}
		}
	}
	for _, test := range []struct {
		name string
		edit func(*status.Host)
		want Verdict
	}{
		{"safe", func(*status.Host) {}, Verdict{"SAFE", Good, "enforcing, owned, verified 2 s ago"}},
		{"nothing known", func(h *status.Host) { *h = status.Host{} }, Verdict{"NOT ENFORCED", Bad, "the state is unknown"}},
		{"removed", func(h *status.Host) { h.Firewall.State = "removed" },
			Verdict{"NOT ENFORCED", Bad, "the rules were removed: `nakama-warden apply` puts them back"}},
		{"off", func(h *status.Host) { h.Firewall.State = "off" },
			Verdict{"NOT ENFORCED", Bad, "firewall.mode is off: set it to audit or enforce, then `nakama-warden apply`"}},
		{"a state of a later version", func(h *status.Host) { h.Firewall.State = "paused" }, Verdict{"NOT ENFORCED", Bad, "paused"}},
		{"failed", func(h *status.Host) {
			h.Firewall.State, h.Firewall.Problem, h.Firewall.NextAttempt = "failed", "no memory", noon().Add(5*time.Second)
		}, Verdict{"NOT ENFORCED", Bad, "the rules could not be put in place: no memory; next attempt in 5 s; `journalctl -u nakama-warden` tells more"}},
		{"not verified", func(h *status.Host) { h.Firewall.Verified = false },
			Verdict{"NOT ENFORCED", Bad, "the kernel does not hold the declared policy; last verified 2 s ago; `nakama-warden plan` tells how they differ"}},
		{"one service bare", func(h *status.Host) { h.Services[1].Enforced = false }, Verdict{"NOT ENFORCED", Bad, "not in force for nakama-cluster"}},
		{"audit", func(h *status.Host) {
			for i := range h.Services {
				h.Services[i].Mode, h.Services[i].Enforced = ModeAudit, false
			}
		}, Verdict{"AUDIT", Warning, "counts, refuses nothing; verified 2 s ago"}},
		{"partly audit", func(h *status.Host) { h.Services[0].Mode = ModeAudit },
			Verdict{"PARTLY SAFE", Warning, "enforcing, owned, verified 2 s ago; only counted: nakama-api"}},
		{"no services", func(h *status.Host) { h.Services = nil }, Verdict{"NOT ENFORCED", Bad, "no service is guarded"}},
		{"paused", pause("is it us?", "ops"), Verdict{"PAUSED", Bad, "everybody gets in for another 29 min (“is it us?”, by ops); `nakama-warden apply` ends it"}},
		{"paused by nobody for nothing", pause("", ""), Verdict{"PAUSED", Bad, "everybody gets in for another 29 min (no reason was given); `nakama-warden apply` ends it"}},
	} {
		if got := Judge(safeHost(test.edit)); got != test.want {
			t.Errorf("%s: got  %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

func TestRows(t *testing.T) {
	h := safeHost(func(*status.Host) {})
	if got := GroupOf(h.Time, h.Roster[0]).Addresses; got != "3" {
		t.Errorf("%s addresses; want 3, as they were declared and not as they were merged", got)
	}
	if got := GroupOf(h.Time, status.Group{Addresses: 2}).Addresses; got != "2" {
		t.Errorf("%s addresses of a stored policy; want what is known of it", got)
	}
	failing := []status.Source{{Name: "static/0", Up: true}, {Name: "dns/0"}}
	if got := GroupOf(h.Time, status.Group{Sources: failing}); got.Sources != "dns/0 FAILS, static/0" || got.Level != Bad || got.Answered != "never" {
		t.Errorf("%+v; want the failing source first", got)
	}
	traffic := map[string]status.Count{"allowed": {Packets: 5}, "would_refuse": {Packets: 77}}
	audited := status.Service{Name: "nakama-grpc", Protocol: "udp", Ports: []uint16{7349}, Aliases: []uint16{17349}, Mode: ModeAudit, Traffic: traffic}
	want := Service{Name: "nakama-grpc", Ports: "7349, (17349)/udp", From: "nobody", Mode: ModeAudit, Enforced: "no", Level: Plain, Allowed: "5", Refused: "(77)", Let: true}
	if got := ServiceOf(audited); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	early, late := noon().Add(-time.Hour), noon()
	refusals := Refusals([]status.Service{{Name: "a", Refused: []status.RefusedSource{{Source: "192.0.2.1", Verdict: "refused", Count: 3, Last: early}}},
		{Name: "b", Refused: []status.RefusedSource{{Source: "192.0.2.2", Verdict: "would_refuse", Count: 4, Last: late}}}})
	if len(refusals) != 2 || refusals[0].Service != "b" || refusals[0].Packets != "(4)" || refusals[1].Packets != "3" {
		t.Errorf("%+v; want the latest first, and in brackets who was let in", refusals)
	}
	ports := []status.Port{{Port: 7350, Connections: 5200, How: "derived", Exact: noon().Add(-3 * time.Second)}, {Port: 7349, How: "last"}}
	unit := UnitOf(h.Time, status.Unit{Ports: ports, Memory: status.Memory{Resident: 19e8, Limit: 2e9}, Files: &status.Level{Used: 33, Limit: 100}})
	if unit != (Unit{Connections: "5200 at 7350", Counted: "derived, exact 3 s ago", Memory: "1.90 GB of 2.00 GB (95 %)", Level: Bad, Files: "33 %"}) {
		t.Errorf("%+v", unit)
	}
}
