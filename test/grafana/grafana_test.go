// Package grafana holds the committed dashboards to what the agent exports and what the rules record. The tests in live ask
// their questions of a real Prometheus.
package grafana

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/nakama-warden/nakama-warden/agent/web"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/dashboards"
	"github.com/nakama-warden/nakama-warden/status"
)

// knowsAll is a host of which everything is known that dashboards ask for.
func knowsAll() status.Host {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	twelve := uint64(12)
	traffic := map[string]status.Count{"allowed": {}, "refused": {}, "would_refuse": {}}
	return status.Host{
		Time: at, Environment: "production", Roles: []string{"nakama", "cockroachdb"},
		Config: status.Config{LastReload: at, LastReloadOK: true},
		Firewall: status.Firewall{Mode: "enforce", Grip: "owned", PolicyHash: "0123456789ab", LastVerified: at,
			Repairs: status.Histogram{Bounds: []float64{1}, Counts: []uint64{1}, Count: 1, Sum: 1}},
		Services: []status.Service{{Name: "nakama-api", Ports: []uint16{7350}, Traffic: traffic}, {Name: "cockroachdb-sql", Ports: []uint16{26257}, Traffic: traffic}},
		Roster:   []status.Group{{Name: "nakama", LastSuccess: at, Sources: []status.Source{{Name: "static/0", Up: true}}}},
		Agent: status.Agent{Events: map[string]uint64{"drift": 1}, EventsDropped: map[string]uint64{"store": 1},
			Deliveries: []status.Delivery{{Receiver: "alertmanager/0", Results: map[string]uint64{"delivered": 1}}}},
		Sample: &status.Sample{Time: at, Units: []status.Unit{
			{Name: "nakama.service", Role: "nakama", Ports: []status.Port{{Port: 7350, Service: "nakama-api", Connections: 400}},
				Memory:      status.Memory{Resident: 5 << 20, Anonymous: 4 << 20, File: 1 << 20, Kernel: 1 << 20, Ceiling: 6 << 20, Limit: 1 << 30, LimitBy: "host"},
				Application: &status.Application{Sessions: &twelve, Presences: &twelve},
				Capacity: &status.Capacity{Known: true, Fits: 1000, Resources: []status.Resource{{Name: "memory", Fits: 1000, Known: true}},
					Ratio: 2.5, Target: 1.5, BytesPerConnection: 1000, Exhaustion: &at}},
			{Name: "cockroach.service", Role: "cockroachdb", Ports: []status.Port{{Port: 26257, Service: "cockroachdb-sql", Connections: 4}},
				Memory: status.Memory{Resident: 5 << 20, Anonymous: 4 << 20}},
		}},
	}
}

// known are the values of each label of each metric that the agent exports.
func known(t *testing.T) map[string]map[string][]string {
	t.Helper()
	page := httptest.NewRecorder()
	web.Handler(web.Options{Host: knowsAll, Version: "1.2.3"}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	all := map[string]map[string][]string{}
	for line := range strings.Lines(page.Body.String()) {
		series, _, isSeries := strings.Cut(line, " ")
		if !isSeries || strings.HasPrefix(line, "#") {
			continue
		}
		if open := strings.Index(line, "{"); open >= 0 {
			series = line[:strings.LastIndex(line, "}")+1]
		}
		parsed, err := parser.ParseMetric(series)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		name := parsed.Get(labels.MetricName)
		if all[name] == nil {
			all[name] = map[string][]string{}
		}
		parsed.Range(func(l labels.Label) { all[name][l.Name] = append(all[name][l.Name], l.Value) })
	}
	return all
}

// recorded are the series that our rules make, with their labels as far as they can be told.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	file, err := rules.Build(rules.Options{SpareNodes: 1, Overprovision: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			all[r.Record] = r.Expr
		}
	}
	for _, r := range dashboards.Recordings("", "") {
		all[r.Name] = r.Expr
	}
	return all
}

// ofOthers are metrics of Prometheus itself and of CockroachDB.
func ofOthers() []string {
	return []string{"ALERTS", "sys_uptime", "sys_rss", "sys_fd_open", "sys_fd_softlimit", "liveness_livenodes", "capacity", "capacity_available", "sql_conns",
		"clock_offset_meannanos", "storage_write_stalls", "ranges_unavailable", "ranges_underreplicated", "security_certificate_expiration_node"}
}

