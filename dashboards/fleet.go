package dashboards

import "fmt"

// The uids of the dashboards, which are in their addresses.
const (
	uidFleet     = "nakama-warden-fleet"
	uidNakama    = "nakama-warden-nakama-host"
	uidCockroach = "nakama-warden-cockroachdb-host"
	uidFirewall  = "nakama-warden-firewall"
	uidAgents    = "nakama-warden-agents"
)

// notRecorded stands where an answer needs our recording rules; notKnown where the agents do not know it either.
const (
	notRecorded = "not recorded: load `export rules`"
	notKnown    = "not known yet"
)

// nodes have a page as Nakama's hosts; a host of which the roles are not told may have either.
func nodes() []string   { return []string{uidNakama} }
func anyHost() []string { return []string{uidNakama, uidCockroach} }

func fleet(b *builder) page {
	return page{uid: uidFleet, title: "nakama-warden / Fleet",
		about:    "All hosts: is everybody guarded, does everybody fit, and who needs a look.",
		sections: []section{{title: "Now", questions: fleetNow(b)}, {title: "Load", questions: fleetLoad(b)}, {title: "Who needs a look", questions: fleetHosts(b)}}}
}

func fleetNow(b *builder) []question {
	return []question{{
		title: "Is every host enforcing?",
		view:  number, unit: ratio, runbook: "NotEnforced", width: 4, height: 5,
		about:   "The share of hosts on which every guarded service was read back from the kernel as enforced. A host in audit is not.",
		queries: []query{{`avg(min by (@cluster, instance) (nakama_warden_firewall_enforced{@fleet}))`, ""}},
		limit:   b.below("NotEnforced", 1),
	}, {
		title: "Is any host missing?",
		view:  number, unit: count, runbook: "HostAbsent", width: 4, height: 5,
		about:   "Hosts that were scraped within the last day and are not any more, other than those in maintenance.",
		queries: []query{{`count(nakama_warden:host_absent:last1d{@fleet}) or vector(0)`, ""}},
		limit:   b.from("HostAbsent", 1),
	}, {
		title: "How many alerts fire?",
		view:  number, unit: count, docs: "conditions.md", width: 4, height: 5,
		about:   "Alerts that the agents tell of, silenced ones too. The table below names their conditions.",
		queries: []query{{`sum(nakama_warden_alerts{@fleet, state="firing"})`, ""}},
		limit:   limit{[]Step{{Color: good}, {Color: "orange", Value: pointer(1)}}},
	}, {
		title: "How many players are connected?",
		view:  number, unit: count, docs: "counting.md#connections", width: 4, height: 5, none: notRecorded,
		about:   "Connections that hold memory, on all Nakama nodes.",
		queries: []query{{`sum(nakama_warden:cluster_connections:sum{@fleet})`, ""}},
	}, {
		title: "How full would it be without the largest nodes?",
		view:  number, unit: ratio, runbook: "FleetCannotLoseNode", width: 4, height: 5, none: "not known, or none is left",
		about: "Connections, as a share of what fits on the nodes that are left when as many of the largest fail as capacity.spare_nodes says. Of several " +
			"clusters the fullest. Above 100 % not everybody would find a place. A cluster of which no node would be left is no share of anything, and left out.",
		queries: []query{{`max(nakama_warden:cluster_connections:sum{@fleet} / on (@cluster) (nakama_warden:cluster_capacity_connections:sum_without_spares{@fleet} > 0))`, ""}},
		limit:   b.from("FleetCannotLoseNode", 1),
	}, {
		title: "How many nodes does the peak need?",
		view:  number, unit: count, runbook: "FleetCannotLoseNode", width: 4, height: 5, none: notKnown,
		about:   "Nodes of today's average size that the largest load of 30 days needs with the wanted spare, beside those that there are.",
		queries: []query{{`sum(nakama_warden:cluster_nodes_wanted:max30d{@fleet} < Inf)`, "needed"}, {`count(nakama_warden:node_connections:sum{@fleet})`, "there are"}},
	}}
}

