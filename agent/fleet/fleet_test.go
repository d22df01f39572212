package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
	"golang.org/x/sys/unix"
)

// bench is a fleet with a clock and a disk that the test holds.
type bench struct {
	t       *testing.T
	fleet   *Fleet
	dir     string
	storage Storage

	mu     sync.Mutex // guards what follows
	clock  time.Time
	events []status.Event
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), clock: noon()}
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b.storage = s
	return b
}

// start makes the fleet, as a start of the daemon does. File names are relative to the bench's directory.
func (b *bench) start(groups map[string]Group) {
	b.t.Helper()
	for name, group := range groups {
		for i, file := range group.Files {
			group.Files[i] = filepath.Join(b.dir, file)
		}
		groups[name] = group
	}
	services := []policy.Service{{Name: "cockroachdb-sql", Role: policy.RoleCockroachDB, Protocol: policy.TCP, Ports: []uint16{26257}, From: []string{"nakama"}}}
	b.fleet = New(Options{Groups: groups, Services: services, Storage: b.storage, Now: b.now, Tell: b.tell})
	b.fleet.after = func(time.Duration) <-chan time.Time { // reading again needs no wait: nobody writes meanwhile
		fired := make(chan time.Time)
		close(fired)
		return fired
	}
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *bench) tell(e status.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

// told returns "kind group" of the events since the last call.
func (b *bench) told() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.events {
		all = append(all, strings.TrimSpace(e.Kind+" "+e.Fields["group"]))
	}
	b.events = nil
	return all
}

func (b *bench) wantTold(want ...string) {
	b.t.Helper()
	if got := b.told(); !slices.Equal(got, want) {
		b.t.Errorf("told %q, want %q", got, want)
	}
}

func (b *bench) load(want string) {
	b.t.Helper()
	wantRoster(b.t, b.fleet.Load(b.t.Context()), want)
}

func (b *bench) group(name string) status.Group {
	b.t.Helper()
	for _, g := range b.fleet.Status() {
		if g.Name == name {
			return g
		}
	}
	b.t.Fatalf("no group %s", name)
	return status.Group{}
}

func (b *bench) write(file, content string) {
	b.t.Helper()
	must(b.t, os.WriteFile(filepath.Join(b.dir, file), []byte(content), 0o600))
}

