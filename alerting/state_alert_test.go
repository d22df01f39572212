package alerting

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func condition(name, subject, severity string) status.Condition {
	return status.Condition{Name: name, Subject: subject, Severity: severity, Summary: "as it began"}
}

func TestReceiversSeeTheEndOfWhatTheySawBegin(t *testing.T) {
	runbook := func(name string) string { return "docs/runbooks/" + name + ".md" }
	labels := map[string]string{"cluster": "eu"}
	c := condition("DescriptorsLow", "nakama.service", status.SeverityWarning)
	s, told := State{}.Step(start, []status.Condition{c}, Quiet{}, labels, runbook)
	want := status.Alert{Condition: c, State: status.AlertFiring, Since: start, Fired: start, Told: true,
		Labels: map[string]string{"cluster": "eu"}, Runbook: "docs/runbooks/DescriptorsLow.md"}
	same(t, told, want)

	labels["cluster"] = "us" // a reload; the map is the caller's
	c.Summary, c.Severity = "as it goes on", status.SeverityInfo
	s, told = s.Step(start.Add(time.Minute), []status.Condition{c}, Quiet{}, labels, runbook)
	same(t, told)
	same(t, s.Alerts(), func(a status.Alert) status.Alert { a.Condition = c; return a }(want))
	want.Summary = "as it goes on"
	same(t, s.Firing(), want)

	s, told = s.Step(start.Add(time.Hour), nil, Quiet{}, labels, runbook)
	want.State, want.Resolved = status.AlertResolved, start.Add(time.Hour)
	same(t, told, want)
	same(t, s.Alerts())
	same(t, s.Firing())
}

func TestFiringIsWhatWasTold(t *testing.T) {
	quiet := Quiet{Silences: []status.Silence{{ID: "x", Condition: "B", From: start, Until: start.Add(time.Hour)}}}
	both := []status.Condition{condition("A", "", status.SeverityWarning), condition("B", "", status.SeverityCritical)}
	s, _ := State{}.Step(start, both, quiet, nil, nil)
	if got := describe(s.Firing()); got != "firing A" {
		t.Errorf("while B is silenced, %q is repeated", got)
	}
	s, _ = s.Step(start.Add(time.Hour), both, quiet, nil, nil)
	quiet.Silences[0].Until = start.Add(3 * time.Hour)
	s, _ = s.Step(start.Add(2*time.Hour), both, quiet, nil, nil)
	if got := describe(s.Firing()); got != "firing B:critical silenced, firing A" {
		t.Errorf("B was told before it was silenced again, and %q is repeated", got)
	}
}

func TestMovedIsWhatIsWorthAWrite(t *testing.T) {
	c := condition("A", "", status.SeverityWarning)
	c.For = time.Minute
	at := func(s State, minutes int, conditions ...status.Condition) State {
		next, _ := s.Step(start.Add(time.Duration(minutes)*time.Minute), conditions, Quiet{}, nil, nil)
		return next
	}
	pending := at(State{}, 0, c)
	firing := at(pending, 1, c)
	c.Summary = "otherwise"
	later := at(firing, 2, c)
	c.Severity = status.SeverityCritical
	worse := at(later, 3, c)
	for _, step := range []struct {
		what          string
		before, after State
		moved         bool
	}{
		{"nothing to nothing", State{}, at(State{}, 1), false},
		{"to pending", State{}, pending, true},
		{"to firing", pending, firing, true},
		{"another summary", firing, later, false},
		{"worse", later, worse, true},
		{"gone", worse, at(worse, 4), true},
	} {
		if step.after.Moved(step.before) != step.moved {
			t.Errorf("%s: moved is %v", step.what, !step.moved)
		}
	}
}

