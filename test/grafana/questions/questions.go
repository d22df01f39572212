// Package questions lists what dashboards ask, for those who ask it of a Prometheus without a Grafana.
package questions

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nakama-warden/nakama-warden/dashboards"
)

// Question is a query of a panel, an annotation or a variable.
type Question struct {
	Page, Title, Expr string
	Over              bool // a time, rather than now
	Loki              bool // it is asked of a Loki
}

func (q Question) String() string { return fmt.Sprintf("\n%s: %s  %s", q.Page, q.Title, q.Expr) }

// Choices are what a person chooses at the top of a page.
type Choices struct {
	Cluster string // a regular expression
	Host    string // an instance
	Node    string // the instance of CockroachDB's own metrics
}

// With is the query as Grafana would send it.
func (q Question) With(c Choices) string {
	return strings.NewReplacer("$cluster", c.Cluster, "$host", c.Host, "$node", c.Node).Replace(q.Expr)
}

// Of are all questions of the dashboards in a folder.
func Of(dir string) (all []Question, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no dashboards", dir)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var d dashboards.Dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		of, err := ofDashboard(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, of...)
	}
	return all, nil
}

func ofDashboard(d dashboards.Dashboard) (all []Question, err error) {
	for _, p := range d.Panels {
		for _, panel := range append([]dashboards.Panel{p}, p.Panels...) {
			for _, target := range panel.Targets {
				all = append(all, Question{d.UID, panel.Title, target.Expr, target.Range, target.Datasource.Type == "loki"})
			}
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, Question{d.UID, a.Name, a.Expr, true, a.Datasource.Type == "loki"})
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		series, err := asSeries(v.Definition)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Label, err)
		}
		all = append(all, Question{d.UID, v.Label, series, false, false})
	}
	return all, nil
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// asSeries makes the query of a variable one that Prometheus knows.
func asSeries(definition string) (string, error) {
	parts := labelValues.FindStringSubmatch(definition)
	if parts == nil {
		return "", fmt.Errorf("%q is no label_values(…)", definition)
	}
	return fmt.Sprintf(`count by (%s) (%s)`, parts[2], parts[1]), nil
}
