package page

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/web/page/chart"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

func TestProse(t *testing.T) {
	for text, want := range map[prose][]part{
		"":               nil,
		"plain":          {{false, "plain"}},
		"`a`":            {{true, "a"}},
		"do `a b`, then": {{false, "do "}, {true, "a b"}, {false, ", then"}},
		"`a` `b":         {{true, "a"}, {false, " "}, {false, "`b"}},
		"``":             nil,
	} {
		if got := text.Parts(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v; want %v", text, got, want)
		}
	}
}

// A time of another day is told with its day, in the zone of the host.
func TestClock(t *testing.T) {
	c := clock{time.Date(2026, 3, 14, 23, 30, 0, 0, time.FixedZone("CET", 3600))}
	for at, want := range map[time.Time]string{
		time.Date(2026, 3, 14, 22, 0, 0, 0, time.UTC): "23:00:00 CET",
		time.Date(2026, 3, 14, 23, 0, 0, 0, time.UTC): "2026-03-15 00:00 CET",
		time.Date(2025, 3, 14, 22, 0, 0, 0, time.UTC): "2025-03-14 23:00 CET",
	} {
		if got := c.at(at); got != want {
			t.Errorf("%v: got %q; want %q", at, got, want)
		}
	}
}

func TestGlance(t *testing.T) {
	h := safeHost()
	alert := func(severity, state, silenced string) status.Alert {
		return status.Alert{Condition: status.Condition{Severity: severity}, State: state, Silenced: silenced}
	}
	for _, c := range []struct {
		alerts []status.Alert
		want   glance
	}{
		{nil, glance{words.Good, "nothing"}},
		{[]status.Alert{alert("critical", "pending", ""), alert("critical", "firing", "maintenance"), alert("info", "firing", "")}, glance{words.Good, "nothing"}},
		{[]status.Alert{alert("warning", "firing", ""), alert("warning", "firing", "")}, glance{words.Warning, "2 warnings"}},
		{[]status.Alert{alert("warning", "firing", ""), alert("critical", "firing", "")}, glance{words.Bad, "1 critical, 1 warning"}},
	} {
		h.Alerts = c.alerts
		hold(&h)
		if got := attentionOf(clock{h.Time}, Known{Host: h}, words.Judge(h)).Glance; got != c.want {
			t.Errorf("%v: got %v; want %v", c.alerts, got, c.want)
		}
	}
	h = safeHost()
	h.Firewall.State = "off"
	if got := attentionOf(clock{h.Time}, Known{Host: h}, words.Judge(h)).Glance; got != (glance{words.Plain, "the verdict"}) {
		t.Errorf("off: got %v; want no word that all is well", got)
	}
}

func TestFullest(t *testing.T) {
	unit := func(name string, n, fits uint64, known bool) status.Unit {
		return status.Unit{Name: name, Ports: []status.Port{{Connections: n}}, Capacity: &status.Capacity{Known: known, Fits: fits}}
	}
	database := status.Unit{Name: "db", Memory: status.Memory{Resident: 80, Limit: 100}}
	for _, c := range []struct {
		units []status.Unit
		want  glance
	}{
		{nil, glance{words.Plain, words.Unknown}},
		{[]status.Unit{unit("a", 5, 0, false)}, glance{words.Plain, "not known yet"}},
		{[]status.Unit{unit("a", 5, 0, true)}, glance{words.Bad, "nothing fits"}},
		{[]status.Unit{unit("a", 50, 100, true)}, glance{words.Good, "50 % full"}},
		{[]status.Unit{unit("a", 50, 100, true), unit("b", 90, 100, true), unit("c", 0, 0, false)}, glance{words.Bad, "b: 90 % full"}},
		{[]status.Unit{unit("a", 50, 100, true), database}, glance{words.Warning, "db: 80 % of its memory"}},
	} {
		if got := fullest(c.units); got != c.want {
			t.Errorf("%d units: got %v; want %v", len(c.units), got, c.want)
		}
	}
}

// kinds are the shapes of a figure.
func kinds(f *figure) string {
	var all []string
	for _, s := range f.Shapes {
		all = append(all, s.Kind)
	}
	return strings.Join(all, " ")
}

