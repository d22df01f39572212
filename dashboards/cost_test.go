package dashboards

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// What a panel may cost, and the fleet for which that holds.
const (
	mostSamples  = 20_000
	fleetHosts50 = 50
	clusters     = 2
	shown24h     = 24 * time.Hour
	scrapedEvery = 15 * time.Second
)

// card is how many series there are of a metric: on how many hosts, and of which labels' values on each.
type card struct {
	of     int
	labels map[string][]string
}

func values(n int, some ...string) []string {
	for i := len(some); i < n; i++ {
		some = append(some, "x"+strings.Repeat("y", i))
	}
	return some
}

// cards is a large host of each metric: seven services, two Nakamas, every group with two sources.
func cards() map[string]card {
	service := values(7, "nakama-api", "nakama-grpc", "cockroachdb-sql", "cockroachdb-http")
	verdict := []string{"allowed", "refused", "would_refuse"}
	unit, group := values(2), values(7)
	kind := values(8, "table", "rule")
	perHost := map[string]map[string][]string{
		"nakama_warden_maintenance":                              nil,
		"nakama_warden_host_info":                                {"mode": {"enforce"}},
		"nakama_warden_host_role_info":                           {"role": {"nakama"}},
		"nakama_warden_build_info":                               nil,
		"nakama_warden_firewall_policy_info":                     nil,
		"nakama_warden_firewall_last_verified_timestamp_seconds": nil,
		"nakama_warden_firewall_enforced":                        {"service": service},
		"nakama_warden_refused_sources":                          {"service": service},
		"nakama_warden_connections":                              {"service": service[:2], "unit": unit, "state": values(2)},
		"nakama_warden_service_memory_bytes":                     {"service": {"nakama", "cockroachdb"}, "unit": unit[:1], "kind": {"resident", "anonymous", "file", "kernel"}},
		"nakama_warden_service_memory_ceiling_bytes":             {"unit": unit},
		"nakama_warden_memory_limit_bytes":                       {"unit": unit},
		"nakama_warden_capacity_known":                           {"unit": unit},
		"nakama_warden_capacity_bytes_per_connection":            {"unit": unit},
		"nakama_warden_capacity_connections":                     {"unit": unit, "resource": values(3)},
		"nakama_warden_provision_ratio":                          {"unit": unit},
		"nakama_warden_provision_target_ratio":                   nil,
		"nakama_warden_memory_exhaustion_timestamp_seconds":      {"unit": unit},
		"nakama_warden_sessions":                                 {"unit": unit},
		"nakama_warden_presences":                                {"unit": unit},
		"nakama_warden_condition_active": {"condition": values(25, "Drift", "DriftFight", "StoreDegraded", "DeliveryFailing",
			"UnexpectedDatabaseClient", "CockroachMemoryMisconfigured")},
		"nakama_warden_alerts":                                       {"state": {"pending", "firing"}},
		"nakama_warden_outbox_length":                                nil,
		"nakama_warden_roster_addresses":                             {"group": group},
		"nakama_warden_roster_source_up":                             {"group": group, "source": values(2)},
		"nakama_warden_roster_last_success_timestamp_seconds":        {"group": group},
		"nakama_warden_config_last_reload_successful":                nil,
		"nakama_warden_config_last_reload_success_timestamp_seconds": nil,

		"nakama_warden:host_absent:last1d":            nil,
		"nakama_warden:host_enforced:min":             nil,
		"nakama_warden:host_drifts:increase1h":        nil,
		"nakama_warden:node_connections:sum":          nil,
		"nakama_warden:node_capacity_connections:sum": nil,
		"nakama_warden:node_load_share:ratio":         nil,
		"nakama_warden:unit_memory_used:ratio":        {"unit": unit},
		"nakama_warden:service_packets:rate5m":        {"service": service, "verdict": verdict},
		"nakama_warden:agent_cpu:rate5m":              nil,
		"nakama_warden:agent_memory_bytes:max":        nil,

		"ALERTS": nil, // one on every host is a bad day
	}
	perCluster := map[string]map[string][]string{
		"nakama_warden:cluster_connections:sum":                         nil,
		"nakama_warden:cluster_capacity_connections:sum_without_spares": nil,
		"nakama_warden:cluster_nodes_wanted:max30d":                     nil,
		"nakama_warden:cluster_service_packets:rate5m":                  {"service": service, "verdict": verdict},
		"nakama_warden:cluster_drifts:increase1h":                       {"kind": kind},
		"nakama_warden:cluster_repair_seconds:p50_1h":                   nil,
		"nakama_warden:cluster_repair_seconds:p99_1h":                   nil,
		"nakama_warden:cluster_notifications:increase1h":                {"receiver": values(3), "result": values(4)},
		"nakama_warden:cluster_events:increase1h":                       {"kind": values(30)},
		"nakama_warden:cluster_events_dropped:increase1h":               {"sink": values(4)},
	}
	all := map[string]card{}
	for name, labels := range perHost {
		all[name] = card{fleetHosts50, labels}
	}
	for name, labels := range perCluster {
		all[name] = card{clusters, labels}
	}
	for _, name := range []string{"sys_uptime", "sys_rss", "sys_fd_open", "sys_fd_softlimit", "liveness_livenodes", "capacity", "capacity_available", "sql_conns",
		"clock_offset_meannanos", "storage_write_stalls", "ranges_unavailable", "ranges_underreplicated", "security_certificate_expiration_node"} {
		all[name] = card{1, map[string][]string{"store": values(4)}} // of one node
	}
	return all
}

