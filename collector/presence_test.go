package collector

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

// who is a host on which services come and go.
type who struct {
	t       *testing.T
	root    string // of the files of systemd's units
	p       presences
	now     time.Time
	roles   []string
	guarded []Guarded
	blind   bool
}

func newWho(t *testing.T) *who {
	w := &who{t: t, root: t.TempDir(), now: time.Unix(1_000_000, 0), guarded: guarded()}
	w.p = newPresences(w.root, nil)
	return w
}

// at looks after a while at who runs, "UNIT#PID" or "UNIT#PID:PORT" each, and says what follows: who is down, who is told of.
func (w *who) at(after time.Duration, running string) string {
	w.t.Helper()
	var found []discovery.Found
	for _, text := range strings.Fields(running) {
		found = append(found, parseRunning(w.t, text))
	}
	w.now = w.now.Add(after)
	o := w.p.step(look{now: w.now, running: found, guarded: w.guarded, roles: w.roles, unseen: func(Process) bool { return w.blind }})
	var said []string
	for _, d := range o.down {
		said = append(said, d.Name)
	}
	for _, e := range o.events {
		said = append(said, strings.TrimPrefix(e.Kind, "service_")+":"+e.Fields["unit"])
	}
	return strings.Join(said, " ")
}

func parseRunning(t *testing.T, text string) discovery.Found {
	t.Helper()
	text, port, ported := strings.Cut(text, ":")
	unit, number, _ := strings.Cut(text, "#")
	pid, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	f := discovery.Found{Role: discovery.RoleNakama, Program: "nakama", Unit: unit, PID: pid, StartTicks: uint64(100 * pid), Listens: []uint16{7350}}
	if strings.HasPrefix(unit, "cockroach") {
		f.Role, f.Program, f.Listens = discovery.RoleCockroachDB, "cockroach", []uint16{26257}
	}
	if ported {
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		f.Listens = []uint16{uint16(n)}
	}
	return f
}

func TestWhoIsDown(t *testing.T) {
	const (
		old  = time.Hour // ago
		id   = "0123456789ab"
		next = "ba9876543210"
	)
	type step struct {
		after   time.Duration
		running string
		want    string
	}
	for name, steps := range map[string][]step{
		"a unit ends and is back": {
			{0, "nakama.service#10", ""}, {time.Second, "", "nakama.service"}, {5 * time.Second, "", "nakama.service"},
			{5 * time.Second, "", "nakama.service down:nakama.service"}, {time.Minute, "", "nakama.service"},
			{time.Second, "nakama.service#11", "back:nakama.service"}, {time.Second, "nakama.service#11", ""},
		},
		"a restart, seen between": {
			{0, "nakama.service#10", ""}, {time.Second, "", "nakama.service"}, {3 * time.Second, "nakama.service#11", "restarted:nakama.service"},
			{time.Second, "nakama.service#11", ""},
		},
		"a restart, not seen":             {{0, "nakama.service#10", ""}, {10 * time.Second, "nakama.service#11", "restarted:nakama.service"}},
		"of two units each is missed":     {{0, "nakama-a.service#10 nakama-b.service#11", ""}, {time.Minute, "nakama-b.service#11", "nakama-a.service down:nakama-a.service"}},
		"of two roles each is missed":     {{0, "nakama.service#10 cockroach.service#11", ""}, {time.Second, "nakama.service#10", "cockroach.service"}},
		"who is down for a week":          {{0, "game#10", ""}, {7 * 24 * time.Hour, "", "game down:game"}, {time.Hour, "", ""}},
		"a container named by an ID":      {{0, id + "#10", ""}, {time.Second, "", "nakama"}, {time.Second, next + "#11", "restarted:nakama"}},
		"a container started meanwhile":   {{0, id + "#10", ""}, {old, id + "#10 " + next + "#11", ""}, {time.Second, next + "#11", ""}},
		"a program in no unit":            {{0, "cockroach#10 cockroach-2#11", ""}, {time.Second, "cockroach-2#11", ""}, {time.Second, "", "cockroachdb"}},
		"another process of a unit":       {{0, "nakama.service#10 nakama.service-2#11", ""}, {time.Second, "nakama.service#10", ""}},
		"nameless beside a unit that is":  {{0, "nakama.service#10 nakama#11", ""}, {time.Second, "nakama.service#10", ""}, {time.Second, "", "nakama.service"}},
		"a container that is replaced":    {{0, "game-1#10", ""}, {old, "game-1#10", ""}, {10 * time.Second, "game-2#11", ""}, {time.Minute, "", "game-2 down:game-2"}},
		"replaced after a while":          {{0, "game-1#10", ""}, {time.Minute, "", "game-1 down:game-1"}, {time.Minute, "game-2#11", "back:game-1"}, {old, "game-2#11", ""}},
		"replaced, with both for a while": {{0, "game-1#10", ""}, {old, "game-1#10", ""}, {time.Minute, "game-1#10 game-2#11", ""}, {9 * time.Minute, "game-2#11", ""}, {time.Second, "game-2#11", ""}},
		"replaced again and again": {
			{0, "blue#10", ""}, {old, "blue#10", ""}, {time.Minute, "blue#10 green#11", ""}, {time.Minute, "green#11", ""},
			{old, "green#11", ""}, {time.Minute, "green#11 blue#12", ""}, {time.Minute, "blue#12", ""},
		},
		"one more, long ago, is no heir":        {{0, "a#10", ""}, {old, "a#10", ""}, {time.Minute, "a#10 b#11", ""}, {11 * time.Minute, "a#10 b#11", ""}, {time.Second, "b#11", "a"}},
		"started side by side, neither is heir": {{0, "a#10", ""}, {5 * time.Second, "a#10 b#11", ""}, {time.Minute, "a#10 b#11", ""}, {time.Second, "b#11", "a"}},
		"an heir of one is not that of another": {{0, "a#10 b#11", ""}, {old, "a#10 b#11", ""}, {time.Second, "c#12", "b"}},
		"it listens to nobody any more": {
			{0, "nakama.service#10:7350", ""}, {time.Minute, "nakama.service#10:9100", "nakama.service down:nakama.service"},
			{time.Second, "nakama.service#10:7351", "back:nakama.service"},
		},
		"it never listened on a guarded port": {{0, "nakama.service#10:8350", ""}, {time.Minute, "nakama.service#10:8351", ""}},
		"deaf, and its heir has come": {
			{0, "game-1#10", ""}, {old, "game-1#10", ""}, {time.Minute, "game-1#10:9100 game-2#11", ""}, {time.Minute, "game-2#11", ""}, {time.Minute, "game-2#11", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWho(t)
			for i, s := range steps {
				if got := w.at(s.after, s.running); got != s.want {
					t.Errorf("step %d, %q: %q; want %q", i, s.running, got, s.want)
				}
			}
		})
	}
}

