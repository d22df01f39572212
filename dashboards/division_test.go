package dashboards

import (
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// What is divided by 0 is infinite, or no number: neither is an answer. So whatever is divided by is said to be more than that.
func TestNothingIsDividedByNothing(t *testing.T) {
	all := map[string]string{}
	for _, d := range built(t, some()) {
		each(d, func(p Panel) {
			for _, target := range p.Targets {
				if target.Datasource.Type == "prometheus" {
					all[target.Expr] = p.Title
				}
			}
		})
	}
	for _, r := range Recordings("", "") {
		all[r.Expr] = r.Name
	}
	seen := 0
	for text, of := range all {
		n, unsafe := divisions(t, text)
		seen += n
		// Agents are a share of at least as many.
		if unsafe != "" && of != "Does every agent answer?" {
			t.Errorf("%s divides by %s, which may be 0; want `> 0`", of, unsafe)
		}
	}
	if seen < 3 {
		t.Errorf("%d divisions; has the way to find them changed?", seen)
	}
}

func TestADivisorThatMayBeZeroIsFound(t *testing.T) {
	for text, want := range map[string]string{
		`a / b`:                      "b",
		`a / on (x) (b > 0)`:         "",
		`sum(a / (b >= 0))`:          "(b >= 0)",
		`a * 1000 / 2`:               "",
		`max(c) + (a / (sum(b)))`:    "(sum(b))",
		`a / (sum by (i) (b) > 0)`:   "",
		`histogram_quantile(0.5, a)`: "",
	} {
		if _, got := divisions(t, text); got != want {
			t.Errorf("%s: found %q; want %q", text, got, want)
		}
	}
}

// divisions counts those of an expression, and returns a divisor that may be 0.
func divisions(t *testing.T, text string) (n int, unsafe string) {
	t.Helper()
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if division, is := node.(*parser.BinaryExpr); is && division.Op == parser.DIV {
			n++
			if !isPositive(division.RHS) {
				unsafe = division.RHS.String()
			}
		}
		return nil
	})
	return n, unsafe
}

func isPositive(expr parser.Expr) bool {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return isPositive(e.Expr)
	case *parser.NumberLiteral:
		return e.Val > 0
	case *parser.BinaryExpr:
		least, is := e.RHS.(*parser.NumberLiteral)
		return e.Op == parser.GTR && is && least.Val >= 0
	}
	return false
}