// series is how many of them a selector finds.
func (c card) series(s *parser.VectorSelector) int {
	n := c.of
	for _, m := range s.LabelMatchers {
		if m.Name == "instance" && m.Type == labels.MatchEqual {
			n = 1
		}
	}
	for name, values := range c.labels {
		found := 0
		for _, value := range values {
			if matches(s.LabelMatchers, name, value) {
				found++
			}
		}
		n *= found
	}
	return n
}

func matches(matchers []*labels.Matcher, name, value string) bool {
	for _, m := range matchers {
		if m.Name == name && !m.Matches(value) {
			return false
		}
	}
	return true
}

// cost is how many samples an expression reads in so many steps.
func cost(t *testing.T, text string, steps int) (samples int) {
	t.Helper()
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	known := cards()
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		s, is := node.(*parser.VectorSelector)
		if !is {
			return nil
		}
		c, is := known[s.Name]
		if !is {
			t.Errorf("%s: how many series has %s?", text, s.Name)
		}
		each := 1
		for _, above := range path {
			switch above := above.(type) {
			case *parser.MatrixSelector:
				each *= int(above.Range / scrapedEvery)
			case *parser.SubqueryExpr:
				each *= int(above.Range / max(above.Step, scrapedEvery))
			}
		}
		samples += c.series(s) * each * steps
		return nil
	})
	return samples
}

func TestQueriesAreCheap(t *testing.T) {
	dearest, which := 0, ""
	judge := func(where string, samples int) {
		if samples > mostSamples {
			t.Errorf("%s reads %d samples; want at most %d", where, samples, mostSamples)
		}
		if samples > dearest {
			dearest, which = samples, where
		}
	}
	for _, d := range built(t, some()) {
		each(d, func(p Panel) {
			samples := 0
			for _, target := range p.Targets {
				switch {
				case target.Datasource.Type == "loki":
				case target.Instant:
					samples += cost(t, target.Expr, 1)
				default:
					samples += cost(t, target.Expr, p.MaxDataPoints+1)
				}
			}
			judge(d.UID+": "+p.Title, samples)
		})
		for _, a := range d.Annotations.List {
			if a.Datasource.Type == "loki" {
				continue
			}
			every, err := model.ParseDuration(a.Step)
			if err != nil {
				t.Fatal(err)
			}
			judge(d.UID+": "+a.Name, cost(t, a.Expr, int(shown24h/time.Duration(every))+1))
		}
	}
	t.Logf("the dearest reads %d samples: %s", dearest, which)
}

func TestCostIsSeriesTimesStepsTimesRange(t *testing.T) {
	for expr, want := range map[string]int{
		`nakama_warden_maintenance`:                   50 * 10,
		`nakama_warden_maintenance{instance="$host"}`: 10,
		`nakama_warden_alerts`:                        100 * 10,
		`nakama_warden_alerts{state="firing"} + nakama_warden_alerts{state!="firing"}`: 100 * 10,
		`rate(nakama_warden_maintenance[5m])`:                                          50 * 10 * 20,
		`max_over_time(nakama_warden_maintenance[1h:1m])`:                              50 * 10 * 60,
		`nakama_warden:cluster_connections:sum`:                                        clusters * 10,
	} {
		if got := cost(t, expr, 10); got != want {
			t.Errorf("%s: %d; want %d", expr, got, want)
		}
	}
}
