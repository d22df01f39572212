package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/alerting/rules"
)

// export runs a command on a configuration and returns what it prints.
func export(t *testing.T, configuration string, args ...string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	root := newRootCommand()
	root.SetArgs(append(append([]string{"export"}, args...), "--config", path))
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestExportRulesFollowsTheConfiguration(t *testing.T) {
	text, err := export(t, `
alerting:
  hold_scale: 2
  overrides:
    NotEnforced: {for: 1m, severity: warning}
    MemoryNearlyExhausted: {threshold: 0.8}
    PolicySkew: {enabled: false}
    AuditOnly: {enabled: false}
capacity: {spare_nodes: 2}
`, "rules", "--selector", `env="prod"`, "--cluster-label", "region", "--runbook-base", "https://wiki.example.org/r")
	if err != nil {
		t.Fatal(err)
	}
	var file rules.File
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	found := map[string]rules.Rule{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			found[r.Alert+r.Record] = r
		}
	}
	if r := found["NakamaWardenNotEnforced"]; r.For != "2m" || r.KeepFiringFor != "4m" || r.Labels["severity"] != "warning" ||
		r.Annotations["runbook_url"] != "https://wiki.example.org/r/NotEnforced.md" || !strings.Contains(r.Expr, `env="prod"`) {
		t.Errorf("%+v", r)
	}
	if expr := found["NakamaWardenMemoryNearlyExhausted"].Expr; !strings.Contains(expr, ">= 0.8") {
		t.Error(expr)
	}
	if expr := found["nakama_warden:cluster_capacity_connections:sum_without_spares"].Expr; !strings.Contains(expr, "topk by (region) (2,") {
		t.Error(expr)
	}
	for _, disabled := range []string{"PolicySkew", "AuditOnly"} {
		if _, is := found["NakamaWarden"+disabled]; is {
			t.Errorf("%s is disabled, and there", disabled)
		}
	}
}

func TestExportIntoAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yml")
	text, err := export(t, "", "rules", "--output", path)
	if err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	if written, err := os.ReadFile(path); err != nil || !strings.Contains(string(written), "NakamaWardenNotEnforced") {
		t.Errorf("%v", err)
	}
}

// Without a configuration an export is the defaults; one that was asked for must be there.
func TestExportNeedsNoConfiguration(t *testing.T) {
	p := paths{config: filepath.Join(t.TempDir(), "absent.yaml")}
	if cfg, err := p.exported(newExportRulesCommand(&p)); err != nil || cfg.Capacity.SpareNodes != 1 {
		t.Errorf("%v", err)
	}
	if err := execute(t, "export", "rules"); err == nil || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("%v; want that the file is absent", err)
	}
}

func TestExportScrapeConfig(t *testing.T) {
	const fleet = `
fleet:
  nakama: {static: [10.0.1.12, 10.0.1.11, "fd00::7", 10.0.2.0/24]}
  cockroachdb: {static: [10.0.1.11], files: [/etc/nakama-warden/fleet/cockroachdb.json]}
  admins: {static: [10.9.0.1]}
alerting: {labels: {cluster: "e$u"}}
web: {listen: "10.0.1.11:9999"}
`
	for _, tt := range []struct {
		name, configuration string
		args                []string
		want                string // the targets, and the replacement of each relabelling
	}{
		{"the fleet", fleet, nil, "static 10.0.1.11:9999 10.0.1.12:9999 [fd00::7]:9999; files /etc/nakama-warden/fleet/cockroachdb.json; relabel  [$1] ${1}:9999 e$$u"},
		{"an inventory", fleet, []string{"--http-sd", "https://a.example.org"}, "http https://a.example.org; relabel  [$1] ${1}:9999 e$$u"},
		{"static only", "fleet: {nakama: {static: [10.0.1.11]}}", nil, "static 10.0.1.11:9735"},
	} {
		text, err := export(t, tt.configuration, append([]string{"scrape-config"}, tt.args...)...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := summaryOf(t, text); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	if _, err := export(t, "", "scrape-config"); err == nil || !strings.Contains(err.Error(), "--http-sd URL") {
		t.Errorf("%v; want what names the hosts", err)
	}
}

func summaryOf(t *testing.T, text string) string {
	t.Helper()
	var file struct {
		Jobs []scrape `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil || len(file.Jobs) != 1 || file.Jobs[0].JobName != "nakama-warden" {
		t.Fatalf("%v: %s", err, text)
	}
	job := file.Jobs[0]
	var parts []string
	for _, d := range job.Static {
		parts = append(parts, "static "+strings.Join(d.Targets, " "))
	}
	for _, d := range job.Files {
		parts = append(parts, "files "+strings.Join(d.Files, " "))
	}
	for _, d := range job.HTTP {
		parts = append(parts, "http "+d.URL)
	}
	var replacements []string
	for _, r := range job.Relabel {
		replacements = append(replacements, r.Replacement)
	}
	if len(replacements) > 0 {
		parts = append(parts, "relabel "+strings.Join(replacements, " "))
	}
	return strings.Join(parts, "; ")
}

// Inventories name hosts in many ways; the agent is always at its own port.
func TestInventoriesLeadToTheAgent(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.1.11":             "10.0.1.11:9735",
		"10.0.1.11:7350":        "10.0.1.11:9735",
		"nakama-1.internal:80":  "nakama-1.internal:9735",
		"fd00::7":               "[fd00::7]:9735",
		"[fd00::7]:7350":        "[fd00::7]:9735",
		"::1":                   "[::1]:9735",
		"10.0.2.0/24":           "",
		"fd00::/64":             "",
		"nakama-1.internal":     "nakama-1.internal:9735",
		"[fd00::7]":             "[fd00::7]:9735",
		"fd00::10.0.0.1":        "[fd00::10.0.0.1]:9735",
		"2001:db8:0:0:0:0:0:17": "[2001:db8:0:0:0:0:0:17]:9735",
	} {
		got := address
		for _, r := range atPort("9735") {
			match := regexp.MustCompile("^(?:" + r.Regex + ")$") // Prometheus anchors so
			switch {
			case !match.MatchString(got):
			case r.Action == "drop":
				got = ""
			default:
				got = match.ReplaceAllString(got, r.Replacement)
			}
		}
		if got != want {
			t.Errorf("%s leads to %q; want %q", address, got, want)
		}
	}
}
