package web

import (
	"flag"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/nakama-warden/nakama-warden/status"
)

var update = flag.Bool("update", false, "write the golden files")

// fixed shows a host on which every metric has a value.
func fixed() Options {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	host := status.Host{
		Time: at, Hostname: "nakama-1", Version: "1.2.3", Environment: "production", Roles: []string{"nakama", "cockroachdb"},
		Config: status.Config{Path: "config.yaml", LastReload: at.Add(-time.Hour), LastReloadOK: true},
		Firewall: status.Firewall{
			Mode: "enforce", Grip: "owned", PolicyHash: "0123456789ab", Verified: true, LastVerified: at.Add(-1500 * time.Millisecond),
			State: "enforcing", Drifts: map[string]uint64{"rule": 2, "table": 1}, EventsLost: 3,
			Repairs: status.Histogram{Bounds: []float64{0.001, 0.01, 0.1}, Counts: []uint64{1, 2, 3}, Count: 3, Sum: 0.057},
		},
		Services: []status.Service{
			{Name: "nakama-api", Ports: []uint16{7350}, Mode: "enforce", Enforced: true,
				Traffic: map[string]status.Count{"allowed": {Packets: 1000, Bytes: 64000}, "refused": {}}},
			{Name: "nakama-cluster", Ports: []uint16{7352, 7353}, Mode: "audit",
				Traffic: map[string]status.Count{"would_refuse": {Packets: 7, Bytes: 420}}},
		},
		Roster: []status.Group{
			{Name: "admins", Addresses: 2, LastSuccess: at, Sources: []status.Source{{Name: "static/0", Up: true}}},
			{Name: "nakama", Addresses: 3, Sources: []status.Source{{Name: "static/0", Up: true}, {Name: "files/0"}}},
		},
		Agent: status.Agent{
			Started: at.Add(-time.Hour), PID: 4242,
			Events: map[string]uint64{"started": 1, "drift": 3}, EventsDropped: map[string]uint64{"store": 4},
			Deliveries: []status.Delivery{
				{Receiver: "alertmanager/0", Queued: 2, Results: map[string]uint64{"delivered": 40, "failed": 5}},
				{Receiver: "pagerduty/on-call/0", Queued: 1, Results: map[string]uint64{"delivered": 3, "refused": 1}},
			},
		},
		Conditions: []status.Condition{
			{Name: "DescriptorsLow", Subject: "a", Severity: "warning"}, {Name: "DescriptorsLow", Subject: "b", Severity: "warning"},
			{Name: "UnsafeExposure", Subject: "nakama-console", Severity: "warning"},
			{Name: "AuditOnly", Severity: "warning"}, // by the operator's word
		},
		Alerts:      []status.Alert{{State: status.AlertFiring}, {State: status.AlertPending}, {State: status.AlertPending}},
		Maintenance: &status.Maintenance{Until: at.Add(time.Hour)},
	}
	return Options{
		Host:    func() status.Host { return host },
		Ready:   func() bool { return true },
		Events:  func(status.EventQuery) ([]status.Event, error) { return nil, nil },
		History: func(status.HistoryQuery) (status.History, error) { return status.History{}, nil },
		Version: "1.2.3",
	}
}

// own returns the agent's own metrics of a page, without what the Go runtime makes different each time.
func own(page string) string {
	page = strings.ReplaceAll(page, runtime.Version(), "go1.x")
	var lines []string
	for line := range strings.Lines(page) {
		if strings.Contains(line, "nakama_warden_") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestMetricsPage(t *testing.T) {
	const golden = "testdata/metrics.golden"
	got := own(get(fixed(), "GET", "/metrics").Body.String())
	if *update {
		writeFile(t, golden, got)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s(go test -update writes it)", got, want)
	}
}

func TestAgentsOwnMetrics(t *testing.T) {
	page := get(fixed(), "GET", "/metrics").Body.String()
	for _, name := range []string{"process_resident_memory_bytes", "process_cpu_seconds_total", "go_goroutines"} {
		if !regexp.MustCompile(`(?m)^` + name + ` `).MatchString(page) {
			t.Errorf("%s is absent", name)
		}
	}
}

func TestMetricsLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(get(fixed(), "GET", "/metrics").Body.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What is unknown is absent: nobody may read a zero that was never measured.
func TestUnknownIsAbsent(t *testing.T) {
	o := fixed()
	o.Host = func() status.Host {
		return status.Host{Services: []status.Service{{Name: "nakama-api"}}, Roster: []status.Group{{Name: "admins"}}}
	}
	page := get(o, "GET", "/metrics").Body.String()
	for _, name := range []string{"config_last_reload_successful", "config_last_reload_success_timestamp_seconds",
		"firewall_last_verified_timestamp_seconds", "firewall_policy_info", "firewall_packets_total", "firewall_bytes_total",
		"host_role_info", "service_info", "roster_source_up", "roster_last_success_timestamp_seconds", "events_total"} {
		if strings.Contains(page, "\nnakama_warden_"+name+"{") || strings.Contains(page, "\nnakama_warden_"+name+" ") {
			t.Errorf("%s is told", name)
		}
	}
}

func TestReloadThatFailed(t *testing.T) {
	o := fixed()
	o.Host = func() status.Host {
		return status.Host{Config: status.Config{Problem: "config.yaml:3: roles: unknown role"}}
	}
	if page := get(o, "GET", "/metrics").Body.String(); !strings.Contains(page, "nakama_warden_config_last_reload_successful 0\n") {
		t.Error("the failure is not told")
	}
}

// A bad label loses its own series and no other.
func TestBadLabel(t *testing.T) {
	o := fixed()
	host := o.Host()
	host.Roles = []string{"nakama", "\xff"}
	o.Host = func() status.Host { return host }
	w := get(o, "GET", "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `nakama_warden_host_role_info{role="nakama"} 1`) {
		t.Errorf("got %d", w.Code)
	}
}

// Each scrape reads one snapshot: series of two would not agree.
func TestOneSnapshotPerScrape(t *testing.T) {
	o, read := fixed(), 0
	host := o.Host
	o.Host = func() status.Host { read++; return host() }
	get(o, "GET", "/metrics")
	if read != 1 {
		t.Errorf("a scrape reads %d snapshots", read)
	}
}
