// Package prometheus holds what this project tells Prometheus to the real one: metrics, and the shipped rules, each of which is seen
// to fire and seen not to. Written tests are in testdata, in promtool's own language; those of conditions that differ only in
// their times are made of the catalogue. The tests in live hold the rules to a daemon.
package prometheus

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/test/prometheus/debian"
)

var update = flag.Bool("update", false, "write testdata/rules.yml and testdata/judged.test.yml")

// shipped are the rules as `export rules --selector job="nakama-warden"` makes them.
func shipped() rules.Options {
	return rules.Options{Conditions: conditions(), Selector: `job="nakama-warden"`, SpareNodes: 1, Overprovision: 1.5}
}

func conditions() (all []rules.Condition) {
	for _, d := range alerting.Catalogue() {
		all = append(all, rules.Condition(d))
	}
	return append(all, rules.FleetConditions()...)
}

func build(t *testing.T, o rules.Options) (rules.File, []byte) {
	t.Helper()
	file, err := rules.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := file.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return file, text
}

// promtool runs the real one on text, or on the files that are named.
func promtool(t *testing.T, text []byte, args ...string) {
	t.Helper()
	programs, err := debian.Find(t.Context())
	if err != nil {
		t.Skip("not run: ", err)
	}
	cmd := exec.CommandContext(t.Context(), programs.Promtool, args...)
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// golden holds a file to what it is made of.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is made now (go test -update writes it); want:\n%s", path, want)
	}
}

func TestShippedRules(t *testing.T) {
	_, text := build(t, shipped())
	golden(t, "rules.yml", text)
	promtool(t, nil, "check", "rules", "testdata/rules.yml")
}

// An alert says what the condition of its name says.
func TestAlertsAreTheConditions(t *testing.T) {
	byName := map[string]rules.Condition{}
	for _, c := range conditions() {
		byName["NakamaWarden"+c.Name] = c
	}
	file, _ := build(t, shipped())
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			c, known := byName[r.Alert]
			switch {
			case r.Record != "":
			case !known:
				t.Errorf("%s is no condition", r.Alert)
			case held(t, r.For) != c.For, held(t, r.KeepFiringFor) != c.ClearAfter:
				t.Errorf("%s: told after %q, gone after %q; want %s, %s", r.Alert, r.For, r.KeepFiringFor, c.For, c.ClearAfter)
			case !strings.HasSuffix(r.Annotations["summary"], c.Title):
				t.Errorf("%s: %s; want %s", r.Alert, r.Annotations["summary"], c.Title)
			}
			if page := "/docs/runbooks/" + c.Name + ".md"; r.Alert != "" && !strings.HasSuffix(r.Annotations["runbook_url"], page) {
				t.Errorf("%s: %s", r.Alert, r.Annotations["runbook_url"])
			} else if _, err := os.Stat("../.." + page); r.Alert != "" && err != nil {
				t.Error(err)
			}
		}
	}
}

func held(t *testing.T, text string) time.Duration {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(d)
}

// Whatever is chosen, promtool takes it: `check rules` warns of rules that are there twice, and fails on what does not parse.
func TestOtherOptionsPassPromtool(t *testing.T) {
	for name, o := range map[string]rules.Options{
		"nothing":         {},
		"no selector":     {Conditions: conditions()},
		"another cluster": {Conditions: conditions(), Selector: `{job=~"warden|guard",env!=""}`, ClusterLabel: "region", SpareNodes: 2, Overprovision: 2},
		"tiny holds":      {Conditions: conditions(), HoldScale: 0.001, RunbookBase: "https://wiki.example.org/runbooks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, text := build(t, o)
			path := filepath.Join(t.TempDir(), "rules.yml")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			promtool(t, nil, "check", "rules", path)
		})
	}
}

func TestMetricsPagePassesPromtool(t *testing.T) {
	page, err := os.ReadFile("../../agent/web/testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, page, "check", "metrics")
	promtool(t, everyMetric(), "check", "metrics")
}

// The unit tests of rules are promtool's.
func TestRules(t *testing.T) {
	golden(t, "judged.test.yml", judged(t))
	files, err := filepath.Glob("testdata/*.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { promtool(t, nil, "test", "rules", file) })
	}
}

// Each alert, in each of its severities, is seen to fire and seen not to.
func TestEveryAlertIsTested(t *testing.T) {
	fires, quiet := tested(t)
	file, _ := build(t, shipped())
	alerts := 0
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			if !slices.Contains(fires, r.Alert+" "+r.Labels["severity"]) {
				t.Errorf("no test sees %s fire as %s", r.Alert, r.Labels["severity"])
			}
			if !slices.Contains(quiet, r.Alert) {
				t.Errorf("no test sees %s not fire", r.Alert)
			}
		}
	}
	if want := len(alerting.Catalogue()) + len(rules.FleetConditions()); alerts < want {
		t.Errorf("%d alerts for %d conditions", alerts, want)
	}
}

// suite is what there is to know here of a promtool test file.
type suite struct {
	Tests []struct {
		Expressions []struct {
			Expr    string `yaml:"expr"`
			Samples []struct {
				Labels string `yaml:"labels"`
			} `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	} `yaml:"tests"`
}

func tested(t *testing.T) (fires, quiet []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	alert, severity := regexp.MustCompile(`ALERTS\{alertname="(\w+)",alertstate="firing"`), regexp.MustCompile(`severity="(\w+)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s suite
		if err := yaml.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, test := range s.Tests {
			for _, e := range test.Expressions {
				name := alert.FindStringSubmatch(e.Expr)
				if name == nil {
					continue
				}
				if len(e.Samples) == 0 {
					quiet = append(quiet, name[1])
				}
				for _, sample := range e.Samples {
					if as := severity.FindStringSubmatch(sample.Labels); as != nil {
						fires = append(fires, name[1]+" "+as[1])
					}
				}
			}
		}
	}
	return fires, quiet
}
