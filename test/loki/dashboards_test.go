package loki

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// besieged is the configuration of a host with both roles, which has something to tell of each of its dashboards.
const besieged = `
roles: [nakama, cockroachdb]
environment: testing
fleet: {nakama: {static: [%[1]s]}}
firewall: {mode: enforce, grip: watched}
web: {listen: "127.0.0.1:9735"}
loki: {url: "http://127.0.0.1:%[2]d/loki/api/v1/push"}
`

// Every question that the dashboards ask of Loki is understood by a real one, and answered of what happened: a policy was applied, a
// player was refused, the rules were changed.
func TestTheDashboardsAskLoki(t *testing.T) {
	loki := os.Getenv("LOKI_PROGRAM")
	if loki == "" {
		t.Skip("LOKI_PROGRAM is lacking: run `make test-loki`, which builds a Loki")
	}
	all, err := questions.Of("../../dashboards/json")
	if err != nil {
		t.Fatal(err)
	}
	r, player := withPlayer(t)
	r.loki(loki, r.write("loki.yaml", fmt.Sprintf(settings, port, filepath.Join(r.dir, "loki"))))
	p := r.daemon()
	console := netip.AddrPortFrom(r.host.V4, 7351)
	if outcome := player.Reach(t.Context(), console, 300*time.Millisecond); outcome != lab.Hidden {
		t.Fatalf("the console is %s to a player", outcome)
	}
	r.tamper()
	// Who was refused is told when the minute ends, or the daemon.
	r.await("the drift", func() bool { return len(r.find(`{kind="drift"}`)) == 1 })
	r.stop(p)
	r.daemon()
	r.await("the refusal", func() bool { return len(r.find(`{kind="refused"}`)) > 0 })

	asked := 0
	for _, host := range []string{".+", r.host.Name} {
		for _, q := range all {
			if q.Loki {
				asked++
				r.asks(q, strings.ReplaceAll(q.Expr, "$log_host", host))
			}
		}
	}
	t.Logf("asked %d questions", asked)
	if asked == 0 {
		t.Error("the dashboards ask nothing of Loki")
	}
}

// withPlayer makes a host that tells Loki, and a neighbour who may not see its console.
func withPlayer(t *testing.T) (r *rig, player *lab.Host) {
	t.Helper()
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // it never fails
	var hosts [2]*lab.Host
	for i, name := range []string{"nakama-1", "player"} {
		if hosts[i], err = l.Host(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := hosts[0].Listen(7350, 7351, 26257); err != nil {
		t.Fatal(err)
	}
	r = &rig{T: t, host: hosts[0], dir: t.TempDir(), program: program(t)}
	r.write("config.yaml", fmt.Sprintf(besieged, r.host.V4, port))
	return r, hosts[1]
}

// told is how a panel of logs shows an event: its kind, its host and its summary.
var told = regexp.MustCompile(`^[a-z_]+  nakama-1  \S`)

// asks a question as Grafana does, and wants an answer of which the panel, or the mark, can be made.
func (r *rig) asks(q questions.Question, query string) {
	r.Helper()
	answer, err := r.get(port, "/loki/api/v1/query_range?since=1h&limit=200&direction=backward&query="+url.QueryEscape(query))
	if err != nil {
		r.Errorf("%s: %s: %v\n%s", q.Page, q.Title, err, query)
		return
	}
	var found struct {
		Data struct {
			Result []struct {
				Stream map[string]string
				Values [][2]string
			}
		}
	}
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		r.Fatalf("%s: %v", answer, err)
	}
	if len(found.Data.Result) == 0 {
		r.Errorf("%s: %s: no answer\n%s", q.Page, q.Title, query)
	}
	for _, stream := range found.Data.Result {
		labels := stream.Stream
		if labels["__error__"] != "" || labels["summary"] == "" || labels["host"] != r.host.Name {
			r.Errorf("%s: %s: an event with the labels %v\n%s", q.Page, q.Title, labels, query)
		}
		for _, value := range stream.Values {
			if !q.Over && !told.MatchString(value[1]) {
				r.Errorf("%s: %s: shows %q\n%s", q.Page, q.Title, value[1], query)
			}
		}
	}
}