func TestPicture(t *testing.T) {
	u := safeHost().Sample.Units[0]
	month := recorded(noon(), 30*24*time.Hour, MonthStep, "").Units[0]
	for _, c := range []struct {
		name   string
		change func(*status.Capacity)
		want   string
	}{
		{"known", func(*status.Capacity) {}, "forbidden limit doubt model bound month peak fits crossing now"},
		{"by descriptors", func(c *status.Capacity) { c.Binding, c.Fits = "descriptors", 9000 }, "forbidden limit doubt model bound month peak fits crossing fits now"},
		{"far", func(c *status.Capacity) { c.Resources[0].Fits = 9e6 }, "doubt model bound month peak now"},
		{"not known", func(c *status.Capacity) { *c = status.Capacity{Peak: 5} }, "forbidden limit month peak now"},
	} {
		capacity := modelled()
		c.change(&capacity)
		u.Capacity = &capacity
		if got := kinds(pictureOf(u, status.UnitHistory{}, month)); got != c.want {
			t.Errorf("%s: got %q; want %q", c.name, got, c.want)
		}
	}
}

// The model is read between its points, and goes on beyond them.
func TestAlong(t *testing.T) {
	s := scene{Capacity: status.Capacity{Curve: []status.CurvePoint{{Connections: 0, Upper: 10}, {Connections: 100, Upper: 30}, {Connections: 200, Upper: 70}}}}
	for n, want := range map[float64]float64{0: 10, 50: 20, 100: 30, 150: 50, 200: 70, 300: 110} {
		if got := s.upper(n); got != want {
			t.Errorf("at %g: got %g; want %g", n, got, want)
		}
	}
	for _, curve := range [][]status.CurvePoint{nil, {{Connections: 5, Upper: 5}}, {{Connections: 5}, {Connections: 5}}} {
		if got := (&scene{Capacity: status.Capacity{Curve: curve}}).upper(5); !math.IsNaN(got) {
			t.Errorf("%v: got %g; want none", curve, got)
		}
	}
}

func TestTimelinesOfGaps(t *testing.T) {
	c := clock{noon()}
	for _, test := range []struct {
		name    string
		column  []*uint64
		path    string
		caption string
	}{
		{"nothing", nil, "", ""},
		{"only gaps", []*uint64{nil, nil}, "", ""},
		{"one point", []*uint64{nil, ptr(5), nil}, "M250 91h0", "most 5 (18:00), last 5"},
		{"a gap", []*uint64{ptr(5), nil, ptr(10)}, "M0 545h0m500-454h0", "most 10 (00:00), last 10"},
		{"the largest", []*uint64{ptr(math.MaxUint64)}, "M0 91h0", "most 9.2E"},
	} {
		h := course{start: noon().Add(-day), step: 6 * time.Hour}
		got := h.draw(c, periods()[0], "Connections", test.column, number, 0, "fits")
		path := ""
		for _, s := range got.Shapes {
			if s.Kind == "course" {
				path = s.Path
			}
		}
		if path != test.path || !strings.Contains(got.Caption, test.caption) {
			t.Errorf("%s: got %q, %q; want %q, %q", test.name, path, got.Caption, test.path, test.caption)
		}
	}
	if _, most, _ := (course{}).points(nil); most != (chart.Point{}) {
		t.Errorf("the most of nothing is %v", most)
	}
}

// What is heard comes first, then what does not fire yet, then what nobody hears of; the worst first in each.
func TestOrderOfAlerts(t *testing.T) {
	h := safeHost()
	add := func(severity, state, silenced string) {
		h.Alerts = append(h.Alerts, status.Alert{Condition: status.Condition{Name: "A", Severity: severity}, State: state, Silenced: silenced})
	}
	add("critical", "pending", "")
	add("warning", "firing", "silence 3")
	add("info", "firing", "")
	add("warning", "firing", "")
	add("critical", "firing", "maintenance")
	add("critical", "firing", "")
	hold(&h)
	var got []string
	for _, n := range attentionOf(clock{h.Time}, Known{Host: h}, words.Judge(h)).Needs {
		got = append(got, n.State+" "+string(n.Level))
	}
	want := []string{"critical bad", "warning warning", "info plain", "critical, pending plain", "critical, silenced plain", "warning, silenced plain"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}
