package questions

import (
	"slices"
	"strings"
	"testing"
)

// Whatever is asked can be asked of a Prometheus: all that a person chooses is filled in.
func TestOfTheCommittedDashboards(t *testing.T) {
	all, err := Of("../../../dashboards/json")
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, q := range all {
		if expr := q.With(Choices{Cluster: ".*", Host: "10.0.0.1:9735"}); !q.Loki && strings.Contains(expr, "$") {
			t.Errorf("%s: %s: not filled in", q.Title, expr)
		}
		if !slices.Contains(pages, q.Page) {
			pages = append(pages, q.Page)
		}
	}
	if len(pages) != 5 {
		t.Errorf("questions of %v; want 5 dashboards", pages)
	}
	if _, err := Of(t.TempDir()); err == nil {
		t.Error("a folder without dashboards; want an error")
	}
}

func TestAsSeries(t *testing.T) {
	for definition, want := range map[string]string{
		`label_values(up{job="a"}, instance)`: `count by (instance) (up{job="a"})`,
		`label_names()`:                       "",
	} {
		got, err := asSeries(definition)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q (%v); want %q", definition, got, err, want)
		}
	}
}