func (b *bench) targets(file string, prefixes ...netip.Prefix) {
	b.t.Helper()
	list, err := json.Marshal([]map[string][]netip.Prefix{{"targets": prefixes}})
	must(b.t, err)
	b.write(file, string(list))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantRoster compares with "group=address,address …", sorted by group; empty groups are "group=".
func wantRoster(t *testing.T, roster policy.Roster, want string) {
	t.Helper()
	var groups []string
	for name, prefixes := range roster {
		groups = append(groups, name+"="+strings.Join(texts(prefixes), ","))
	}
	slices.Sort(groups)
	if got := strings.Join(groups, " "); got != want {
		t.Errorf("roster %s\nwant   %s", got, want)
	}
}

func TestLoadUnitesAllSources(t *testing.T) {
	b := newBench(t)
	b.write("a.json", `[{"targets":["10.0.0.1:7350"]}]`)
	b.write("b1.yml", "- targets: [10.0.0.2]\n")
	b.write("b2.yml", "- targets: [10.0.0.2, 10.0.0.3]\n")
	b.write("b.json", `[{"targets":["10.9.9.9"]}]`)
	b.start(map[string]Group{
		"nakama": {Static: prefixes("10.0.0.9/32", "10.1.0.7/16"), Files: []string{"a.json", "b*.yml"}},
		"admins": {},
	})
	if g := b.group("nakama"); g.Sources[0].Up || !g.LastSuccess.IsZero() {
		t.Errorf("before the first reading: %+v", g)
	}
	b.load("admins= nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.9,10.1.0.0/16")
	g := b.group("nakama")
	want := status.Group{Name: "nakama", Addresses: 4, Entries: 5, Prefixes: []string{"10.0.0.1", "10.0.0.2/31", "10.0.0.9", "10.1.0.0/16"}, LastSuccess: noon(),
		Sources: []status.Source{{Name: "files/0", Up: true}, {Name: "files/1", Up: true}, {Name: "static/0", Up: true}}}
	if fmt.Sprintf("%+v", g) != fmt.Sprintf("%+v", want) {
		t.Errorf("status %+v\nwant   %+v", g, want)
	}
	b.wantTold("roster_changed nakama", "roster_changed nakama") // what is declared, then what was read
	b.load("admins= nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.9,10.1.0.0/16")
	b.wantTold()
}

func TestAFailingSourceStandsByItsLastGoodAnswer(t *testing.T) {
	ruin := map[string]func(*bench){
		"missing":            func(b *bench) { must(b.t, os.Remove(filepath.Join(b.dir, "f.json"))) },
		"empty":              func(b *bench) { b.write("f.json", "") },
		"half-written":       func(b *bench) { b.write("f.json", `[{"targets":["10.0.0.1","10.`) },
		"a hostname":         func(b *bench) { b.write("f.json", `[{"targets":["10.0.0.1","db.internal:1"]}]`) },
		"loopback":           func(b *bench) { b.write("f.json", `[{"targets":["10.0.0.1","127.0.0.1"]}]`) },
		"all there is":       func(b *bench) { b.write("f.json", `[{"targets":["0.0.0.0/0"]}]`) },
		"a load balancer":    func(b *bench) { b.write("f.json", `[{"targets":["10.0.0.1","10.5.0.5"]}]`) },
		"a directory":        func(b *bench) { b.replaceByDirectory("f.json") },
		"a FIFO":             func(b *bench) { b.replaceByFIFO("f.json") },
		"too large":          func(b *bench) { must(b.t, os.Truncate(filepath.Join(b.dir, "f.json"), largestFile+1)) },
		"a link to nowhere":  func(b *bench) { b.replaceByLink("f.json", "nowhere") },
		"a link in a circle": func(b *bench) { b.replaceByLink("f.json", "f.json") },
	}
	for name, damage := range ruin {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			groups := func() map[string]Group {
				return map[string]Group{"nakama": {Files: []string{"f.json"}}, "load_balancers": {Static: prefixes("10.5.0.5/32")}}
			}
			const good = "load_balancers=10.5.0.5 nakama=10.0.0.1,10.0.0.2"
			b.targets("f.json", hosts(1, 2)...)
			b.start(groups())
			b.load(good)
			b.told()

			damage(b)
			b.pass(time.Minute)
			b.load(good)
			b.wantTold("source_failed nakama")
			b.load(good)
			b.wantTold() // once per change of state
			if g := b.group("nakama"); g.Sources[0].Up || g.Sources[0].Problem == "" || !g.LastSuccess.Equal(noon()) {
				t.Errorf("status %+v", g)
			}

			b.start(groups()) // a restart does not forget
			b.load(good)
			b.wantTold("source_failed nakama")

			must(t, os.RemoveAll(filepath.Join(b.dir, "f.json")))
			b.targets("f.json", hosts(1, 3)...)
			b.load("load_balancers=10.5.0.5 nakama=10.0.0.1,10.0.0.2,10.0.0.3")
			b.wantTold("source_back nakama", "roster_changed nakama")
			if g := b.group("nakama"); !g.Sources[0].Up || g.Sources[0].Problem != "" || !g.LastSuccess.Equal(b.now()) {
				t.Errorf("status %+v", g)
			}
		})
	}
}

func (b *bench) replaceByDirectory(file string) {
	must(b.t, os.Remove(filepath.Join(b.dir, file)))
	must(b.t, os.Mkdir(filepath.Join(b.dir, file), 0o700))
}

func (b *bench) replaceByFIFO(file string) {
	must(b.t, os.Remove(filepath.Join(b.dir, file)))
	must(b.t, unix.Mkfifo(filepath.Join(b.dir, file), 0o600))
}

func (b *bench) replaceByLink(file, target string) {
	must(b.t, os.Remove(filepath.Join(b.dir, file)))
	must(b.t, os.Symlink(target, filepath.Join(b.dir, file)))
}

