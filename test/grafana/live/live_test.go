package live

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
)

// silent says of which questions there is no answer here, and why. One of these that is answered fails the test too.
func silent() map[string]string {
	const (
		young = "this fleet is younger than what is asked for"
		calm  = "nothing is wrong"
		loki  = "it needs a Loki"
	)
	return map[string]string{
		"How full would it be without the largest nodes?": "it is known of one node how many fit, and without that none is left",
		"Who cannot keep what it knows, or tell it?":      calm,
		"Policy":                 young,
		"Drift, by whom (Loki)":  loki,
		"Policy, and why (Loki)": loki,
		"What happened?":         loki,
		"Who was refused?":       loki,
		"Who changed the rules?": loki,
	}
}

// Every question of every dashboard is answered, by a Prometheus that knows the fleet for less than a minute.
func TestEveryQuestionIsAnswered(t *testing.T) {
	began := time.Now()
	s := newStage(t)
	s.warden("export", "dashboards", "--dir", s.path("dashboards"))
	all, err := questions.Of(s.path("dashboards"))
	must(t, err)

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
	var missing []questions.Question
	s.await(func() bool {
		missing = slices.DeleteFunc(slices.Clone(all), func(q questions.Question) bool { return silent()[q.Title] != "" || s.answered(q) })
		return len(missing) == 0
	}, func() string { return fmt.Sprintf("no answer: %s", missing) })
	t.Logf("%d queries answered after %.0f s", len(all), time.Since(began).Seconds())

	for title, why := range silent() {
		if !slices.ContainsFunc(all, func(q questions.Question) bool { return q.Title == title }) {
			t.Errorf("%s: nobody asks that", title)
		}
		for _, q := range all {
			if q.Title == title && !q.Loki && s.answered(q) {
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
	s.await(func() bool { return s.answered(questions.Question{Title: expr, Expr: expr}) }, func() string { return expr + " is not so" })
}

func (s *stage) instance(host string) string { return s.hosts[host].V4.String() + ":9735" }

// database is where CockroachDB tells its own metrics.
func (s *stage) database() string { return s.hosts["database-1"].V4.String() + ":8080" }

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

// answered says whether Prometheus has anything to say.
func (s *stage) answered(q questions.Question) bool {
	if q.Loki {
		return false
	}
	host := s.instance("nakama-1")
	if strings.Contains(q.Page, "cockroachdb") {
		host = s.instance("database-1")
	}
	expr := q.With(questions.Choices{Cluster: "eu", Host: host, Node: s.database()})
	now := time.Now()
	path := "/api/v1/query?" + url.Values{"query": {expr}}.Encode()
	if q.Over {
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
