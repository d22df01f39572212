package live

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/alerting/rules"
)

// prefix begins the names of alerts, whoever tells them.
const prefix = "NakamaWarden"

// routing is as docs/alerting.md advises, but quicker, and keeps apart who told: what Prometheus tells has a job.
const routing = `
route:
  receiver: daemon
  group_by: [cluster, alertname]
  group_wait: 1s
  group_interval: 500ms
  repeat_interval: 4h
  routes: [{receiver: rules, matchers: [job = nakama-warden], group_wait: 100ms}]
receivers:
- {name: daemon, webhook_configs: [{url: 'http://` + pagerAt + `', send_resolved: true}]}
- {name: rules, webhook_configs: [{url: 'http://` + pagerAt + `', send_resolved: true}]}
`

// startAlertmanager begins, or goes on with what it had stored when it was stopped.
func (s *stage) startAlertmanager() {
	s.t.Helper()
	s.write("alertmanager.yml", routing)
	s.alertmanager = s.start(s.programs.Alertmanager("--config.file="+s.path("alertmanager.yml"), "--storage.path="+s.path("alertmanager"),
		"--web.listen-address="+alertmanagerAt, "--cluster.listen-address=", "--log.level=warn"), "alertmanager.log")
	s.answers("http://" + alertmanagerAt + "/-/ready")
}

func (s *stage) stopAlertmanager() {
	s.t.Helper()
	must(s.t, s.alertmanager.Signal(unix.SIGTERM))
	must(s.t, s.alertmanager.Wait())
}

// page is a message of the Alertmanager, as far as it matters here.
type page struct {
	Receiver    string            `json:"receiver"`
	GroupLabels map[string]string `json:"groupLabels"`
	Alerts      []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"alerts"`
}

// pager is the webhook behind the Alertmanager. It holds each page to what on-call needs, and remembers it.
type pager struct {
	t *testing.T

	mu    sync.Mutex // guards pages
	pages []page
}

func (p *pager) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var got page
	if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
		p.t.Errorf("a page that cannot be read: %v", err)
		return
	}
	p.check(got)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages = append(p.pages, got)
}

// check is about what every page must have: its group, and in each alert what is wrong and where to read what to do.
func (p *pager) check(got page) {
	name := got.GroupLabels["alertname"]
	if want := map[string]string{"alertname": name, "cluster": "eu"}; !maps.Equal(got.GroupLabels, want) {
		p.t.Errorf("a page of the group %v; want %v", got.GroupLabels, want)
	}
	for _, a := range got.Alerts {
		runbook := rules.DefaultRunbookBase + strings.TrimPrefix(name, prefix) + ".md"
		if a.Labels["alertname"] != name || a.Labels["severity"] == "" || a.Annotations["summary"] == "" ||
			a.Annotations["description"] == "" || a.Annotations["runbook_url"] != runbook {
			p.t.Errorf("a page lacks something: %v, %v; want the runbook %s", a.Labels, a.Annotations, runbook)
		}
	}
}

// all is every page so far of one alert by one who tells, which are named RECEIVER/NAME. A page is the states of its alerts, with
// their subjects.
func (p *pager) all(of string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var pages []string
	for _, got := range p.pages {
		if got.Receiver+"/"+strings.TrimPrefix(got.GroupLabels["alertname"], prefix) != of {
			continue
		}
		var states []string
		for _, a := range got.Alerts {
			states = append(states, strings.TrimPrefix(a.Labels["subject"]+" "+a.Status, " "))
		}
		slices.Sort(states)
		pages = append(pages, strings.Join(states, ", "))
	}
	return pages
}

// heard waits until the pages of an alert are these, from the first on. One that is not among them cannot be taken back.
func (s *stage) heard(of string, pages ...string) {
	s.t.Helper()
	var got []string
	otherwise := func() string {
		return fmt.Sprintf("%s: heard %q; want %q", of, got, pages)
	}
	s.await(func() bool {
		got = s.pager.all(of)
		if len(got) > len(pages) || !slices.Equal(got, pages[:len(got)]) {
			s.t.Fatal(otherwise())
		}
		return len(got) == len(pages)
	}, otherwise)
	s.t.Logf("%5.1f s  heard of %s: %s", time.Since(s.began).Seconds(), of, strings.Join(pages, "; "))
}
