package rules

import (
	"fmt"
	"time"
)

const aboutFleet = "fleet"

// FleetConditions are those of a whole fleet that metrics can tell.
func FleetConditions() []Condition {
	const minute, hour = time.Minute, time.Hour
	fleet := func(name string, after, gone time.Duration, threshold float64, title string) Condition {
		return Condition{Name: name, Severity: "warning", For: after, ClearAfter: gone, Threshold: threshold, Unit: "ratio", About: aboutFleet, Title: title}
	}
	return []Condition{
		fleet("HostAbsent", 5*minute, minute, 0.5, "A host that was there within the last day tells nothing any more."),
		fleet("LoadImbalance", 30*minute, 15*minute, 1.25, "A Nakama node carries far more than an equal share of the connections."),
		fleet("FleetCannotLoseNode", 15*minute, hour, 0, "The connections would not fit on the nodes that are left if one failed."),
		fleet("PolicySkew", hour, 5*minute, 0, "Hosts of one role guard different policies."),
	}
}

func ofFleet(c Condition) []finding {
	switch c.Name {
	case "HostAbsent":
		return hostAbsent(c.Threshold)
	case "LoadImbalance":
		return loadImbalance(c.Threshold)
	case "FleetCannotLoseNode":
		return fleetCannotLoseNode()
	case "PolicySkew":
		return policySkew()
	}
	return nil
}

// recordings are levels (unit, node, host, cluster) of what rules and dashboards ask for again and again. A node is a host with
// a Nakama; its capacity is what fits on all Nakamas of it.
func recordings(spare int) []recording {
	return []recording{
		{"nakama_warden:unit_memory_used:ratio", `
			(
				sum without (kind) (nakama_warden_service_memory_bytes{kind=~"anonymous|kernel"})
				and on (instance, unit) nakama_warden_service_memory_bytes{kind="anonymous"}
				or sum without (kind) (nakama_warden_service_memory_bytes{kind="resident"})
			) / on (instance, unit) group_left (source) nakama_warden_memory_limit_bytes`},
		{"nakama_warden:node_connections:sum", `
			sum by (cluster, instance) (
				nakama_warden_connections and on (instance, unit) nakama_warden_service_memory_bytes{service="nakama"}
			)`},
		{"nakama_warden:node_capacity_connections:sum", `
			sum by (cluster, instance) (
				min by (cluster, instance, unit) (nakama_warden_capacity_connections)
				and on (instance, unit) nakama_warden_capacity_known == 1
			)`},
		{"nakama_warden:node_load_share:ratio", `
			(nakama_warden:node_connections:sum unless on (instance) nakama_warden_maintenance == 1)
			/ on (cluster) group_left ()
			avg by (cluster) (nakama_warden:node_connections:sum unless on (instance) nakama_warden_maintenance == 1)`},
		{"nakama_warden:cluster_connections:sum", `sum by (cluster) (nakama_warden:node_connections:sum)`},
		{"nakama_warden:cluster_capacity_connections:sum_without_spares", fmt.Sprintf(`
			sum by (cluster) (nakama_warden:node_capacity_connections:sum)
			- (
				sum by (cluster) (topk by (cluster) (%d, nakama_warden:node_capacity_connections:sum))
				or 0 * sum by (cluster) (nakama_warden:node_capacity_connections:sum)
			)`, spare)},
		// Every host has this series, without labels of its own. One that was in maintenance when it went is not missed for as
		// long as a maintenance usually lasts.
		{"nakama_warden:host_absent:last1d", `
			group by (cluster, instance) (last_over_time(nakama_warden_maintenance[1d]))
			unless on (instance) nakama_warden_maintenance
			unless on (instance) last_over_time(nakama_warden_maintenance[4h]) == 1`},
		{"nakama_warden:cluster_hosts_absent:ratio_last1d", `
			count by (cluster) (nakama_warden:host_absent:last1d)
			/ count by (cluster) (group by (cluster, instance) (last_over_time(nakama_warden_maintenance[1d])))`},
	}
}

