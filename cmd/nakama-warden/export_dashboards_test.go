package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/dashboards"
)

var update = flag.Bool("update", false, "write the dashboards that are committed")

// whereInstalled is the folder of the packages.
const whereInstalled = "/usr/share/nakama-warden/dashboards"

func exportDashboards(t *testing.T, configuration string, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if text, err := export(t, configuration, append([]string{"dashboards", "--dir", dir}, args...)...); err != nil || text != "" {
		t.Fatalf("%q, %v", text, err)
	}
	return dir
}

// The committed dashboards are what the program makes without a configuration.
func TestCommittedDashboardsAreCurrent(t *testing.T) {
	const folder = "../../dashboards/json"
	made := exportDashboards(t, "", "--path", whereInstalled)
	if *update {
		for _, name := range names(t, made) {
			if err := os.WriteFile(filepath.Join(folder, name), read(t, made, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := names(t, folder), names(t, made); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("%s has %v; want %v", folder, got, want)
	}
	for _, name := range names(t, made) {
		if !bytes.Equal(read(t, folder, name), read(t, made, name)) {
			t.Errorf("%s/%s is not what the program makes (go test ./cmd/nakama-warden -run Committed -update writes it)", folder, name)
		}
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestExportDashboardsFollowsTheConfiguration(t *testing.T) {
	dir := exportDashboards(t, `
alerting: {overrides: {MemoryNearlyExhausted: {threshold: 0.77}, LoadImbalance: {enabled: false}}}
capacity: {overprovision: 2.25}
`, "--runbook-base", "https://wiki.example.org/r", "--cluster-label", "region")
	page := string(read(t, dir, "nakama-warden-fleet.json"))
	for _, wanted := range []string{`"value": 0.77`, `"value": 2.25`, `"https://wiki.example.org/r/NotEnforced.md"`, `region=~`} {
		if !strings.Contains(page, wanted) {
			t.Errorf("the fleet's lacks %s", wanted)
		}
	}
	if strings.Contains(page, `"value": 1.25`) {
		t.Error("a condition is disabled, and its limit is there")
	}
	if provider := string(read(t, dir, dashboards.ProviderFile)); !strings.Contains(provider, "path: "+dir) {
		t.Errorf("Grafana is not told where they are: %s", provider)
	}
}

func TestExportDashboardsWantsAFolder(t *testing.T) {
	if _, err := export(t, "", "dashboards"); err == nil || !strings.Contains(err.Error(), `"dir"`) {
		t.Errorf("%v; want that --dir is asked for", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := export(t, "", "dashboards", "--dir", file); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("%v; want what is wrong with --dir", err)
	}
}

// The rules record what the dashboards read, with the same selector and label.
func TestExportRulesRecordsForDashboards(t *testing.T) {
	text, err := export(t, "", "rules", "--selector", `env="prod"`, "--cluster-label", "region")
	if err != nil {
		t.Fatal(err)
	}
	var file rules.File
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	last := file.Groups[len(file.Groups)-1]
	if last.Name != "nakama-warden-dashboards" || last.Interval != "1m" || len(last.Rules) != len(dashboards.Recordings("", "")) {
		t.Errorf("the last group is %s, every %s, with %d rules", last.Name, last.Interval, len(last.Rules))
	}
	if expr := last.Rules[0].Expr; !strings.Contains(expr, `env="prod"`) || !strings.Contains(expr, "by (region, instance)") {
		t.Error(expr)
	}
}
