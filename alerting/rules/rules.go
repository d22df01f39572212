// Package rules writes the alerting and recording rules of Prometheus, for shops that alert from there.
//
// The one idea: every condition of the agent has a rule of the same name, severity, hold times and runbook. Where raw metrics
// tell as much as the agent does, the rule reads those, so that it names the unit, the group or the number, and works whatever
// the agent makes of it; else it repeats the agent's judgement. What no host can tell of itself is told of a cluster.
//
// Expressions are written as for one cluster and without a selector; both are put into what the parser has read of them.
// They keep to what Prometheus 2.42 knows.
package rules

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// DefaultRunbookBase is where the runbooks can be read.
const DefaultRunbookBase = "https://github.com/nakama-warden/nakama-warden/blob/main/docs/runbooks/"

// Condition is a condition of the agent's catalogue, which converts to it.
type Condition struct {
	Name       string
	Severity   string
	For        time.Duration
	ClearAfter time.Duration
	Threshold  float64
	Unit       string
	About      string
	Title      string
}

// Options say for whom the rules are. The zero value makes those that record, and no alert.
type Options struct {
	Conditions    []Condition // of a host, which is alerting.Catalogue, and FleetConditions
	Selector      string      // label matchers, as job="nakama-warden"; empty: every series of the agent
	ClusterLabel  string      // tells clusters apart; empty: cluster. Series without it are one cluster
	RunbookBase   string      // empty: DefaultRunbookBase
	SpareNodes    int         // nodes that may fail at the peak
	Overprovision float64     // how often the peak is to fit; less than 1: once
	HoldScale     float64     // multiplies every hold time; 0: 1
}

// File is a rule file.
type File struct {
	Groups []Group `yaml:"groups"`
}

// Group is a group of rules, which are evaluated one after the other.
type Group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval,omitempty"`
	Rules    []Rule `yaml:"rules"`
}

// Rule records a series or raises an alert.
type Rule struct {
	Record        string            `yaml:"record,omitempty"`
	Alert         string            `yaml:"alert,omitempty"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for,omitempty"`
	KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty"`
	Annotations   map[string]string `yaml:"annotations,omitempty"`
}

// Build returns the rules. An error is about the options.
func Build(o Options) (File, error) {
	if o.SpareNodes < 0 {
		return File{}, fmt.Errorf("%d spare nodes; want 0 or more", o.SpareNodes)
	}
	o.RunbookBase = cmp.Or(o.RunbookBase, DefaultRunbookBase)
	if base, err := url.Parse(o.RunbookBase); err != nil || base.Host == "" || strings.Contains(o.RunbookBase, "{{") { // annotations are templates
		return File{}, fmt.Errorf("runbook base %q; want a URL such as %s", o.RunbookBase, DefaultRunbookBase)
	}
	rewriting, err := o.rewriting()
	if err != nil {
		return File{}, err
	}
	b := builder{Options: o, rewriting: rewriting}
	file := File{Groups: []Group{
		{Name: "nakama-warden-recording", Rules: b.records(recordings(o.SpareNodes))},
		{Name: "nakama-warden-sizing", Interval: "5m", Rules: b.records(sizing(o.SpareNodes, max(o.Overprovision, 1)))},
	}}
	for _, group := range []Group{{Name: "nakama-warden-host", Rules: b.alerts(ofHost)}, {Name: "nakama-warden-fleet", Rules: b.alerts(ofFleet)}} {
		if len(group.Rules) > 0 {
			file.Groups = append(file.Groups, group)
		}
	}
	return file, errors.Join(b.problems...)
}

// YAML is the file as Prometheus reads it.
func (f File) YAML() ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("# Made by `nakama-warden export rules`: make it again after an upgrade, rather than change it.\n")
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(f), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	return text.Bytes(), nil
}

// finding is one way in which a condition shows.
type finding struct {
	expr        string
	severity    string // where it is not that of the condition
	description string
}

// recording is a series that several rules and dashboards read.
type recording struct{ name, expr string }

// builder collects what is wrong with expressions, so that all of it is told.
type builder struct {
	Options
	rewriting
	problems []error
}

func (b *builder) records(all []recording) []Rule {
	var list []Rule
	for _, r := range all {
		list = append(list, Rule{Record: r.name, Expr: b.expr(r.name, r.expr)})
	}
	return list
}

func (b *builder) alerts(find func(Condition) []finding) []Rule {
	var list []Rule
	for _, c := range b.Conditions {
		for _, f := range find(c) {
			list = append(list, b.alert(c, f))
		}
	}
	return list
}

// alert gives a finding the condition's name, times and runbook. Whom it is about stands first in the one line that a pager shows.
func (b *builder) alert(c Condition, f finding) Rule {
	severity := c.Severity
	if f.severity != "" {
		severity = f.severity
	}
	where := `{{ $labels.instance }}: `
	if c.About == aboutFleet {
		where = `{{ with $labels.cluster }}{{ . }}: {{ end }}{{ with $labels.instance }}{{ . }}: {{ end }}`
	}
	return Rule{
		Alert:         "NakamaWarden" + c.Name,
		Expr:          b.expr(c.Name, f.expr),
		For:           b.hold(c.For),
		KeepFiringFor: b.hold(c.ClearAfter),
		Labels:        map[string]string{"severity": severity},
		Annotations: map[string]string{
			"summary":     b.text(where + c.Title),
			"description": b.text(f.description),
			"runbook_url": strings.TrimSuffix(b.RunbookBase, "/") + "/" + c.Name + ".md",
		},
	}
}

// text is an annotation that names the cluster by the label that it has here.
func (b *builder) text(s string) string {
	return strings.ReplaceAll(s, "$labels.cluster", "$labels."+b.cluster)
}

func (b *builder) expr(name, text string) string {
	expr, err := b.rewrite(text)
	if err != nil {
		b.problems = append(b.problems, fmt.Errorf("%s: %w", name, err))
	}
	return expr
}

// longestHold bounds what a slip in a scale can do: a time that overflows would be negative.
const longestHold = 365 * 24 * time.Hour

// hold is a time that a condition must hold or be gone; Prometheus has no name for none.
func (b *builder) hold(d time.Duration) string {
	if b.HoldScale > 0 {
		d = time.Duration(min(float64(d)*b.HoldScale, float64(longestHold)))
	}
	if d < time.Millisecond {
		return ""
	}
	return model.Duration(d).String()
}
