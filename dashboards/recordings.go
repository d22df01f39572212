package dashboards

import (
	"cmp"
	"strings"
)

// Recording is a series that is worked out once, rather than by each who looks.
type Recording struct{ Name, Expr string }

// RecordEvery is how often.
const RecordEvery = "1m"

// Recordings are what the dashboards need beside the rules' own: whatever is rated, or summed over all hosts. Both arguments are those
// of the rules: label matchers of the agents' series, and the label that tells clusters apart.
func Recordings(selector, clusterLabel string) []Recording {
	expand := strings.NewReplacer("@agents", strings.Trim(selector, "{}"), "@cluster", cmp.Or(clusterLabel, "cluster"))
	// What is divided by nothing is left out: `>= 0` is not so of what is no number.
	all := []Recording{
		{"nakama_warden:host_enforced:min", `min by (@cluster, instance) (nakama_warden_firewall_enforced{@agents})`},
		{"nakama_warden:service_packets:rate5m", `sum by (@cluster, instance, service, verdict) (rate(nakama_warden_firewall_packets_total{@agents}[5m]))`},
		{"nakama_warden:cluster_service_packets:rate5m", `sum by (@cluster, service, verdict) (nakama_warden:service_packets:rate5m)`},
		{"nakama_warden:host_drifts:increase1h", `sum by (@cluster, instance) (increase(nakama_warden_firewall_drift_total{@agents}[1h]))`},
		{"nakama_warden:cluster_drifts:increase1h", `sum by (@cluster, kind) (increase(nakama_warden_firewall_drift_total{@agents}[1h]))`},
		{"nakama_warden:cluster_repair_seconds:p50_1h",
			`histogram_quantile(0.5, sum by (@cluster, le) (rate(nakama_warden_firewall_repair_seconds_bucket{@agents}[1h]))) >= 0`},
		{"nakama_warden:cluster_repair_seconds:p99_1h",
			`histogram_quantile(0.99, sum by (@cluster, le) (rate(nakama_warden_firewall_repair_seconds_bucket{@agents}[1h]))) >= 0`},
		{"nakama_warden:cluster_notifications:increase1h", `sum by (@cluster, receiver, result) (increase(nakama_warden_notifications_total{@agents}[1h]))`},
		{"nakama_warden:cluster_events:increase1h", `sum by (@cluster, kind) (increase(nakama_warden_events_total{@agents}[1h]))`},
		{"nakama_warden:cluster_events_dropped:increase1h", `sum by (@cluster, sink) (increase(nakama_warden_events_dropped_total{@agents}[1h]))`},
		// Every program has these two: only those of agents are meant, whatever the selector says.
		{"nakama_warden:agent_cpu:rate5m",
			`sum by (@cluster, instance) (rate(process_cpu_seconds_total{@agents}[5m]) and on (job, instance) nakama_warden_build_info{@agents})`},
		{"nakama_warden:agent_memory_bytes:max",
			`max by (@cluster, instance) (process_resident_memory_bytes{@agents} and on (job, instance) nakama_warden_build_info{@agents})`},
	}
	for i := range all {
		all[i].Expr = expand.Replace(all[i].Expr)
	}
	return all
}
