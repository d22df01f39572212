package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

func some() []Condition {
	return append(FleetConditions(), []Condition{
		{Name: "NotEnforced", Severity: "critical", For: 5 * time.Minute, ClearAfter: 2 * time.Minute, About: "fence", Title: "Not in the kernel."},
		{Name: "ServiceDown", Severity: "critical", For: 3 * time.Minute, ClearAfter: time.Minute, About: "availability", Title: "It does not run."},
		{Name: "Paused", Severity: "warning", About: "fence", Title: "Everybody gets in."},
		{Name: "ProvisionBelowTarget", Severity: "warning", For: 30 * time.Minute, ClearAfter: time.Hour, Threshold: 1.2, Unit: "ratio", About: "capacity", Title: "Too little fits."},
	}...)
}

func mustBuild(t *testing.T, o Options) map[string]Rule {
	t.Helper()
	file, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Rule{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			byName[r.Alert+r.Record] = r
		}
	}
	return byName
}

func TestAlert(t *testing.T) {
	r := mustBuild(t, Options{Conditions: some(), RunbookBase: "https://wiki.example.org/runbooks/"})["NakamaWardenServiceDown"]
	if r.For != "3m" || r.KeepFiringFor != "1m" || r.Labels["severity"] != "critical" {
		t.Errorf("%+v", r)
	}
	if got := r.Annotations["runbook_url"]; got != "https://wiki.example.org/runbooks/ServiceDown.md" {
		t.Error(got)
	}
	if got := r.Annotations["summary"]; got != "{{ $labels.instance }}: It does not run." {
		t.Error(got)
	}
	if !strings.Contains(r.Expr, "nakama_warden_maintenance") {
		t.Errorf("a maintenance does not keep it quiet: %s", r.Expr)
	}
}

func TestMaintenanceLeavesTheFenceAlone(t *testing.T) {
	if expr := mustBuild(t, Options{Conditions: some()})["NakamaWardenNotEnforced"].Expr; strings.Contains(expr, "maintenance") {
		t.Error(expr)
	}
}

// Prometheus refuses a time of 0, and knows nothing below a millisecond.
func TestHolds(t *testing.T) {
	for _, tt := range []struct {
		scale     float64
		name      string
		want, end string
	}{
		{0, "NakamaWardenNotEnforced", "5m", "2m"},
		{1, "NakamaWardenPaused", "", ""},
		{0.01, "NakamaWardenNotEnforced", "3s", "1s200ms"},
		{1e-9, "NakamaWardenNotEnforced", "", ""},
		{-1, "NakamaWardenNotEnforced", "5m", "2m"},
	} {
		r := mustBuild(t, Options{Conditions: some(), HoldScale: tt.scale})[tt.name]
		if r.For != tt.want || r.KeepFiringFor != tt.end {
			t.Errorf("%s × %g: for %q, kept %q; want %q, %q", tt.name, tt.scale, r.For, r.KeepFiringFor, tt.want, tt.end)
		}
	}
}

// A threshold that is declared stands instead of what each host wants.
func TestThreshold(t *testing.T) {
	if expr := mustBuild(t, Options{Conditions: some()})["NakamaWardenProvisionBelowTarget"].Expr; expr != "nakama_warden_provision_ratio < 1.2" {
		t.Error(expr)
	}
}

func TestSelectorIsInEveryMetric(t *testing.T) {
	for name, r := range mustBuild(t, Options{Conditions: some(), Selector: `{job="a",env!~"test.*"}`, SpareNodes: 1}) {
		expr, err := parser.ParseExpr(r.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if s, is := node.(*parser.VectorSelector); is {
				has := strings.Contains(s.String(), `job="a"`) && strings.Contains(s.String(), `env!~"test.*"`)
				if recorded := strings.HasPrefix(s.Name, "nakama_warden:"); has == recorded {
					t.Errorf("%s: %s", name, s)
				}
			}
			return nil
		})
	}
}

func TestClusterLabel(t *testing.T) {
	renamed := 0
	for name, r := range mustBuild(t, Options{Conditions: some(), ClusterLabel: "region", SpareNodes: 1}) {
		text := strings.Join([]string{r.Expr, r.Annotations["summary"], r.Annotations["description"]}, "\n")
		for _, bare := range []string{"(cluster", ", cluster", "$labels.cluster"} {
			if strings.Contains(text, bare) {
				t.Errorf("%s: %q in %s", name, bare, text)
			}
		}
		renamed += strings.Count(text, "region")
	}
	if renamed == 0 {
		t.Error("nothing was renamed")
	}
}

func TestMistakesAreRefusedWithWhatIsWanted(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Selector: `job=`}, `want label matchers such as job="nakama-warden"`},
		{Options{Selector: `job="a"} or up{`}, "want label matchers"},
		{Options{Selector: `__name__="up"`}, "names a metric"},
		{Options{ClusterLabel: "a-b"}, "want the name of a label"},
		{Options{ClusterLabel: "instance"}, "want the name of a label"},
		{Options{RunbookBase: "docs/runbooks"}, "want a URL such as"},
		{Options{RunbookBase: "https://{{.}}"}, "want a URL such as"},
		{Options{SpareNodes: -1}, "want 0 or more"},
	} {
		if _, err := Build(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v; want %q", tt.o, err, tt.want)
		}
	}
}

// A group without rules would be an odd thing to read.
func TestGroups(t *testing.T) {
	const records = "nakama-warden-recording nakama-warden-sizing"
	for _, tt := range []struct {
		conditions []Condition
		want       string
	}{
		{nil, records},
		{FleetConditions(), records + " nakama-warden-fleet"},
		{some(), records + " nakama-warden-host nakama-warden-fleet"},
	} {
		file, err := Build(Options{Conditions: tt.conditions})
		if err != nil {
			t.Fatal(err)
		}
		var groups []string
		for _, g := range file.Groups {
			groups = append(groups, g.Name)
		}
		if got := strings.Join(groups, " "); got != tt.want {
			t.Errorf("%s; want %s", got, tt.want)
		}
	}
}

// Whatever is asked for is refused, or makes rules that Prometheus' own reader takes.
func FuzzBuild(f *testing.F) {
	f.Add(`job="nakama-warden"`, "cluster", "https://example.org/runbooks", 1.0, 1)
	f.Add(`{job=~"a|b{2}",env!=""}`, "region", "", 0.001, 0)
	f.Add(`a="}"`, "_", "{{ .Nothing }}", 1e300, 3)
	f.Fuzz(func(t *testing.T, selector, cluster, base string, scale float64, spare int) {
		file, err := Build(Options{Conditions: some(), Selector: selector, ClusterLabel: cluster, RunbookBase: base, HoldScale: scale, SpareNodes: spare})
		if err != nil {
			return
		}
		text, err := file.YAML()
		if err != nil {
			t.Fatal(err)
		}
		groups, problems := rulefmt.Parse(text, false)
		if len(problems) > 0 {
			t.Fatalf("%v:\n%s", problems, text)
		}
		if len(groups.Groups) != len(file.Groups) {
			t.Errorf("%d groups became %d", len(file.Groups), len(groups.Groups))
		}
		var again File
		if err := yaml.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		for i, g := range again.Groups {
			for j, r := range g.Rules {
				if r.Expr != file.Groups[i].Rules[j].Expr {
					t.Errorf("%q became %q", file.Groups[i].Rules[j].Expr, r.Expr)
				}
			}
		}
	})
}