func TestOneBrokenFileOfAPatternRefusesTheWholeAnswer(t *testing.T) {
	b := newBench(t)
	b.targets("1.json", hosts(1, 2)...)
	b.targets("2.json", hosts(3, 4)...)
	b.start(map[string]Group{"nakama": {Files: []string{"*.json"}}})
	b.load("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")
	b.targets("1.json", hosts(1, 9)...)
	b.write("2.json", "{")
	b.load("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")
	if p := b.group("nakama").Sources[0].Problem; !strings.Contains(p, "2.json") {
		t.Errorf("the problem does not name the file: %s", p)
	}
}

func TestShrink(t *testing.T) {
	b := newBench(t)
	groups := func() map[string]Group { return map[string]Group{"nakama": {Files: []string{"f.json"}}} }
	b.targets("f.json", hosts(1, 5)...)
	b.start(groups())
	b.load("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5")
	b.told()

	b.targets("f.json", hosts(5, 6)...)
	const held = "nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6"
	b.load(held)
	b.wantTold("roster_changed nakama", "roster_held nakama")
	b.load(held)
	b.wantTold()
	b.pass(3 * time.Hour)
	b.start(groups())
	b.load(held)
	b.wantTold()
	g := b.group("nakama")
	if !slices.Equal(g.Held, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) || !strings.Contains(g.HeldReason, "--accept-shrink nakama") {
		t.Errorf("status %+v", g)
	}

	must(t, b.fleet.AcceptShrink("nakama"))
	b.wantTold("roster_changed nakama")
	b.load("nakama=10.0.0.5,10.0.0.6")
	if g := b.group("nakama"); len(g.Held) != 0 || g.HeldReason != "" {
		t.Errorf("status %+v", g)
	}
	b.start(groups())
	b.load("nakama=10.0.0.5,10.0.0.6")
	b.wantTold()
	for _, group := range []string{"nakama", "players"} {
		if err := b.fleet.AcceptShrink(group); err == nil {
			t.Errorf("AcceptShrink(%s) succeeded", group)
		}
	}
}

func TestARestartDoesNotForgetTheSize(t *testing.T) {
	b := newBench(t)
	b.targets("f.json", hosts(1, 5)...)
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}})
	b.load("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5")
	b.targets("f.json", hosts(1, 3)...)
	b.load("nakama=10.0.0.1,10.0.0.2,10.0.0.3")
	b.targets("f.json", hosts(1, 2)...)
	b.pass(10 * time.Minute)
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}})
	b.load("nakama=10.0.0.1,10.0.0.2,10.0.0.3") // 2 of 5 is a loss of more than half
	b.told()

	// The configuration is a person's word: the file goes, and what it held.
	b.start(map[string]Group{"nakama": {Static: hosts(7, 7)}})
	b.load("nakama=10.0.0.7")
	b.wantTold("roster_changed nakama")
}

func TestAHostChangesItsGroup(t *testing.T) {
	b := newBench(t)
	b.targets("lb.json", hosts(1, 4)...)
	b.targets("dc.json", hosts(11, 14)...)
	b.start(map[string]Group{"load_balancers": {Files: []string{"lb.json"}}, "database_clients": {Files: []string{"dc.json"}}})
	b.load("database_clients=10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")
	b.told()

	// Both at once: an exchange.
	b.targets("lb.json", append(hosts(2, 4), hosts(11, 11)...)...)
	b.targets("dc.json", append(hosts(12, 14), hosts(1, 1)...)...)
	b.load("database_clients=10.0.0.1,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.11")
	b.wantTold("roster_changed database_clients", "roster_changed load_balancers")

	// One after the other, in the order that is refused first.
	b.targets("dc.json", append(hosts(12, 14), hosts(1, 2)...)...)
	b.load("database_clients=10.0.0.1,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.11")
	b.wantTold("source_failed database_clients")
	b.targets("lb.json", append(hosts(3, 4), hosts(11, 11)...)...)
	b.load("database_clients=10.0.0.1,10.0.0.2,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.3,10.0.0.4,10.0.0.11")

	// What is held counts as in force: an answer that collides with it is refused, until it is let go.
	b.targets("lb.json", hosts(3, 3)...)
	b.targets("dc.json", append(hosts(12, 14), append(hosts(1, 2), hosts(4, 4)...)...)...)
	b.load("database_clients=10.0.0.1,10.0.0.2,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.3,10.0.0.4,10.0.0.11")
	if p := b.group("database_clients").Sources[0].Problem; !strings.Contains(p, "refused") || !strings.Contains(p, "10.0.0.4") {
		t.Errorf("problem %q", p)
	}
	must(t, b.fleet.AcceptShrink("load_balancers"))
	b.load("database_clients=10.0.0.1,10.0.0.2,10.0.0.4,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.3")
}

