package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// door is a listener of which only the address matters.
type door struct {
	net.Listener
	at string
}

func (d door) Addr() net.Addr { return &net.UnixAddr{Name: d.at} }

func TestPrometheusScrapesTheSightsThatHaveMetrics(t *testing.T) {
	of := func(job, host, path string) demo.Sight {
		return demo.Sight{Scrape: demo.Scrape{Job: job, Host: host, Path: path}}
	}
	sights := []demo.Sight{of("nakama-warden", "nakama-1", ""), {Text: "what arrived at on-call"}, of("nakama-warden", "nakama-2", ""),
		of("cockroachdb", "cockroachdb-1", "/_status/vars")}
	doors := []net.Listener{door{at: "127.0.0.1:1"}, door{at: "127.0.0.1:2"}, door{at: "127.0.0.1:3"}, door{at: "127.0.0.1:4"}}
	dir := t.TempDir()
	path, err := demonstration{prometheus: dir}.writePrometheus(sights, doors)
	if err != nil || filepath.Dir(path) != dir {
		t.Fatal(path, err)
	}
	var written prometheusOf
	if err := yaml.Unmarshal(read(t, dir, filepath.Base(path)), &written); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, job := range written.Jobs {
		for _, target := range job.Targets {
			got = append(got, strings.Join([]string{job.Name, job.Path, target.Targets[0], target.Labels["instance"], target.Labels["cluster"]}, " "))
		}
	}
	want := []string{"nakama-warden  127.0.0.1:1 nakama-1 demo", "nakama-warden  127.0.0.1:3 nakama-2 demo",
		"cockroachdb /_status/vars 127.0.0.1:4 cockroachdb-1 demo"}
	if !slices.Equal(got, want) {
		t.Errorf("targets %q; want %q", got, want)
	}
	if rules, err := export(t, "", "rules"); err != nil || string(read(t, dir, written.RuleFiles[0])) != rules {
		t.Errorf("the rules are not those of `export rules` (%v)", err)
	}
}

func TestWithoutAFolderNothingIsWritten(t *testing.T) {
	if path, err := (demonstration{}).writePrometheus(nil, nil); path != "" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
}

func TestTheFolderForPrometheusIsSeenOutside(t *testing.T) {
	dir := t.TempDir()
	if err := folderFor(filepath.Join(dir, "a", "b"), "/mnt"); err != nil {
		t.Error(err)
	}
	for _, hidden := range []string{dir, filepath.Join(dir, "a")} {
		if err := folderFor(hidden, dir); err == nil || !strings.Contains(err.Error(), "choose a folder") {
			t.Errorf("%s: %v; want that nobody would see it", hidden, err)
		}
	}
	if err := folderFor(dir+"-beside", dir); err != nil {
		t.Error(err)
	}
}