// A thousand and more at once: what fires stays, and a critical one finds room.
func TestPlacesAreBounded(t *testing.T) {
	var flood []status.Condition
	for i := range places + 500 {
		flood = append(flood, condition("RosterStale", fmt.Sprint(i), status.SeverityWarning))
	}
	s, told := State{}.Step(start, flood, Quiet{}, nil, nil)
	if want := places - placesCritical; len(told) != want || len(s.Alerts()) != want {
		t.Fatalf("%d told of %d, want %d", len(told), len(s.Alerts()), want)
	}
	page := condition("NotEnforced", "", status.SeverityCritical)
	s, told = s.Step(start.Add(time.Second), append(flood, page), Quiet{}, nil, nil)
	if len(told) != 1 || told[0].Name != "NotEnforced" {
		t.Fatalf("a critical alert in a flood: %s", describe(told))
	}
	if s, _ = reread(t, s).Step(start.Add(2*time.Second), append(flood, page), Quiet{}, nil, nil); len(s.Alerts()) != places-placesCritical+1 {
		t.Errorf("read back there are %d", len(s.Alerts()))
	}
	s, _ = s.Step(start.Add(time.Minute), nil, Quiet{}, nil, nil)
	s, told = s.Step(start.Add(time.Minute), flood[:700], Quiet{}, nil, nil)
	if len(told) != 700 || len(s.Alerts()) != 700 {
		t.Errorf("after the flood %d of 700 are told", len(told))
	}
	_, told = s.Step(start.Add(time.Minute), append(flood[:700:700], flood[1000:1200]...), Quiet{}, nil, nil)
	if len(told) != 200 {
		t.Errorf("what is only remembered took the place of %d that fire", 200-len(told))
	}
}

func TestPlacesOnDiskAreBounded(t *testing.T) {
	s := State{tracked: map[string]tracked{}}
	for i := range places + 1 {
		s.tracked[fmt.Sprint("A/", i)] = tracked{Alert: status.Alert{
			Condition: condition("A", fmt.Sprint(i), status.SeverityInfo), State: status.AlertPending, Since: start}}
	}
	if n := len(reread(t, s).tracked); n != places {
		t.Errorf("%d are read", n)
	}
}

// What comes from outside and is no UTF-8 is the same alert after a restart.
func TestHostileSubjects(t *testing.T) {
	conditions := []status.Condition{condition("A", "\xff\x00\n", status.SeverityWarning)}
	s, told := State{}.Step(start, conditions, Quiet{}, nil, nil)
	if len(told) != 1 {
		t.Fatal("not told")
	}
	if _, told = reread(t, s).Step(start.Add(time.Second), conditions, Quiet{}, nil, nil); len(told) != 0 {
		t.Errorf("told twice: %+v", told)
	}
}

// The extremes of hold times, as garbage or a slip in a scale would make them.
func TestHoldsThatAreNone(t *testing.T) {
	for _, hold := range []time.Duration{math.MinInt64, -1, 0} {
		c := condition("A", "", status.SeverityWarning)
		c.For, c.ClearAfter = hold, hold
		s, told := State{}.Step(start, []status.Condition{c}, Quiet{}, nil, nil)
		if describe(told) != "firing A" {
			t.Errorf("%v: %s", hold, describe(told))
		}
		if _, told = s.Step(start.Add(1), nil, Quiet{}, nil, nil); describe(told) != "resolved A" {
			t.Errorf("%v: %s", hold, describe(told))
		}
	}
	c := condition("A", "", status.SeverityWarning)
	c.ClearAfter = math.MaxInt64
	s, _ := State{}.Step(start, []status.Condition{c}, Quiet{}, nil, nil)
	s, _ = s.Step(start, nil, Quiet{}, nil, nil)
	if _, told := s.Step(start.Add(longestClear), nil, Quiet{}, nil, nil); describe(told) != "resolved A" {
		t.Errorf("it stays for years: %s", describe(told))
	}
}

