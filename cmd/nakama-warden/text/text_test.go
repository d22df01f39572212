package text

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/status"
)

var update = flag.Bool("update", false, "write the golden files")

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// safeHost is a host on which all is well.
func safeHost() status.Host {
	at := noon()
	return status.Host{
		Time: at, Hostname: "nakama-1", Version: "1.2.3", Revision: "4f2a9c1", Environment: "production", Roles: []string{"nakama"},
		Config: status.Config{Path: "/etc/nakama-warden/config.yaml", LastReload: at.Add(-time.Hour), LastReloadOK: true},
		Firewall: status.Firewall{Mode: "enforce", Grip: "owned", Verified: true, LastVerified: at.Add(-2 * time.Second),
			State: "enforcing", HookedPaths: []string{"prerouting", "input"}},
		Services: []status.Service{
			{Name: "nakama-api", Role: "nakama", Protocol: "tcp", Ports: []uint16{7350}, From: []string{"anyone"}, Mode: "enforce",
				RefuseWith: "drop", Enforced: true, Traffic: map[string]status.Count{"allowed": {Packets: 123456789}, "refused": {}}},
			{Name: "nakama-cluster", Role: "nakama", Protocol: "tcp", Ports: []uint16{7352, 7353}, From: []string{"nakama"}, Mode: "enforce",
				RefuseWith: "drop", Enforced: true, Traffic: map[string]status.Count{"allowed": {Packets: 98765}, "refused": {Packets: 3}}},
			{Name: "nakama-console-grpc", Role: "nakama", Protocol: "tcp", Ports: []uint16{7348}, From: []string{"admins"}, Mode: "enforce",
				RefuseWith: "drop", Enforced: true, Traffic: map[string]status.Count{"allowed": {Packets: 12}, "refused": {Packets: 931}}},
			{Name: "nakama-grpc", Role: "nakama", Protocol: "tcp", Ports: []uint16{7349}, Mode: "enforce", RefuseWith: "drop", Enforced: true},
		},
		Roster: []status.Group{
			{Name: "admins", Addresses: 2, LastSuccess: at.Add(-30 * time.Second), Sources: []status.Source{{Name: "static/0", Up: true}}},
			{Name: "load_balancers"},
			{Name: "nakama", Addresses: 2, Entries: 3, LastSuccess: at.Add(-90 * time.Second),
				Sources: []status.Source{{Name: "static/0", Up: true}, {Name: "files/0", Up: true}}},
		},
		Agent: status.Agent{Started: at.Add(-26 * time.Hour), PID: 4242},
	}
}

// troubledHost is safeHost with everything that can need somebody.
func troubledHost() status.Host {
	h := safeHost()
	h.Config.LastReloadOK = false
	h.Config.Problem = "/etc/nakama-warden/config.yaml:14: firewall.services.nakama-console.from: unknown group \"admin\"; want one of admins, nakama"
	h.Config.Warnings = []string{"roles: auto finds nothing before counting lands"}
	f := &h.Firewall
	f.Grip, f.GripReason = "watched", "the kernel has no owner flag (5.10; want 5.12)"
	f.Drifts = map[string]uint64{"rule": 2, "table": 1}
	f.Fight = "firewalld (pid 733, root)"
	f.EventsLost = 4
	f.LastDrift = &status.Drift{Time: noon().Add(-3 * time.Minute), Kind: "rule", By: "nft (pid 4711, root)", Repair: 8 * time.Millisecond,
		Changes: []string{"- add rule inet nakama_warden nakama-console ip saddr @admins4 counter name nakama-console-allowed accept"}}
	h.Services[2].Enforced, h.Services[2].Reason = false, "port 7348 is published by a userland proxy"
	h.Services[3].Mode, h.Services[3].Enforced = "audit", false
	h.Services[3].Traffic = map[string]status.Count{"would_refuse": {Packets: 2_340_000}}
	h.Roster[2].Sources[1] = status.Source{Name: "files/0", Problem: "open /etc/nakama-warden/fleet/nakama.json: no such file or directory"}
	h.Roster[2].Held = []string{"10.0.1.13", "10.0.1.14", "10.0.1.15", "10.0.1.16", "10.0.1.17", "10.0.1.18"}
	h.Roster[2].HeldReason = "3 entries of 9 are left, a loss of more than half; the other 6 stay until `nakama-warden apply --accept-shrink nakama`"
	h.Agent.StoreProblem = "write state.db: no space left on device"
	return h
}

// hostileHost is named by somebody who means harm to the terminal.
func hostileHost() status.Host {
	h := safeHost()
	h.Hostname = "\x1b[2Jnakama\r\nSAFE"
	h.Roles = []string{"nak\u202eama"}
	h.Services[0].Name = "api\x1b]0;owned\x07"
	h.Services[1].From = []string{"世界のゲームサーバー", "\xff\u0085"}
	h.Roster[0].Sources[0] = status.Source{Name: "static/0", Problem: "\x9b31mred"}
	h.Firewall.LastDrift = &status.Drift{Kind: "table", By: "\x1b[8mhidden", Changes: []string{"+ a\nb"}}
	return h
}