// A broken answer of one group does not keep another's from coming into force.
func TestARefusedAnswerKeepsNothingElse(t *testing.T) {
	b := newBench(t)
	b.targets("a.json", hosts(1, 2)...)
	b.write("b.json", `[{"targets":["224.0.0.1"]}]`)
	b.targets("c.json", hosts(5, 6)...)
	b.start(map[string]Group{"admins": {Files: []string{"a.json"}}, "monitoring": {Files: []string{"b.json"}}, "nakama": {Files: []string{"c.json"}}})
	b.load("admins=10.0.0.1,10.0.0.2 monitoring= nakama=10.0.0.5,10.0.0.6")
}

// A host changes its group, to one that comes first by name, while another answer is broken.
func TestAnAnswerMakesRoomForAnother(t *testing.T) {
	b := newBench(t)
	b.targets("dc.json", hosts(11, 14)...)
	b.targets("lb.json", hosts(1, 4)...)
	b.targets("m.json", hosts(21, 21)...)
	b.start(map[string]Group{"load_balancers": {Files: []string{"lb.json"}}, "database_clients": {Files: []string{"dc.json"}}, "monitoring": {Files: []string{"m.json"}}})
	b.fleet.Load(t.Context())
	b.targets("dc.json", append(hosts(11, 14), hosts(1, 1)...)...)
	b.targets("lb.json", hosts(2, 4)...)
	b.targets("m.json", prefixes("224.0.0.1/32")...)
	b.load("database_clients=10.0.0.1,10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14 load_balancers=10.0.0.2,10.0.0.3,10.0.0.4 monitoring=10.0.0.21")
}

// The configuration changed so that what is remembered of a file breaks a rule beside it.
func TestTheConfigurationHasTheLastWord(t *testing.T) {
	b := newBench(t)
	b.targets("f.json", hosts(1, 2)...)
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}, "load_balancers": {}})
	b.load("load_balancers= nakama=10.0.0.1,10.0.0.2")
	b.told()
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}, "load_balancers": {Static: hosts(2, 2)}})
	b.load("load_balancers=10.0.0.2 nakama=")
	if p := b.group("nakama").Sources[0].Problem; !strings.Contains(p, "refused") {
		t.Errorf("problem %q", p)
	}
	b.wantTold("source_failed nakama", "roster_changed load_balancers", "roster_changed nakama")
}

// forgetful is a storage of which nothing can be had.
type forgetful struct{}

func (forgetful) Put(string, string, any) error         { return errors.New("no space left on device") }
func (forgetful) Get(string, string, any) (bool, error) { return false, errors.New("does not fit") }

func TestAStorageThatFails(t *testing.T) {
	b := newBench(t)
	b.storage = forgetful{}
	b.targets("f.json", hosts(1, 1)...)
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}})
	b.load("nakama=10.0.0.1")
	b.wantTold("store_degraded", "roster_changed nakama", "store_degraded")
	b.load("nakama=10.0.0.1")
	b.wantTold()
}

func TestAnEventNamesAFew(t *testing.T) {
	e, changed := rosterChanged(noon(), "nakama", hosts(1, 2), hosts(2, 40))
	if !changed || e.Fields["removed"] != "10.0.0.1" || !strings.HasSuffix(e.Fields["added"], "10.0.0.22 and 18 more") {
		t.Errorf("event %+v", e)
	}
	if !strings.Contains(e.Summary, "38 added, 1 removed, 39 in all") {
		t.Errorf("summary %q", e.Summary)
	}
}
