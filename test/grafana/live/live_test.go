package live

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/dashboards"
)

// silent says of which questions there is no answer here, and why. One of these that is answered fails the test too.
func silent() map[string]string {
	const (
		young  = "this fleet is younger than what is asked for"
		calm   = "nothing is wrong"
		loki   = "it needs a Loki"
		notOwn = "it needs a scrape of CockroachDB itself"
	)
	return map[string]string{
		"When will it be full?":                      "absent while it is not foreseen",
		"Who cannot keep what it knows, or tell it?": calm,
		"Policy":                                       young,
		"Drift, by whom (Loki)":                        loki,
		"Policy, and why (Loki)":                       loki,
		"What happened?":                               loki,
		"Who was refused?":                             loki,
		"Who changed the rules?":                       loki,
		"CockroachDB's own target":                     notOwn,
		"How long has the node been up?":               notOwn,
		"How many nodes live?":                         notOwn,
		"How much disk is left?":                       notOwn,
		"When does its certificate end?":               notOwn,
		"Is data out of reach, or too rarely copied?":  notOwn,
		"How many sessions does SQL have?":             notOwn,
		"How far is its clock off?":                    notOwn,
		"How many descriptors are open?":               notOwn,
		"Does storage keep up?":                        notOwn,
		"How much memory does CockroachDB say it has?": notOwn,
	}
}

// Every question of every dashboard is answered, by a Prometheus that knows the fleet for less than a minute.
func TestEveryQuestionIsAnswered(t *testing.T) {
	began := time.Now()
	s := newStage(t)
	s.warden("export", "dashboards", "--dir", s.path("dashboards"))
	all := asked(t, s.path("dashboards"))

	s.awaitAnswer(`count(nakama_warden_firewall_enforced{service="nakama-api"}) == 2`)
	s.connect("nakama-1", "database-1", sqlPort, 5)
	s.connect("players", "nakama-2", apiPort, 150)
	there := 0
	for _, more := range []int{200, 300, 500} {
		s.knock("players", "nakama-1", consolePort)
		s.knock("players", "nakama-2", consolePort)
		s.connect("players", "nakama-1", apiPort, more)
		there += more
		s.awaitSteady(there)
	}
	s.tamper()
	t.Logf("%5.1f s: three loads", time.Since(began).Seconds())
	s.awaitAnswer(`nakama_warden_capacity_known == 1`)

	t.Logf("%5.1f s: it is known how many fit", time.Since(began).Seconds())
	var missing []question
	s.await(func() bool {
		missing = slices.DeleteFunc(slices.Clone(all), func(q question) bool { return silent()[q.title] != "" || s.answered(q) })
		return len(missing) == 0
	}, func() string { return fmt.Sprintf("no answer: %s", missing) })
	t.Logf("%d queries answered after %.0f s", len(all), time.Since(began).Seconds())

	for title, why := range silent() {
		if !slices.ContainsFunc(all, func(q question) bool { return q.title == title }) {
			t.Errorf("%s: nobody asks that", title)
		}
		for _, q := range all {
			if q.title == title && !q.loki && s.answered(q) {
				t.Errorf("%s: answered, and listed as not (%s)", title, why)
			}
		}
	}
}

// awaitSteady waits until so many connections were there for two windows of the daemon, so that it has learnt from one.
func (s *stage) awaitSteady(n int) {
	s.t.Helper()
	s.awaitAnswer(fmt.Sprintf(`count_over_time((sum(nakama_warden_connections{instance=%q}) == %d)[5s:1s]) >= 5`, s.instance("nakama-1"), n))
}

func (s *stage) awaitAnswer(expr string) {
	s.t.Helper()
	s.await(func() bool { return s.answered(question{title: expr, expr: expr}) }, func() string { return expr + " is not so" })
}

func (s *stage) instance(host string) string { return s.hosts[host].V4.String() + ":9735" }

// tamper deletes our table, as any program with the rights may while the table is only watched.
func (s *stage) tamper() {
	s.t.Helper()
	nft, err := exec.LookPath("nft")
	if err != nil {
		s.t.Log("not run: a drift: it lacks nft")
		return
	}
	for _, name := range []string{"nakama-1", "database-1"} {
		_, err = s.hosts[name].Output(s.t.Context(), nft, "delete", "table", "inet", "nakama_warden")
		must(s.t, err)
	}
}

// question is a query of a panel, an annotation or a variable.
type question struct {
	page, title, expr string
	over              bool // a time, rather than now
	loki              bool
}

func (q question) String() string { return fmt.Sprintf("\n%s: %s  %s", q.page, q.title, q.expr) }

// asked are all questions of the dashboards in a folder.
func asked(t *testing.T, dir string) (all []question) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	must(t, err)
	if len(files) != 5 {
		t.Fatalf("%d dashboards; want 5", len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		var d dashboards.Dashboard
		must(t, json.Unmarshal(text, &d))
		for _, p := range d.Panels {
			for _, panel := range append([]dashboards.Panel{p}, p.Panels...) {
				for _, target := range panel.Targets {
					all = append(all, question{d.UID, panel.Title, target.Expr, target.Range, target.Datasource.Type == "loki"})
				}
			}
		}
		for _, a := range d.Annotations.List {
			all = append(all, question{d.UID, a.Name, a.Expr, true, a.Datasource.Type == "loki"})
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				all = append(all, question{d.UID, v.Label, asSeries(t, v.Definition), false, false})
			}
		}
	}
	return all
}

// asSeries makes the query of a variable one that Prometheus knows.
func asSeries(t *testing.T, definition string) string {
	t.Helper()
	parts := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(definition)
	if parts == nil {
		t.Fatalf("%q is no label_values(…)", definition)
	}
	return fmt.Sprintf(`count by (%s) (%s)`, parts[2], parts[1])
}

// answered says whether Prometheus has anything to say.
func (s *stage) answered(q question) bool {
	if q.loki {
		return false
	}
	host := s.instance("nakama-1")
	if strings.Contains(q.page, "cockroachdb") {
		host = s.instance("database-1")
	}
	expr := strings.NewReplacer("$cluster", "eu", "$host", host, "$node", "").Replace(q.expr)
	now := time.Now()
	path := "/api/v1/query?" + url.Values{"query": {expr}}.Encode()
	if q.over {
		path = "/api/v1/query_range?" + url.Values{"query": {expr}, "step": {"5"},
			"start": {fmt.Sprint(now.Add(-time.Minute).Unix())}, "end": {fmt.Sprint(now.Unix())}}.Encode()
	}
	var answer struct {
		Data struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	return s.get(path, &answer) == nil && len(answer.Data.Result) > 0
}
