package alerting

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestCatalogue(t *testing.T) {
	var names []string
	severity := 0
	for _, d := range Catalogue() {
		if !regexp.MustCompile(`^([A-Z][a-z]+)+$`).MatchString(d.Name) || slices.Contains(names, d.Name) || slices.Contains(FleetConditions(), d.Name) {
			t.Errorf("name %q", d.Name)
		}
		names = append(names, d.Name)
		at := slices.Index(severities(), d.Severity)
		if at < severity {
			t.Errorf("%s: severity %q after a lesser one", d.Name, d.Severity)
		}
		severity = at
		if d.For < 0 || d.ClearAfter < 0 || d.Threshold < 0 || (d.Threshold > 0) && d.Unit == "" || !strings.HasSuffix(d.Title, ".") {
			t.Errorf("%+v", d)
		}
		if !slices.Contains([]string{AboutFence, AboutAvailability, AboutCapacity, AboutAgent}, d.About) {
			t.Errorf("%s is about %q", d.Name, d.About)
		}
		if pages := d.Severity == status.SeverityCritical; pages && (d.For < time.Minute || d.ClearAfter < time.Minute) {
			t.Errorf("%s pages for a blip", d.Name)
		}
	}
}

const docs = "../docs"

var update = flag.Bool("update", false, "write the table of docs/conditions.md")

// The table of all conditions is the catalogue.
func TestConditionsAreDocumented(t *testing.T) {
	path := filepath.Join(docs, "conditions.md")
	text := read(t, path)
	var table strings.Builder
	for _, d := range Catalogue() {
		threshold := ""
		switch {
		case d.Threshold > 0:
			threshold = fmt.Sprintf("%g %s", d.Threshold, d.Unit)
		case d.Unit != "":
			threshold = d.Unit
		}
		fmt.Fprintf(&table, "| [%s](runbooks/%s.md) | %s | %s | %s | %s | %s | %s |\n", d.Name, d.Name, d.Severity,
			written(d.For), written(d.ClearAfter), threshold, d.About, d.Title)
	}
	const head = "|---|---|---|---|---|---|---|\n"
	before, after, found := strings.Cut(text, head)
	if !found {
		t.Fatalf("%s has no table", path)
	}
	was, rest, _ := strings.Cut(after, "\n\n")
	switch want := strings.TrimSuffix(table.String(), "\n"); {
	case *update:
		if err := os.WriteFile(path, []byte(before+head+want+"\n\n"+rest), 0o644); err != nil {
			t.Fatal(err)
		}
	case was != want:
		t.Errorf("%s differs from the catalogue; -update writes it. Want:\n%s", path, want)
	}
}

// Each condition has a runbook that says the same as the catalogue, and there are no others.
func TestRunbooks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(docs, "runbooks", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, file := range files {
		have = append(have, filepath.Base(file))
	}
	for _, d := range Catalogue() {
		want = append(want, d.Name+".md")
	}
	// Those of the fleet that Prometheus tells; what probes find has none yet.
	want = append(want, "FleetCannotLoseNode.md", "HostAbsent.md", "LoadImbalance.md", "PolicySkew.md")
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Fatalf("have %q, want %q", have, want)
	}
	for _, d := range Catalogue() {
		t.Run(d.Name, func(t *testing.T) { runbook(t, d, read(t, filepath.Join(docs, "runbooks", d.Name+".md"))) })
	}
}

func runbook(t *testing.T, d Definition, text string) {
	about := "the " + d.About
	if d.About == AboutAvailability || d.About == AboutCapacity {
		about = d.About
	}
	begins := fmt.Sprintf("# %s\n\n%s · told after %s · gone after %s · about %s\n\n## What it means\n", d.Name, d.Severity, written(d.For), written(d.ClearAfter), about)
	if !strings.HasPrefix(text, begins) {
		t.Errorf("want it to begin with\n%s", begins)
	}
	if n := strings.Count(text, "\n"); n > 45 {
		t.Errorf("%d lines: nobody reads more than 45 in the night", n)
	}
	for _, part := range []string{"\n## How to check\n", "\n## How to fix\n", "\n## How to silence and to tune\n",
		"\n    nakama-warden silence " + d.Name + " --for ", "alerting: {overrides: {" + d.Name + ": {"} {
		if !strings.Contains(text, part) {
			t.Errorf("lacks %q", part)
		}
	}
	if helps := d.About == AboutAvailability; helps != strings.Contains(text, "\n    nakama-warden maintenance start") {
		t.Errorf("a maintenance silences it: %v", helps)
	}
	if strings.Contains(text, "threshold: ") && d.Unit == "" {
		t.Error("it has no threshold to tune")
	}
	for _, command := range regexp.MustCompile(`nakama-warden ([a-z][a-z-]*)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(commands(), command[1]) {
			t.Errorf("there is no command %s", command[0])
		}
	}
}

// commands are those that a runbook may need; run appears in the name of a process only.
func commands() []string {
	return []string{"run", "check", "plan", "apply", "revoke", "status", "explain", "events", "forecast", "pause", "silence", "maintenance", "alert-test"}
}

// written is a duration as configurations write it.
func written(d time.Duration) string {
	text := d.String()
	if d >= time.Minute {
		text = strings.TrimSuffix(text, "0s")
	}
	if d >= time.Hour {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