// sizing is asked rarely: it reads a month. It is how many nodes of today's average size the peak needs, with the wanted spare.
func sizing(spare int, overprovision float64) []recording {
	const peak = `max_over_time(nakama_warden:cluster_connections:sum[30d])`
	const node = `avg by (cluster) (nakama_warden:node_capacity_connections:sum)`
	failing := fmt.Sprintf(`ceil(%s / %s) + %d`, peak, node, spare)
	return []recording{{"nakama_warden:cluster_nodes_wanted:max30d",
		fmt.Sprintf(`ceil(%s * %g / %s) >= %s or %s`, peak, overprovision, node, failing, failing)}}
}

// hostAbsent is told of each host, unless most of a cluster are gone: then it is told once, of the cluster. That nobody is left in
// production pages: either the game is down, or nobody watches it.
func hostAbsent(most float64) []finding {
	many := fmt.Sprintf(`nakama_warden:cluster_hosts_absent:ratio_last1d > %g`, most)
	nobody := `nakama_warden:cluster_hosts_absent:ratio_last1d unless on (cluster) nakama_warden_maintenance
		and on (cluster) last_over_time(nakama_warden_host_info{environment="production"}[1d])`
	return []finding{{
		expr: fmt.Sprintf(`(nakama_warden:host_absent:last1d unless on (cluster) %s) or (%s unless on (cluster) (%s))`, many, many, nobody),
		description: "{{ if $labels.instance }}{{ $labels.instance }} cannot be scraped, or is not a target any more: is the host up, does `systemctl status nakama-warden` " +
			"say that it runs, can Prometheus reach it? One that was taken away for good is forgotten after a day." +
			"{{ else }}{{ $value | humanizePercentage }} of the hosts of the last day are not scraped: look at what they have in common " +
			"(network, discovery, an upgrade) before you look at any of them.{{ end }}",
	}, {
		expr:        nobody,
		severity:    "critical",
		description: "No host is scraped any more: the cluster is down, or Prometheus cannot see it. Ask the load balancer first whether players are served.",
	}}
}

// leastLoad is what a node must carry on average for shares to mean anything: of 100, chance alone makes 10 more or less.
const leastLoad = 100

func loadImbalance(most float64) []finding {
	return []finding{{
		expr: fmt.Sprintf(`nakama_warden:node_load_share:ratio > %g
			and on (cluster) avg by (cluster) (nakama_warden:node_connections:sum) >= %d`, most, leastLoad),
		description: "{{ $labels.instance }} has {{ $value | printf \"%.2f\" }} × an equal share of its cluster's connections: see how the load balancer " +
			"spreads them (least connections; no stickiness by address), and whether other nodes are out of it.",
	}}
}

// fleetCannotLoseNode is silent as long as it is not known of every node how much fits on it: what is not known is no condition.
func fleetCannotLoseNode() []finding {
	return []finding{{
		expr: `nakama_warden:cluster_connections:sum > nakama_warden:cluster_capacity_connections:sum_without_spares
			and on (cluster) count by (cluster) (nakama_warden:node_capacity_connections:sum) == on (cluster) count by (cluster) (nakama_warden:node_connections:sum)
			and on (cluster) nakama_warden_host_info{environment="production"}`,
		description: "{{ $value | printf \"%.0f\" }} connections are more than fit without the largest nodes that may fail: add a node. " +
			"The series nakama_warden:cluster_nodes_wanted:max30d says how many the peak needs.",
	}}
}

// policySkew compares hosts of one role. A host of several roles has services of all of them, and so another policy.
func policySkew() []finding {
	return []finding{{
		expr: `count by (cluster, role) (
				count by (cluster, role, hash) (
					nakama_warden_host_role_info * on (instance) group_left (hash) nakama_warden_firewall_policy_info
					unless on (instance) count by (instance) (nakama_warden_host_role_info) > 1
				)
			) > 1`,
		description: "Hosts with role {{ $labels.role }} have {{ $value }} policies: compare their configurations; " +
			"`count by (hash) (nakama_warden_firewall_policy_info)` tells how many have which.",
	}}
}
