// Package dashboards makes Grafana's dashboards of a fleet.
//
// The one idea: a panel answers one question, and the question is its title. A question is a plain value (queries, unit, what is
// too much, where to read on); how Grafana wants to be told of it, and where it stands, is worked out in one place for all.
// What is too much comes from the conditions, so that a panel turns red when somebody is told.
//
// Everything keeps to what Grafana 9.3 knows, and is cheap: what is summed or rated over a fleet is recorded first (Recordings).
package dashboards

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// Condition is a condition of the agent or of the fleet: what of it shows in a panel.
type Condition struct {
	Name      string
	Severity  string
	For       time.Duration
	Threshold float64 // 0: it has none
}

// Options say for whom the dashboards are.
type Options struct {
	Conditions    []Condition // one that is absent is disabled: nothing turns red for it
	Overprovision float64     // how often the peak is to fit
	ClusterLabel  string      // tells clusters apart; empty: cluster
	RunbookBase   string      // where runbooks can be read
}

// Build returns the dashboards. An error is about the options.
func Build(o Options) ([]Dashboard, error) {
	o.ClusterLabel = cmp.Or(o.ClusterLabel, "cluster")
	if !model.LegacyValidation.IsValidLabelName(o.ClusterLabel) || slices.Contains(ownLabels(), o.ClusterLabel) {
		return nil, fmt.Errorf("cluster label %q; want the name of a label that the scrape puts on each host of a cluster, such as cluster", o.ClusterLabel)
	}
	if base, err := url.Parse(o.RunbookBase); err != nil || base.Host == "" {
		return nil, fmt.Errorf("runbook base %q; want a URL such as https://wiki.example.org/runbooks/", o.RunbookBase)
	}
	b := &builder{Options: o}
	var all []Dashboard
	for _, of := range []func(*builder) page{fleet, nakamaHost, cockroachHost, firewall, agents} {
		all = append(all, b.dashboard(of(b)))
	}
	return all, errors.Join(b.problems...)
}

// ownLabels are those by which the hosts of a cluster are told apart: none of them can be the cluster's.
func ownLabels() []string {
	return []string{"instance", "unit", "service", "role", "hash", "severity", "kind", "verdict", "receiver", "result", "sink", "version", "group"}
}

// JSON is the dashboard as Grafana reads it. The same dashboard gives the same bytes.
func (d Dashboard) JSON() ([]byte, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // expressions are full of < and >
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("write dashboard %s: %w", d.UID, err)
	}
	return []byte(text.String()), nil
}

// File is the name of the dashboard's file.
func (d Dashboard) File() string { return d.UID + ".json" }

// builder collects what is wrong with expressions, so that all of it is told.
type builder struct {
	Options
	problems []error
}

// expr puts the operator's labels, and the choices made at the top of the page, into an expression: @cluster is the label,
// @fleet selects the chosen clusters, @host the chosen host in them.
func (b *builder) expr(text string) string {
	fleet := b.ClusterLabel + `=~"$cluster"`
	text = strings.NewReplacer("@fleet", fleet, "@host", fleet+`, instance="$host"`, "@cluster", b.ClusterLabel).Replace(text)
	if _, err := parser.ParseExpr(text); err != nil {
		b.problems = append(b.problems, fmt.Errorf("parse %q: %w", text, err))
	}
	return text
}

func (b *builder) condition(name string) (Condition, bool) {
	for _, c := range b.Conditions {
		if c.Name == name {
			return c, true
		}
	}
	return Condition{}, false
}
