package page

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// written is the page of what is known, and its tree.
func written(t testing.TB, k Known) (string, *html.Node) {
	t.Helper()
	var b bytes.Buffer
	if err := New().Write(&b, k); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, root
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func elements(root *html.Node, name string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

// read is what a person reads in a node.
func read(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// states are the hosts that a page must be able to show, with a few words that must be on it.
func states() map[string]struct {
	known Known
	wants []string
} {
	type state = struct {
		known Known
		wants []string
	}
	edit := func(change func(*Known), wants ...string) state {
		k := safe()
		change(&k)
		return state{k, wants}
	}
	unit := func(k *Known) *status.Unit { return &k.Host.Sample.Units[0] }
	soon := noon().Add(3 * time.Hour)
	return map[string]state{
		"safe":    edit(func(*Known) {}, "SAFE enforcing, owned, verified 3 s ago", "Nothing needs you.", "33 % full", "21,808 are sure to fit", "rule changed by nft", "123M"),
		"nothing": {Known{}, []string{"NOT ENFORCED the state is unknown", "Nothing was measured yet", "No service is guarded yet"}},
		"first minute": {Known{Host: status.Host{Time: noon(), Hostname: "new", Firewall: status.Firewall{State: "starting"}}},
			[]string{"NOT ENFORCED starting: the rules were not read back yet", "the first measurement takes a few seconds"}},
		"nothing found": edit(func(k *Known) { k.Host.Sample.Units = nil }, "Neither Nakama nor CockroachDB was found", "No service runs here."),
		"audit": edit(func(k *Known) {
			for i := range k.Host.Services {
				k.Host.Services[i].Mode, k.Host.Services[i].Enforced = words.ModeAudit, false
				k.Host.Services[i].Traffic["would_refuse"] = status.Count{Packets: 77}
			}
			k.Host.Services[1].Refused[0].Verdict = "would_refuse"
		}, "AUDIT counts, refuses nothing", "(77)", "(210)", "would have been refused"),
		"partly":   edit(func(k *Known) { k.Host.Services[0].Mode = words.ModeAudit }, "PARTLY SAFE enforcing, owned", "only counted: nakama-api"),
		"off":      edit(func(k *Known) { k.Host.Firewall.State = "off" }, "NOT ENFORCED firewall.mode is off"),
		"unproven": edit(func(k *Known) { k.Host.Firewall.Verified = false }, "NOT ENFORCED the kernel does not hold the declared policy"),
		"bare": edit(func(k *Known) {
			k.Host.Services[1].Enforced = false
			k.Host.Services[1].Reason = "the proxy listens elsewhere"
		},
			"NOT ENFORCED not in force for nakama-console", "NO the proxy listens elsewhere"),
		"paused": edit(func(k *Known) {
			k.Host.Firewall.Paused = &status.Pause{Until: noon().Add(20 * time.Minute), Why: "migration", By: "ana"}
		}, "PAUSED everybody gets in for another 20 min (“migration”, by ana); nakama-warden apply ends it"),
		"failed": edit(func(k *Known) {
			k.Host.Firewall.State, k.Host.Firewall.Problem, k.Host.Firewall.NextAttempt = "failed", "no memory", noon().Add(4*time.Second)
		}, "NOT ENFORCED the rules could not be put in place: no memory; next attempt in 4 s"),
		"firing": edit(func(k *Known) {
			k.Host.Alerts = []status.Alert{
				{Condition: status.Condition{Name: "Drift", Severity: "info", Summary: "changed"}, State: status.AlertPending, Since: noon()},
				{Condition: status.Condition{Name: "RosterStale", Subject: "admins", Severity: "warning", Summary: "stale"}, State: status.AlertFiring, Silenced: "silence 3"},
				{Condition: status.Condition{Name: "ServiceDown", Subject: "nakama.service", Severity: "critical", Summary: "start it"}, State: status.AlertFiring,
					Since: noon().Add(-5 * time.Minute), Runbook: "https://example.org/ServiceDown.md"}}
			hold(&k.Host)
			k.Host.Maintenance = &status.Maintenance{Until: soon, Why: "upgrade"}
			k.Host.Silences = []status.Silence{{ID: "3", Condition: "RosterStale", Until: soon, Why: "known", By: "bo"}}
			k.Host.Agent.Deliveries = []status.Delivery{{Receiver: "pagerduty/0", Queued: 2, FailingFrom: noon().Add(-time.Hour), Problem: "503"}}
			k.Host.Agent.StoreProblem = "disk full"
		}, "critical ServiceDown (nakama.service) for 5 min start it", "What needs me 1 critical, 2 findings", "nobody is told: silence 3", "MAINTENANCE until 2026-03-14 15:00 UTC (upgrade)",
			"SILENCE 3 RosterStale until 2026-03-14 15:00 UTC (known) by bo", "pagerduty/0 takes no alerts since 2026-03-14 11:00 UTC (2 wait): 503", "store: disk full"),
		"capacity unknown": edit(func(k *Known) {
			*unit(k).Capacity = status.Capacity{Reason: "memory: insufficient variation", Fits: 18200, Binding: "memory", Target: 1.5,
				Resources: []status.Resource{{Name: "memory", Limit: 2e9, Fits: 18200, Reason: "insufficient variation"}}}
		}, "not known yet", "How many fit is not known: memory: insufficient variation.", "At a guess 18,200", "What would tell"),
		"full": edit(func(k *Known) {
			c := unit(k).Capacity
			unit(k).Ports[0].Connections, c.Peak, c.Ratio, c.Below, c.Exhaustion = 22900, 22900, 0.95, true, &soon
			unit(k).Memory.Resident = 1.9e9
		}, "105 % full", "add nodes, or memory", "memory is forecast to run out at 2026-03-14 15:00 UTC"),
		"descriptors": edit(func(k *Known) {
			unit(k).Capacity.Binding, unit(k).Capacity.Fits, unit(k).Capacity.Expected = "descriptors", 9967, 9967
		},
			"9,967 by descriptors", "9,967 are sure to fit (90 %, by descriptors)."),
		"far": edit(func(k *Known) {
			c := unit(k).Capacity
			c.Fits, c.Expected, c.Resources[0].Fits, c.Resources[0].Limit, c.SufficientMemory = 900000, 950000, 900000, 64e9, 2e9
		}, "lies far beyond", "It has far more than is wanted"),
		"shared": edit(func(k *Known) {
			unit(k).Capacity.Joint = &status.Joint{Units: []string{"a", "b"}, LimitBy: "host", Limit: 7e9, Known: true, Fits: 84000}
		}, "a, b share 7.00 GB of memory (host): 84,000 are sure to fit", "its part"),
		"database": edit(func(k *Known) {
			*unit(k) = status.Unit{Name: "cockroach.service", Role: "cockroachdb", Ports: []status.Port{{Port: 26257, Connections: 12, How: "exact"}},
				Memory: status.Memory{Resident: 3.7e9, Limit: 4e9, LimitBy: "host"}, UnexpectedClients: []status.Client{{Address: "198.51.100.3", Connections: 2}}}
		}, "92 % of its memory", "cockroach.service: 198.51.100.3, which the policy does not admit, is connected (2 ×)"),
		"no history": edit(func(k *Known) { k.Day, k.Month = status.History{}, status.History{} }, "Nothing was recorded of it yet."),
		"unreadable": edit(func(k *Known) { k.Missing = []string{"What happened cannot be read"} }, "What happened cannot be read"),
		"no numbers": edit(func(k *Known) {
			*unit(k) = status.Unit{Name: "nakama", Capacity: &status.Capacity{Known: true, Ratio: math.NaN(), BytesPerConnection: math.Inf(1)}}
		}, "full"),
		"largest":     edit(func(k *Known) { fill(reflect.ValueOf(&k.Host), "x", math.MaxUint64) }, "PAUSED"),
		"many nakama": edit(func(k *Known) { many(k, 6) }, "Show its pictures"),
	}
}

// many makes so many Nakamas of one.
func many(k *Known, n int) {
	one := k.Host.Sample.Units[0]
	k.Host.Sample.Units = nil
	var names []string
	for i := range n {
		one.Name = fmt.Sprintf("nakama-%d.service", i)
		names = append(names, one.Name)
		k.Host.Sample.Units = append(k.Host.Sample.Units, one)
	}
	k.Day = recorded(k.Host.Time, 24*time.Hour, DayStep, names...)
	k.Month = recorded(k.Host.Time, 30*24*time.Hour, MonthStep, names...)
}

func TestStates(t *testing.T) {
	for name, state := range states() {
		t.Run(name, func(t *testing.T) {
			text, root := written(t, state.known)
			shown := read(root)
			for _, want := range state.wants {
				if !strings.Contains(shown, want) {
					t.Errorf("%q is not on the page: %s", want, shown)
				}
			}
			for _, bad := range []string{"NaN", "%!", "<no value>", "ZgotmplZ"} {
				if strings.Contains(text, bad) {
					t.Errorf("%q is on the page", bad)
				}
			}
			structure(t, root)
		})
	}
}

// structure holds a page to what a keyboard and a screen reader need.
func structure(t *testing.T, root *html.Node) {
	t.Helper()
	ids := map[string]bool{}
	level := 0
	for n := range root.Descendants() {
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("the id %q is given twice", id)
			}
			ids[id] = true
		}
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			if next := int(n.Data[1] - '0'); next > level+1 {
				t.Errorf("a heading of level %d follows one of level %d: %s", next, level, read(n))
			} else {
				level = next
			}
		}
	}
	for n := range root.Descendants() {
		for id := range strings.FieldsSeq(attribute(n, "aria-labelledby")) {
			if !ids[id] {
				t.Errorf("a %s is named by %q, which is not there", n.Data, id)
			}
		}
	}
	for _, table := range elements(root, "table") {
		if len(elements(table, "caption")) != 1 {
			t.Errorf("a table without a caption: %s", read(table))
		}
		for _, head := range elements(table, "th") {
			if attribute(head, "scope") == "" {
				t.Errorf("a head without a scope: %s", read(head))
			}
		}
	}
	for _, landmark := range []string{"header", "main", "footer", "h1"} {
		if len(elements(root, landmark)) != 1 {
			t.Errorf("%d of %s; want one", len(elements(root, landmark)), landmark)
		}
	}
}

