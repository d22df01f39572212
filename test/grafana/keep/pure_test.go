package keep

import (
	"slices"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
)

func TestReadDoors(t *testing.T) {
	const told = `
  held    drifts of the table, read back      0     0
to look at, until Ctrl-C
  http://127.0.0.1:40223  nakama-1, its own page
  http://127.0.0.1:41505  what arrived at on-call
  http://127.0.0.1:42089  nobody waits for this one
`
	doors, err := readDoors(strings.NewReader(told), 2)
	if want := []door{{"127.0.0.1:40223", "nakama-1, its own page"}, {"127.0.0.1:41505", "what arrived at on-call"}}; err != nil || !slices.Equal(doors, want) {
		t.Errorf("read %v (%v); want %v", doors, err, want)
	}
	if !doors[0].agent() || doors[1].agent() {
		t.Errorf("agents: %t, %t; want the first alone", doors[0].agent(), doors[1].agent())
	}
	if doors, err := readDoors(strings.NewReader(told), 4); err == nil {
		t.Errorf("read %v of a demo that ended early; want an error", doors)
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
