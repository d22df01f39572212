package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// prefix begins the agent's metrics. What is recorded from them begins otherwise, and has lost what a selector may ask for.
const prefix = "nakama_warden_"

// clusterLabel is what expressions call the label that tells clusters apart.
const clusterLabel = "cluster"

// rewriting puts the operator's labels into expressions.
type rewriting struct {
	matchers []*labels.Matcher
	cluster  string
}

func (o Options) rewriting() (rewriting, error) {
	r := rewriting{cluster: clusterLabel}
	if o.ClusterLabel != "" {
		r.cluster = o.ClusterLabel
	}
	if !model.LegacyValidation.IsValidLabelName(r.cluster) || slices.Contains(ownLabels(), r.cluster) {
		return r, fmt.Errorf("cluster label %q; want the name of a label that the scrape puts on each host of a cluster, such as cluster", r.cluster)
	}
	if o.Selector == "" {
		return r, nil
	}
	matchers, err := parser.ParseMetricSelector("{" + strings.Trim(o.Selector, "{}") + "}")
	if err != nil {
		return r, fmt.Errorf(`selector %q: %w; want label matchers such as job="nakama-warden"`, o.Selector, err)
	}
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			return r, fmt.Errorf(`selector %q names a metric; want label matchers only, such as job="nakama-warden"`, o.Selector)
		}
	}
	r.matchers = matchers
	return r, nil
}

// ownLabels are those by which rules tell a cluster's hosts apart: none of them can be the cluster's.
func ownLabels() []string { return []string{"instance", "unit", "service", "role", "hash", "severity"} }

// rewrite returns an expression with the selector in each of the agent's metrics, laid out for people to read.
func (r rewriting) rewrite(text string) (string, error) {
	expr, err := parser.ParseExpr(text)
	if err != nil {
		return "", fmt.Errorf("parse %q: %w", text, err)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			if strings.HasPrefix(n.Name, prefix) {
				n.LabelMatchers = append(n.LabelMatchers, r.matchers...)
			}
		case *parser.AggregateExpr:
			r.rename(n.Grouping)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				r.rename(n.VectorMatching.MatchingLabels)
				r.rename(n.VectorMatching.Include)
			}
		}
		return nil
	})
	return parser.Prettify(expr), nil
}

func (r rewriting) rename(names []string) {
	for i, name := range names {
		if name == clusterLabel {
			names[i] = r.cluster
		}
	}
}