// What a page is made of comes from the host itself, and may be served under a policy without exceptions.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	for name, state := range states() {
		_, root := written(t, state.known)
		for n := range root.Descendants() {
			for _, a := range n.Attr {
				loads := a.Key == "src" || a.Key == "srcset" || a.Key == "data" || a.Key == "href" && n.Data != "a"
				if loads && !strings.HasPrefix(a.Val, "/static/") {
					t.Errorf("%s: a %s loads %q", name, n.Data, a.Val)
				}
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: a %s has %s, which the policy forbids", name, n.Data, a.Key)
				}
			}
			if (n.Data == "script" || n.Data == "style") && n.Type == html.ElementNode && n.FirstChild != nil {
				t.Errorf("%s: an inline %s", name, n.Data)
			}
		}
	}
}

// Nakamas are told in the order of what needs to be seen, and one that is asked for comes first.
func TestOneIsAskedFor(t *testing.T) {
	k := safe()
	many(&k, 6)
	k.Host.Sample.Units[4].Ports = []status.Port{{Port: 7350, Connections: 20000, How: "exact"}}
	k.Unit = "nakama-5.service"
	_, root := written(t, k)
	var names []string
	for _, unit := range elements(root, "article") {
		names = append(names, strings.Fields(read(elements(unit, "h3")[0]))[0])
	}
	want := []string{"nakama-5.service", "nakama-4.service", "nakama-0.service", "nakama-1.service", "nakama-2.service", "nakama-3.service"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("got %v; want %v", names, want)
	}
}