func fleetLoad(b *builder) []question {
	return []question{{
		title: "How many more players fit?",
		view:  lines, unit: count, docs: "counting.md#what-fits", width: 12, height: 8, none: notKnown,
		about: "Connections, beside what fits with 90 % certainty on all nodes, and on those that are left without the largest.",
		queries: []query{{`sum by (@cluster) (nakama_warden:cluster_connections:sum{@fleet})`, "connected {{@cluster}}"},
			{`sum by (@cluster) (nakama_warden:node_capacity_connections:sum{@fleet})`, "fit {{@cluster}}"},
			{`nakama_warden:cluster_capacity_connections:sum_without_spares{@fleet}`, "fit without the largest {{@cluster}}"}},
	}, {
		title: "Does any node carry more than its share?",
		view:  lines, unit: ratio, runbook: "LoadImbalance", width: 12, height: 8, none: notRecorded, hosts: nodes(),
		about:   "Connections of a node beside the average of its cluster: 100 % is an equal share. Below 100 connections a node, chance makes more than the limit.",
		queries: []query{{`nakama_warden:node_load_share:ratio{@fleet} >= 0`, "{{instance}}"}}, // of nobody there is no share
		limit:   b.threshold("LoadImbalance"),
	}, {
		title: "How are the players spread over the nodes?",
		view:  lines, unit: count, runbook: "LoadImbalance", width: 12, height: 8, none: notRecorded, hosts: nodes(),
		about:   "Connections of each Nakama node.",
		queries: []query{{`nakama_warden:node_connections:sum{@fleet}`, "{{instance}}"}},
	}, {
		title: "When was how much of the fleet enforcing?",
		view:  lines, unit: ratio, runbook: "NotEnforced", width: 12, height: 8, none: notRecorded,
		about:   "The share of hosts on which every guarded service was enforced.",
		queries: []query{{`avg by (@cluster) (nakama_warden:host_enforced:min{@fleet})`, "enforcing {{@cluster}}"}},
	}}
}

func fleetHosts(b *builder) []question {
	return []question{{
		title: "Which hosts need a look?",
		view:  table, unit: count, docs: "conditions.md", namesConditions: true, width: 12, height: 9, none: "no host does", hidden: []string{"Value"}, hosts: anyHost(),
		about:   "Conditions that hold now; each has a runbook of its name. AuditOnly and Drift are for your information.",
		queries: []query{{`nakama_warden_condition_active{@fleet} == 1`, ""}},
	}, {
		title: "Do all hosts guard the same policy?",
		view:  table, unit: count, runbook: "PolicySkew", width: 12, height: 9, hidden: []string{"Value"}, hosts: anyHost(),
		about:   "Each host with its mode, grip and the hash of its policy. Hosts of the same roles and configuration have the same hash.",
		queries: []query{{`nakama_warden_host_info{@fleet} * on (@cluster, instance) group_left (hash) nakama_warden_firewall_policy_info{@fleet}`, ""}},
	}, {
		title: "Whose memory is nearly full?",
		view:  bars, unit: ratio, runbook: "MemoryNearlyExhausted", width: 12, height: 8, none: notRecorded, hosts: anyHost(),
		about:   "The ten units that use most of the limit that binds them, a cgroup's or the host's.",
		queries: []query{{`topk(10, nakama_warden:unit_memory_used:ratio{@fleet})`, "{{instance}} {{unit}}"}},
		limit:   b.threshold("MemoryNearlyExhausted"),
	}, {
		title: "Whose peak fits least often?",
		view:  bars, unit: times, runbook: "ProvisionBelowTarget", width: 12, height: 8, none: notKnown, hosts: nodes(),
		about: fmt.Sprintf("The ten units with the least room: what fits, beside the largest load of capacity.peak_window. At least %g × is wanted, more where "+
			"the fleet is so small that a node that fails leaves much to the others.", b.wanted()),
		queries: []query{{`bottomk(10, nakama_warden_provision_ratio{@fleet})`, "{{instance}} {{unit}}"}},
		limit:   b.below("ProvisionBelowTarget", b.wanted()),
	}}
}

// wanted is how often the peak is to fit.
func (b *builder) wanted() float64 {
	if c, _ := b.condition("ProvisionBelowTarget"); c.Threshold > 0 {
		return c.Threshold
	}
	return b.Overprovision
}

func pointer(v float64) *float64 { return &v }
