package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// demoCluster is what the targets of a demo have as their cluster.
const demoCluster = "demo"

// prometheusOf is a Prometheus' whole configuration: it scrapes the sights of a demo where their doors are, and has our rules.
type prometheusOf struct {
	Global    map[string]string `yaml:"global"`
	RuleFiles []string          `yaml:"rule_files"`
	Jobs      []demoJob         `yaml:"scrape_configs"`
}

type demoJob struct {
	Name    string       `yaml:"job_name"`
	Path    string       `yaml:"metrics_path,omitempty"`
	Targets []demoTarget `yaml:"static_configs"`
}

type demoTarget struct {
	Targets []string          `yaml:"targets,flow"`
	Labels  map[string]string `yaml:"labels,flow"`
}

const demoRulesFile = "rules.yml"

func newPrometheusOf(sights []demo.Sight, doors []net.Listener) prometheusOf {
	p := prometheusOf{Global: map[string]string{"scrape_interval": "15s", "evaluation_interval": "15s"}, RuleFiles: []string{demoRulesFile}}
	for i, sight := range sights {
		if sight.Job == "" {
			continue
		}
		at := slices.IndexFunc(p.Jobs, func(j demoJob) bool { return j.Name == sight.Job && j.Path == sight.Path })
		if at < 0 {
			at = len(p.Jobs)
			p.Jobs = append(p.Jobs, demoJob{Name: sight.Job, Path: sight.Path})
		}
		p.Jobs[at].Targets = append(p.Jobs[at].Targets, demoTarget{[]string{doors[i].Addr().String()},
			map[string]string{"instance": sight.Host, "cluster": demoCluster}})
	}
	return p
}

// writePrometheus writes the configuration and the rules into the folder, if there is one, and returns the path of the former.
func (d demonstration) writePrometheus(sights []demo.Sight, doors []net.Listener) (string, error) {
	if d.prometheus == "" {
		return "", nil
	}
	text, err := yaml.Marshal(newPrometheusOf(sights, doors))
	if err != nil {
		return "", err
	}
	ruleText, err := ruleFile(defaultRules(), config.Default())
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.prometheus, "prometheus.yml")
	for name, text := range map[string][]byte{path: text, filepath.Join(d.prometheus, demoRulesFile): ruleText} {
		if err := os.WriteFile(name, text, 0o644); err != nil { // Prometheus reads it as another user
			return "", fmt.Errorf("--prometheus: %w", err)
		}
	}
	return path, nil
}

// folderFor makes the folder of --prometheus. What is below the demo's scratch space would be seen by nobody outside.
func folderFor(dir, scratch string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("--prometheus: %w", err)
	}
	if strings.HasPrefix(absolute+"/", scratch+"/") {
		return fmt.Errorf("--prometheus: the demo covers %s with its own files: choose a folder that is not below it", scratch)
	}
	if err := os.MkdirAll(absolute, 0o755); err != nil {
		return fmt.Errorf("--prometheus: %w", err)
	}
	return nil
}