// unknown are the metrics of an expression, and the labels' values that it selects, that nobody exports.
func unknown(expr string, known map[string]map[string][]string, recorded map[string]string) (problems []string) {
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		s, is := node.(*parser.VectorSelector)
		if !is || slices.Contains(ofOthers(), s.Name) {
			return nil
		}
		metric, exported := known[s.Name]
		if _, is := recorded[s.Name]; !exported && !is {
			problems = append(problems, s.Name)
		}
		for _, m := range s.LabelMatchers {
			fromScrape := m.Name == labels.MetricName || m.Name == "cluster" || m.Name == "instance" || m.Name == "job"
			if exported && !fromScrape && !slices.ContainsFunc(metric[m.Name], m.Matches) {
				problems = append(problems, s.Name+"{"+m.String()+"}")
			}
		}
		return nil
	})
	return problems
}

func committed(t *testing.T) (all []dashboards.Dashboard) {
	t.Helper()
	files, err := filepath.Glob("../../dashboards/json/*.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("%d dashboards (%v); want 5", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboards.Dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}

// expressions are all that a dashboard asks of Prometheus, by who asks.
func expressions(d dashboards.Dashboard) map[string][]string {
	all := map[string][]string{}
	for _, p := range d.Panels {
		for _, panel := range append([]dashboards.Panel{p}, p.Panels...) {
			for _, target := range panel.Targets {
				if target.Datasource.Type == "prometheus" {
					all[panel.Title] = append(all[panel.Title], target.Expr)
				}
			}
		}
	}
	for _, a := range d.Annotations.List {
		if a.Datasource.Type == "prometheus" {
			all[a.Name] = append(all[a.Name], a.Expr)
		}
	}
	return all
}

// A panel that asks for what nobody exports is empty, and looks as if all were well.
func TestDashboardsReadWhatIsExported(t *testing.T) {
	known, recorded := known(t), recorded(t)
	for _, d := range committed(t) {
		for who, exprs := range expressions(d) {
			for _, expr := range exprs {
				for _, problem := range unknown(expr, known, recorded) {
					t.Errorf("%s: %s: %s is not exported", d.UID, who, problem)
				}
			}
		}
	}
	for name, expr := range recorded {
		for _, problem := range unknown(expr, known, recorded) {
			t.Errorf("%s: %s is not exported", name, problem)
		}
	}
}

// What is recorded costs a Prometheus memory for as long as it keeps it.
func TestEverythingRecordedForDashboardsIsRead(t *testing.T) {
	var read strings.Builder
	for _, d := range committed(t) {
		for _, exprs := range expressions(d) {
			read.WriteString(strings.Join(exprs, "\n"))
		}
	}
	for _, r := range dashboards.Recordings("", "") {
		read.WriteString(r.Expr)
	}
	for _, r := range dashboards.Recordings("", "") {
		if !strings.Contains(read.String(), r.Name) {
			t.Errorf("nobody reads %s", r.Name)
		}
	}
}

// Every limit of a condition, by whatever severity and threshold, is in the catalogue.
func TestRunbooksAreOfConditions(t *testing.T) {
	var names []string
	for _, c := range alerting.Catalogue() {
		names = append(names, c.Name)
	}
	for _, c := range rules.FleetConditions() {
		names = append(names, c.Name)
	}
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			for _, panel := range append([]dashboards.Panel{p}, p.Panels...) {
				for _, link := range panel.Links {
					if name, is := strings.CutPrefix(link.Title, "Runbook: "); is && !slices.Contains(names, name) {
						t.Errorf("%s: %s is no condition", panel.Title, name)
					}
				}
			}
		}
	}
}

func TestUnknownMetricsAreFound(t *testing.T) {
	known, recorded := known(t), recorded(t)
	for expr, want := range map[string]string{
		`nakama_warden_maintenance == 1`:                            "",
		`nakama_warden_maintenence == 1`:                            "nakama_warden_maintenence",
		`nakama_warden_condition_active{condition="Paussed"}`:       `nakama_warden_condition_active{condition="Paussed"}`,
		`nakama_warden_host_info{colour="red", cluster=~"$c"}`:      `nakama_warden_host_info{colour="red"}`,
		`nakama_warden:host_enforced:min + nakama_warden:nothing`:   "nakama_warden:nothing",
		`max(ALERTS) + max(nakama_warden_sessions{instance="one"})`: "",
	} {
		if got := strings.Join(unknown(expr, known, recorded), ", "); got != want {
			t.Errorf("%s: found %q; want %q", expr, got, want)
		}
	}
}