func TestSinceWhen(t *testing.T) {
	w := newWho(t)
	w.at(0, "nakama.service#10")
	seen := w.now
	w.at(time.Minute, "")
	o := w.p.step(look{now: w.now, unseen: func(Process) bool { return false }})
	want := status.Down{Name: "nakama.service", Role: "nakama", Since: seen}
	if !slices.Equal(o.down, []status.Down{want}) {
		t.Errorf("%+v; want %+v", o.down, want)
	}
}

// A port that is guarded no more, or not yet, is no reason to miss who listens there.
func TestPortsMove(t *testing.T) {
	w := newWho(t)
	w.at(0, "nakama.service#10:7350")
	w.guarded = []Guarded{{"nakama-api", "nakama", 7450, "nakama"}}
	for _, port := range []string{"7350", "7450"} {
		if got := w.at(time.Minute, "nakama.service#10:"+port); got != "" {
			t.Errorf("on port %s: %q", port, got)
		}
	}
}

func TestRolesThatTheHostHasNoMore(t *testing.T) {
	w := newWho(t)
	w.at(0, "nakama.service#10")
	w.roles = []string{"cockroachdb"}
	if got := w.at(time.Minute, ""); got != "" {
		t.Errorf("%q; want nobody missed of another role", got)
	}
	w.roles = []string{"cockroachdb", "nakama"}
	if got := w.at(time.Second, ""); got != "nakama.service down:nakama.service" {
		t.Errorf("%q; want it missed", got)
	}
}