// pages are what the golden files hold, each rendered at every width.
func pages() map[string]func(io.Writer, Style) error {
	host := func(h status.Host) func(io.Writer, Style) error {
		return func(w io.Writer, s Style) error { return Host(w, s, h) }
	}
	down := safeHost()
	down.Firewall = status.Firewall{Mode: "enforce", State: "failed", NextAttempt: noon().Add(5 * time.Second),
		Problem: "open netlink socket: operation not permitted: needs CAP_NET_ADMIN (run as root)"}
	all := alertPages()
	for name, h := range states() {
		all[name] = host(h)
	}
	maps.Copy(all, map[string]func(io.Writer, Style) error{
		"host-safe":     host(safeHost()),
		"host-troubled": host(troubledHost()),
		"host-down":     host(down),
		"host-hostile":  host(hostileHost()),
		"host-empty":    host(status.Host{}),
		"plan": func(w io.Writer, s Style) error {
			return Plan(w, s, status.Plan{Changes: []string{
				"+ add element inet nakama_warden admins4 { 10.9.0.0/24, 10.10.0.0/24, 10.11.0.0/24 }",
				"- add element inet nakama_warden nakama4 { 10.0.1.13 }"}})
		},
		"plan-none": func(w io.Writer, s Style) error { return Plan(w, s, status.Plan{}) },
		"applied": func(w io.Writer, s Style) error {
			return Applied(w, s, status.Applied{Enforced: true, Summary: "11 services, 3 groups, verified", Changes: []string{"+ add table inet nakama_warden"}})
		},
		"removed": func(w io.Writer, s Style) error {
			return Applied(w, s, status.Applied{Summary: "the rules are out of the kernel", Changes: []string{"- add table inet nakama_warden"}})
		},
		"explained-allowed": func(w io.Writer, s Style) error {
			return Explanation(w, s, status.Explanation{Allowed: true, Service: "nakama-console", Source: "10.9.0.4", Port: 7351,
				Groups: []string{"admins", "monitoring"}, Reason: "10.9.0.4 is in admins, which may reach nakama-console",
				Beyond: []string{"inet filter input (priority 0)"}})
		},
		"explained-refused": func(w io.Writer, s Style) error {
			return Explanation(w, s, status.Explanation{Service: "cockroachdb-sql", Source: "2001:db8:85a3:8d3:1319:8a2e:370:7348", Port: 26257,
				Reason: "2001:db8:85a3:8d3:1319:8a2e:370:7348 is in none of the groups that may reach cockroachdb-sql: nakama, cockroachdb",
				Beyond: []string{"unknown: chains of iptables-legacy: permission denied"}})
		},
		"events": func(w io.Writer, s Style) error {
			return errors.Join(
				Event(w, s, status.Event{Time: noon(), Kind: status.KindStarted, Summary: "nakama-warden 1.2.3 started"}),
				Event(w, s, status.Event{Time: noon().Add(time.Minute), Kind: status.KindDrift,
					Summary: "rule deleted from nakama-console by nft (pid 4711, root), put right in 8 ms"}),
				Event(w, s, status.Event{Time: noon().Add(time.Hour), Kind: status.KindCommitFailed, Summary: "set admins4: \x1b[31mno buffer space"}))
		},
	})
	return all
}

func TestPages(t *testing.T) {
	for name, render := range pages() {
		for _, width := range []int{60, 80, 200} {
			t.Run(fmt.Sprintf("%s/%d", name, width), func(t *testing.T) {
				var b strings.Builder
				if err := render(&b, Style{Width: width}); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("%s-%d.golden", name, width), b.String())
				checkFits(t, b.String(), width)
			})
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s(go test -update writes it)", got, want)
	}
}

// checkFits fails if a line is wider than width, or holds what does not simply print.
func checkFits(t testing.TB, text string, width int) {
	t.Helper()
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		if columns(l) > width {
			t.Errorf("%d columns in %q", columns(l), l)
		}
		if escape(l) != l {
			t.Errorf("unescaped: %q", l)
		}
	}
}

// Colour adds sequences and changes nothing else: what a colour says, the words say too.
func TestColourOnlyAddsSequences(t *testing.T) {
	for name, render := range pages() {
		var coloured, bare strings.Builder
		if err := errors.Join(render(&coloured, Style{Colour: true, Width: 80}), render(&bare, Style{Width: 80})); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(coloured.String(), "\x1b[") && !slices.Contains([]string{"plan-none", "silenced-none", "alert-test-none"}, name) {
			t.Errorf("%s has no colour", name)
		}
		stripped := coloured.String()
		for _, c := range []colour{bold, dim, red, green, yellow, "0"} {
			stripped = strings.ReplaceAll(stripped, "\x1b["+string(c)+"m", "")
		}
		if trimLines(stripped) != bare.String() {
			t.Errorf("%s differs in more than colour:\n%s", name, stripped)
		}
	}
}

func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestStyleForAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got := StyleFor(f); got != (Style{}) {
		t.Errorf("got %+v; want a plain style", got)
	}
}

func TestStyleForATerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("lacks pseudo-terminals: %v", err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 97, Row: 24}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		noColour, term string
		colour         bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		t.Setenv("NO_COLOR", test.noColour)
		t.Setenv("TERM", test.term)
		if got, want := StyleFor(f), (Style{Colour: test.colour, Width: 97}); got != want {
			t.Errorf("NO_COLOR=%q TERM=%q: got %+v; want %+v", test.noColour, test.term, got, want)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteErrorsAreTold(t *testing.T) {
	for name, render := range pages() {
		if err := render(brokenPipe{}, Style{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