func TestReadsWhatItCan(t *testing.T) {
	const since = `"severity":"warning","state":"firing","since":"2026-03-01T11:00:00Z"`
	const alert = `{"name":"A",` + since + `,"fired":"2026-03-01T11:00:00Z"`
	for _, test := range []struct{ what, text, resolves string }{
		{"nothing", `{}`, ""},
		{"told by an agent that knew no told_as", `{"alerts":[` + alert + `,"told":true}]}`, "resolved A"},
		{"of a condition that is no more, told as critical", `{"alerts":[` + alert + `,"told":true,"told_as":"critical"}]}`, "resolved A:critical"},
		{"never told", `{"alerts":[` + alert + `,"told_as":"critical"}]}`, ""},
		{"what it says in fields of a later version", `{"alerts":[` + alert + `,"told":true,"mood":{"a":[1]}}],"more":1}`, "resolved A"},
		{"one that is damaged beside one that is not", `{"alerts":[7,null,{"name":5},{"state":"firing"},` + alert + `,"told":true}]}`, "resolved A"},
		{"without a name", `{"alerts":[` + strings.ReplaceAll(alert, "A", "") + `,"told":true}]}`, ""},
		{"firing, and never fired", `{"alerts":[{"name":"A",` + since + `,"told":true}]}`, ""},
		{"times in the far future", `{"alerts":[` + strings.ReplaceAll(alert, "2026", "9126") + `,"told":true,"absent":"9200-01-01T00:00:00Z",
			"flaps":99,"flapped":"9999-01-01T00:00:00Z"}],"stepped":"9999-01-01T00:00:00Z","settled":"9999-01-01T00:00:00Z"}`, "resolved A"},
		{"in no state", `{"alerts":[` + strings.ReplaceAll(alert, "firing", "burning") + `,"told":true}]}`, ""},
	} {
		var s State
		if err := json.Unmarshal([]byte(test.text), &s); err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		var all []status.Alert
		for i := range 25 {
			next, told := s.Step(start.Add(time.Duration(i)*time.Hour), nil, Quiet{}, nil, nil)
			s, all = next, append(all, told...)
		}
		if got := describe(all); got != test.resolves || len(s.Alerts()) != 0 {
			t.Errorf("%s: %q is told, %q is left", test.what, got, describe(s.Alerts()))
		}
	}
	for _, text := range []string{`[]`, `{"alerts":5}`, `{"stepped":"yesterday"}`, `{"alerts":[`} {
		s, _ := State{}.Step(start, []status.Condition{condition("A", "", status.SeverityInfo)}, Quiet{}, nil, nil)
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is read", text)
		}
		if len(s.Alerts()) != 1 {
			t.Errorf("%s: the state was lost", text)
		}
	}
}

func FuzzStateJSON(f *testing.F) {
	f.Add([]byte(`{"stepped":"2026-03-01T12:00:00Z","alerts":[{"name":"A","severity":"warning","state":"firing",
		"since":"2026-03-01T11:00:00Z","fired":"2026-03-01T11:00:00Z","told":true,"told_as":"info","flaps":3}]}`))
	f.Add([]byte(`{"settled":"9999-12-31T23:59:59Z","alerts":[{"name":"A","state":"pending","since":"0001-01-02T00:00:00Z","for_ns":-5}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s State
		if json.Unmarshal(text, &s) != nil {
			return
		}
		if len(s.tracked) > places {
			t.Fatalf("%d alerts", len(s.tracked))
		}
		now, listed := start, []status.Condition{condition("A", "", status.SeverityWarning)}
		for i := range 4 {
			s, _ = s.Step(now, listed[i%2:], Quiet{}, nil, nil)
			s = reread(t, s)
			if at := s.Next(); !at.IsZero() && !at.After(now) {
				t.Fatalf("next step at %v, and it is %v", at, now)
			}
			now = now.Add(time.Minute)
		}
		// However damaged: within ten minutes of settling, a day of clearing and nine hours of memory all is over.
		for range 36 {
			s, _ = s.Step(now, nil, Quiet{}, nil, nil)
			now = now.Add(time.Hour)
		}
		if len(s.tracked) != 0 {
			t.Fatalf("left: %+v", s.tracked)
		}
	})
}

func same(t *testing.T, got []status.Alert, want ...status.Alert) {
	t.Helper()
	a, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(append(got[:0:0], want...)); err != nil || len(got)+len(want) > 0 && string(a) != string(b) {
		t.Errorf("%v\ngot  %s\nwant %s", err, a, b)
	}
}