func TestUninstalledUnitsAreForgotten(t *testing.T) {
	for unit, file := range map[string]string{"nakama.service": "etc/systemd/system/nakama.service", "nakama@eu.service": "lib/systemd/system/nakama@.service"} {
		w := newWho(t)
		path := filepath.Join(w.root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		w.at(0, unit+"#10")
		if got := w.at(time.Second, ""); got != unit {
			t.Errorf("%q; want %s down while its file is there", got, unit)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if got := w.at(time.Second, ""); got != "" || len(w.p.known) > 0 {
			t.Errorf("%q, %d known; want %s forgotten", got, len(w.p.known), unit)
		}
	}
	w := newWho(t)
	w.at(0, "transient.service#10") // never had a file: that it has none says nothing
	if got := w.at(time.Second, ""); got != "transient.service" {
		t.Errorf("%q; want it missed", got)
	}
}

// What cannot be seen is not missed.
func TestUnseenIsNotDown(t *testing.T) {
	w := newWho(t)
	w.at(0, "nakama.service#10")
	w.blind = true
	if got := w.at(time.Minute, ""); got != "" {
		t.Errorf("%q", got)
	}
	w.blind = false
	if got := w.at(time.Second, ""); got != "nakama.service down:nakama.service" {
		t.Errorf("%q; want it down", got)
	}
}

// The agent stops, the service stops, the agent starts: it is down still, and told of once.
func TestKnownOutlivesTheAgent(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"stopped meanwhile":   {"nakama.service#10", "", "nakama.service down:nakama.service"},
		"runs on":             {"nakama.service#10", "nakama.service#10", ""},
		"restarted meanwhile": {"nakama.service#10", "nakama.service#11", "restarted:nakama.service"},
		"told before":         {"", "", "nakama.service"},
		"back meanwhile":      {"", "nakama.service#11", "back:nakama.service"},
		"replaced meanwhile":  {"nakama.service#10", "game#11", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWho(t)
			w.at(0, "nakama.service#10")
			w.at(time.Minute, c.before)
			text, err := json.Marshal(w.p.all())
			if err != nil {
				t.Fatal(err)
			}
			var known []Known
			if err := json.Unmarshal(text, &known); err != nil {
				t.Fatal(err)
			}
			w.p = newPresences(w.root, known)
			if got := w.at(time.Hour, c.after); got != c.want {
				t.Errorf("%q; want %q", got, c.want)
			}
		})
	}
}

func TestKnownIsBounded(t *testing.T) {
	w := newWho(t)
	all := "nakama.service#1"
	for i := range 2 * knownOf {
		all += fmt.Sprintf(" game-%da#%d", i, i+10)
	}
	if w.at(0, all); len(w.p.known) != 2*knownOf+1 {
		t.Errorf("%d are known; want all that run", len(w.p.known))
	}
	w.at(time.Second, "nakama.service#1")
	if w.at(time.Second, ""); len(w.p.known) != knownOf {
		t.Errorf("%d are known; want %d", len(w.p.known), knownOf)
	}
	if !slices.ContainsFunc(w.p.known, func(k *presence) bool { return k.Name == "nakama.service" }) {
		t.Error("who was there last is forgotten")
	}
}

func TestLastingName(t *testing.T) {
	for unit, want := range map[string]bool{
		"nakama.service": true, "nakama@1.service": true, "nakama-2.service": true, "game": true, "shop-nakama-1": true,
		"nakama": false, "nakama-2": false, "nakama.service-2": false, "0123456789ab": false, "0123456789ab-3": false, "-": true, "": true,
	} {
		if got := lastingName(discovery.Found{Unit: unit, Program: "nakama"}); (got != "") != (want && unit != "") || got != "" && got != unit {
			t.Errorf("%q has the name %q", unit, got)
		}
	}
}

func TestKills(t *testing.T) {
	var k kills
	now := time.Unix(1_000_000, 0)
	for i, s := range []struct {
		count uint64
		known bool
		rise  uint64
		late  bool
	}{{7, true, 0, false}, {7, true, 0, false}, {9, true, 2, true}, {9, true, 0, true}, {0, false, 0, false}, {9, true, 0, false}, {10, true, 1, true}} {
		if rise := k.host(now, s.count, s.known); rise != s.rise || k.lately(now) != s.late {
			t.Errorf("step %d: a rise by %d, lately %v; want %d, %v", i, rise, k.lately(now), s.rise, s.late)
		}
		now = now.Add(searchEvery)
	}
	for i, s := range []struct {
		counts map[string]uint64
		want   bool
	}{{map[string]uint64{"a": 3}, false}, {map[string]uint64{"a": 3}, false}, {map[string]uint64{"a": 4}, true}, {map[string]uint64{"a": 0}, false},
		{map[string]uint64{"a": 2}, true}, {map[string]uint64{"a": 1}, true}, {nil, false}, {map[string]uint64{"a": 5}, false}} {
		if rose := k.limits(s.counts); rose["a"] != s.want {
			t.Errorf("step %d of the limit: it rose: %v; want %v", i, rose["a"], s.want)
		}
	}
}
