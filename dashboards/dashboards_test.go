package dashboards

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// some are the conditions that panels have limits of.
func some() Options {
	warning := func(name string, threshold float64) Condition {
		return Condition{Name: name, Severity: "warning", For: 5 * time.Minute, Threshold: threshold}
	}
	critical := func(name string, threshold float64) Condition {
		return Condition{Name: name, Severity: "critical", For: 5 * time.Minute, Threshold: threshold}
	}
	return Options{
		Conditions: []Condition{critical("NotEnforced", 0), critical("MemoryNearlyExhausted", 0.9),
			warning("HostAbsent", 0.5), warning("LoadImbalance", 1.25),
			warning("FleetCannotLoseNode", 0), warning("ProvisionBelowTarget", 0),
			warning("MemoryExhaustionForecast", 0), warning("DriftRepeated", 3), warning("DriftFight", 0),
			warning("RosterStale", 3600), warning("UnexpectedDatabaseClient", 0),
			warning("CockroachMemoryMisconfigured", 0), warning("ConfigInvalid", 0), warning("StoreDegraded", 0)},
		Overprovision: 1.5,
		RunbookBase:   "https://example.org/runbooks/",
	}
}

func built(t *testing.T, o Options) []Dashboard {
	t.Helper()
	all, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// each calls what with every panel that is no head of a row.
func each(d Dashboard, what func(Panel)) {
	for _, p := range d.Panels {
		if p.Type != "row" {
			what(p)
		}
		for _, below := range p.Panels {
			what(below)
		}
	}
}

func find(t *testing.T, all []Dashboard, title string) (found Panel) {
	t.Helper()
	for _, d := range all {
		each(d, func(p Panel) {
			if p.Title == title {
				found = p
			}
		})
	}
	if found.Title == "" {
		t.Fatalf("nobody asks %q", title)
	}
	return found
}

func TestEveryPanelIsAQuestionWithAnAnswer(t *testing.T) {
	for _, d := range built(t, some()) {
		each(d, func(p Panel) {
			where := d.UID + ": " + p.Title
			switch {
			case !strings.HasSuffix(p.Title, "?"):
				t.Errorf("%s is no question", where)
			case len(p.Description) < 20:
				t.Errorf("%s has no description", where)
			case p.FieldConfig.Defaults.Unit == "" && p.Type != "logs":
				t.Errorf("%s has no unit", where)
			case len(p.Targets) == 0:
				t.Errorf("%s asks nothing", where)
			case p.Datasource.UID != "${datasource}" && p.Datasource.UID != "${loki}":
				t.Errorf("%s asks %s, which is somebody's own", where, p.Datasource.UID)
			}
			ids := map[string]bool{}
			for _, target := range p.Targets {
				if ids[target.RefID] || target.Datasource != *p.Datasource {
					t.Errorf("%s: query %s comes twice, or asks another datasource", where, target.RefID)
				}
				ids[target.RefID] = true
			}
		})
	}
}

// A question that is asked twice on a page is one too many.
func TestNamesAreUnique(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range built(t, some()) {
		if uids[d.UID] || len(d.UID) > 40 {
			t.Errorf("uid %s comes twice, or is longer than Grafana takes", d.UID)
		}
		uids[d.UID] = true
		titles, ids := map[string]bool{}, map[int]bool{}
		for _, p := range d.Panels {
			for _, q := range append([]Panel{p}, p.Panels...) {
				if ids[q.ID] || titles[q.Title] || q.ID < 1 {
					t.Errorf("%s: panel %d, %q comes twice", d.UID, q.ID, q.Title)
				}
				ids[q.ID], titles[q.Title] = true, true
			}
		}
	}
}

func TestNothingOverlaps(t *testing.T) {
	for _, d := range built(t, some()) {
		taken := map[[2]int]string{}
		put := func(p Panel) {
			g := p.GridPos
			if g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
				t.Errorf("%s: %q is at %+v, beside the grid", d.UID, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other, is := taken[[2]int{x, y}]; is {
						t.Fatalf("%s: %q lies on %q", d.UID, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
		for _, p := range d.Panels {
			put(p)
		}
		// What is below a closed head is laid out below it when it is opened.
		for _, p := range d.Panels {
			above := taken
			taken = map[[2]int]string{}
			for _, below := range p.Panels {
				if put(below); below.GridPos.Y <= p.GridPos.Y {
					t.Errorf("%s: %q is above its head", d.UID, below.Title)
				}
			}
			taken = above
		}
	}
}

// What Grafana 9.3 does not know it ignores at best.
func TestGrafana93KnowsAllOfIt(t *testing.T) {
	options := map[string][]string{
		"stat":       {"reduceOptions", "colorMode", "graphMode", "justifyMode", "orientation", "textMode"},
		"timeseries": {"legend", "tooltip"},
		"bargauge":   {"reduceOptions", "displayMode", "orientation", "showUnfilled"},
		"table":      {"showHeader"},
		"logs":       {"showTime", "showLabels", "wrapLogMessage", "prettifyLogMessage", "enableLogDetails", "dedupStrategy", "sortOrder"},
	}
	custom := []string{"drawStyle", "lineInterpolation", "lineWidth", "fillOpacity", "showPoints", "spanNulls", "thresholdsStyle"}
	for _, d := range built(t, some()) {
		if d.SchemaVersion != 39 {
			t.Errorf("%s: schema %d", d.UID, d.SchemaVersion)
		}
		each(d, func(p Panel) {
			known, is := options[p.Type]
			if !is {
				t.Errorf("%s: %s is a %s", d.UID, p.Title, p.Type)
			}
			for name := range p.Options {
				if !slices.Contains(known, name) {
					t.Errorf("%s: %s has option %s", d.UID, p.Title, name)
				}
			}
			for name := range p.FieldConfig.Defaults.Custom {
				if !slices.Contains(custom, name) {
					t.Errorf("%s: %s has option %s", d.UID, p.Title, name)
				}
			}
			for _, transformation := range p.Transformations {
				if transformation.ID != "organize" {
					t.Errorf("%s: %s is transformed by %s", d.UID, p.Title, transformation.ID)
				}
			}
		})
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, d := range built(t, some()) {
		each(d, func(p Panel) {
			if len(p.Links) != 1 {
				t.Fatalf("%s: %s has %d links", d.UID, p.Title, len(p.Links))
			}
			path, isRunbook := strings.CutPrefix(p.Links[0].URL, "https://example.org/runbooks/")
			if isRunbook {
				path = "runbooks/" + path
			} else {
				path = strings.TrimPrefix(path, docsBase)
			}
			file, anchor, _ := strings.Cut(path, "#")
			text, err := os.ReadFile("../docs/" + file)
			if err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
			if anchor != "" && !hasHeading(text, anchor) {
				t.Errorf("%s: docs/%s has no heading %s", p.Title, file, anchor)
			}
		})
	}
}

// hasHeading knows how headings become anchors.
func hasHeading(text []byte, anchor string) bool {
	for line := range strings.Lines(string(text)) {
		if heading, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && strings.HasPrefix(line, "#") {
			words := strings.NewReplacer(" ", "-", "'", "", ",", "", ":", "", "?", "").Replace(strings.ToLower(strings.TrimSpace(heading)))
			if words == anchor {
				return true
			}
		}
	}
	return false
}

func TestLimitsAreThoseOfTheConditions(t *testing.T) {
	o := some()
	for title, want := range map[string]Step{
		"Whose memory is nearly full?":                    {Color: "red", Value: pointer(0.9)},
		"Does any node carry more than its share?":        {Color: "orange", Value: pointer(1.25)},
		"How old is what we know of the groups?":          {Color: "orange", Value: pointer(3600)},
		"Who has rules that somebody changes?":            {Color: "orange", Value: pointer(3)},
		"When were the rules last read back?":             {Color: "red", Value: pointer(300)},
		"Whose peak fits least often?":                    {Color: good, Value: pointer(1.5)},
		"Is every host enforcing?":                        {Color: good, Value: pointer(1)},
		"How full would it be without the largest nodes?": {Color: "orange", Value: pointer(1)},
	} {
		steps := find(t, built(t, o), title).FieldConfig.Defaults.Thresholds.Steps
		if len(steps) != 2 || steps[1].Color != want.Color || *steps[1].Value != *want.Value {
			t.Errorf("%s: %+v; want %s from %g", title, steps, want.Color, *want.Value)
		}
	}
	o.Conditions = nil
	if steps := find(t, built(t, o), "Whose memory is nearly full?").FieldConfig.Defaults.Thresholds.Steps; len(steps) != 1 {
		t.Errorf("disabled, and %+v", steps)
	}
	o.Conditions = []Condition{{Name: "ProvisionBelowTarget", Severity: "warning", Threshold: 2.5}}
	if steps := find(t, built(t, o), "Whose peak fits least often?").FieldConfig.Defaults.Thresholds.Steps; *steps[1].Value != 2.5 {
		t.Errorf("overridden, and %+v", steps)
	}
}

// The operator's label is wherever clusters are told apart, and nowhere is ours left.
func TestClusterLabel(t *testing.T) {
	o := some()
	o.ClusterLabel = "region"
	for _, d := range built(t, o) {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(`region=~\"$cluster\"`)) {
			t.Errorf("%s does not choose by it", d.UID)
		}
		for _, bare := range []string{"(cluster", "cluster=~", "cluster, ", "{{cluster}}", "@cluster", "@fleet", "@host"} {
			if bytes.Contains(text, []byte(bare)) {
				t.Errorf("%s: %s", d.UID, bare)
			}
		}
	}
	for _, r := range Recordings("", "region") {
		if strings.Contains(r.Expr, "(cluster,") || strings.Contains(r.Expr, "@") {
			t.Errorf("%s: %s", r.Name, r.Expr)
		}
	}
}

func TestRecordingsSelectTheAgents(t *testing.T) {
	for _, r := range Recordings(`{job="a",env!~"test.*"}`, "") {
		expr, err := parser.ParseExpr(r.Expr)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if s, is := node.(*parser.VectorSelector); is && !strings.Contains(s.Name, ":") {
				if text := s.String(); !strings.Contains(text, `job="a"`) || !strings.Contains(text, `env!~"test.*"`) {
					t.Errorf("%s: %s", r.Name, text)
				}
			}
			return nil
		})
	}
}

func TestMistakesAreRefusedWithWhatIsWanted(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"want the name of a label": func(o *Options) { o.ClusterLabel = "a-b" },
		"such as cluster":          func(o *Options) { o.ClusterLabel = "service" },
		"want a URL such as":       func(o *Options) { o.RunbookBase = "docs/runbooks" },
	} {
		o := some()
		change(&o)
		if _, err := Build(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// A page that changes without a reason is a change that somebody must look at.
func TestJSONIsStable(t *testing.T) {
	for i, d := range built(t, some()) {
		first, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := built(t, some())[i].JSON()
		if err != nil || !bytes.Equal(first, again) {
			t.Errorf("%s differs from itself (%v)", d.UID, err)
		}
		var read Dashboard
		if err := json.Unmarshal(first, &read); err != nil || read.UID != d.UID {
			t.Errorf("%s: %v", d.UID, err)
		}
	}
}

func TestProvider(t *testing.T) {
	text, err := Provider("/srv/a: b")
	if err != nil || !strings.Contains(string(text), `path: '/srv/a: b'`) {
		t.Errorf("%s, %v", text, err)
	}
}
