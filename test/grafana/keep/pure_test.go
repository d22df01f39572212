package keep

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
)

func TestAwaitReady(t *testing.T) {
	const told = "  held    drifts of the table, read back      0     0\nto look at, until Ctrl-C\n"
	rest := strings.NewReader(told + "  prometheus --config.file=/tmp/a/prometheus.yml\n  meanwhile players come\n")
	if err := awaitReady(rest); err != nil {
		t.Error(err)
	}
	if err := awaitReady(strings.NewReader(told)); err == nil || !strings.Contains(err.Error(), "until Ctrl-C") {
		t.Errorf("%v of a demo that ended early; want what it said last", err)
	}
}

func TestRoleOf(t *testing.T) {
	for page, want := range map[string]string{
		"nakama-warden-nakama-host":      "nakama",
		"nakama-warden-cockroachdb-host": "cockroachdb",
		"nakama-warden-fleet":            "",
	} {
		if got := roleOf(page); got != want {
			t.Errorf("%s is about hosts of %q; want %q", page, got, want)
		}
	}
}

func TestWhatCannotBeDrawnIsNoAnswer(t *testing.T) {
	for text, want := range map[string]bool{
		`{"value": [1, "0"]}`:                        true,
		`{"value": [1, "+Inf"]}`:                     false,
		`{"values": [[1, "NaN"], [2, "NaN"]]}`:       false,
		`{"values": [[1, "NaN"], [2, "1.5"]]}`:       true,
		`{"metric": {"instance": "a"}, "value": []}`: false,
	} {
		var s series
		if err := json.Unmarshal([]byte(text), &s); err != nil || s.isNumber() != want {
			t.Errorf("%s: %t (%v); want %t", text, s.isNumber(), err, want)
		}
	}
}

func TestJudge(t *testing.T) {
	const page = "nakama-warden-fleet"
	asked := []questions.Question{{Page: page, Title: "Who?", Expr: "a"}, {Page: page, Title: "Who?", Expr: "b"},
		{Page: page, Title: "Why?", Expr: "c"}, {Page: page, Title: "When?", Expr: "{}", Loki: true}}
	for name, c := range map[string]struct {
		answered []string
		silent   []string
		problem  string
	}{
		"all is answered":         {answered: []string{"a", "b", "c"}},
		"one query of a panel is": {answered: []string{"b", "c"}},
		"none is":                 {answered: []string{"a", "b"}, problem: "fleet/Why? shows nothing"},
		"as listed":               {answered: []string{"a", "b"}, silent: []string{"fleet/Why?"}},
		"listed, and answered":    {answered: []string{"a", "b", "c"}, silent: []string{"fleet/Why?"}, problem: "fleet/Why? shows something"},
		"listed, and not asked":   {answered: []string{"a", "c"}, silent: []string{"fleet/When?"}, problem: "nobody asks that"},
	} {
		panels := panelsOf(asked)
		for _, p := range panels {
			for i, q := range p.queries {
				p.answered[i] = slices.Contains(c.answered, q.Expr)
			}
		}
		silent := map[string]string{}
		for _, name := range c.silent {
			silent[name] = "a reason"
		}
		err := judge(panels, silent)
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v; want %q", name, err, c.problem)
		}
	}
}
