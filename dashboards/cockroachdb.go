package dashboards

const cockroachdb = "cockroachdb"

func cockroachHost(b *builder) page {
	return page{uid: uidCockroach, title: "nakama-warden / CockroachDB host", role: cockroachdb,
		about: "One CockroachDB host: who connects, who is refused, whether its memory suffices, and what CockroachDB says of itself.",
		sections: []section{{title: "Now", questions: cockroachNow(b)}, {title: "Clients and memory", questions: cockroachLoad(b)},
			{title: "Firewall and conditions", questions: hostFence(b)},
			{title: "CockroachDB's own metrics (where the same Prometheus scrapes them)", closed: true, questions: cockroachOwn()}}}
}

func cockroachNow(b *builder) []question {
	return []question{enforcing(b, 6), {
		title: "Is a stranger connected?",
		view:  number, unit: count, runbook: "UnexpectedDatabaseClient", width: 6, height: 5,
		about:   "Whether a client is connected to the database that the policy does not admit. `nakama-warden status` names it.",
		queries: []query{{`nakama_warden_condition_active{@host, condition="UnexpectedDatabaseClient"}`, ""}},
		words:   b.noYes("UnexpectedDatabaseClient"),
	}, {
		title: "How many clients are connected?",
		view:  number, unit: count, docs: "counting.md#connections", width: 6, height: 5, none: "no CockroachDB runs here",
		about:   "Connections to the SQL port. Nakama keeps a pool: the number follows its configuration, not the players.",
		queries: []query{{`sum(nakama_warden_connections{@host, service="cockroachdb-sql"})`, ""}},
	}, {
		title: "Is its memory set up well?",
		view:  number, unit: count, runbook: "CockroachMemoryMisconfigured", width: 6, height: 5,
		about:   "Whether 2 × max-sql-memory + cache fits into 80 % of memory. No: it is killed one day, under load.",
		queries: []query{{`1 - nakama_warden_condition_active{@host, condition="CockroachMemoryMisconfigured"}`, ""}},
		words:   b.yesNo("CockroachMemoryMisconfigured"),
	}}
}

func cockroachLoad(b *builder) []question {
	const ofCockroach = ` and on (instance, unit) nakama_warden_service_memory_bytes{@host, service="cockroachdb"}`
	return []question{{
		title: "Who connects, and how?",
		view:  lines, unit: count, docs: "counting.md#connections", width: 12, height: 8, none: "no CockroachDB runs here",
		about:   "Connections by service and state.",
		queries: []query{{`sum by (service, state) (nakama_warden_connections{@host, service=~"cockroachdb.*"})`, "{{service}} {{state}}"}},
	}, {
		title: "How near is memory to its end?",
		view:  lines, unit: byteCount, runbook: "MemoryNearlyExhausted", width: 12, height: 8, none: "no CockroachDB runs here",
		about: "Memory in use and the limit that binds. CockroachDB fills its cache and stays there: flat and high is healthy, close to the limit is not.",
		queries: []query{{`sum by (unit, kind) (nakama_warden_service_memory_bytes{@host, service="cockroachdb", kind=~"resident|anonymous"})`, "{{unit}} {{kind}}"},
			{`nakama_warden_memory_limit_bytes{@host}` + ofCockroach, "{{unit}} limit ({{source}})"}},
	}, {
		title: "Who may connect?",
		view:  bars, unit: count, runbook: "RosterStale", width: 12, height: 8,
		about:   "Prefixes in each group, as in force. Which group may reach which port is the policy's: `nakama-warden explain SOURCE 26257`.",
		queries: []query{{`nakama_warden_roster_addresses{@host}`, "{{group}}"}},
	}, {
		title: "How old is what we know of the groups?",
		view:  bars, unit: seconds, runbook: "RosterStale", width: 12, height: 8,
		about:   "Time since every source of a group last answered. What was known last stays in force.",
		queries: []query{{`time() - nakama_warden_roster_last_success_timestamp_seconds{@host}`, "{{group}}"}},
		limit:   b.threshold("RosterStale"),
	}}
}

// cockroachOwn is what operators of CockroachDB look at. It is of the cluster's own rules (/api/v2/rules/ of each node), which stay
// the place to be alerted from: nothing turns red here.
func cockroachOwn() []question {
	const docs = "grafana.md#cockroachdbs-own-metrics"
	const none = "CockroachDB is not scraped"
	small := func(title, about string, u unit, expr string) question {
		return question{title: title, about: about, view: number, unit: u, docs: docs, width: 6, height: 5, none: none, queries: []query{{expr, ""}}}
	}
	return []question{
		small("How long has the node been up?", "Seconds since CockroachDB started.", seconds, `sys_uptime{instance="$node"}`),
		small("How many nodes live?", "As this node sees its cluster.", count, `liveness_livenodes{instance="$node"}`),
		small("How much disk is left?", "Free share of the store. Warn below 30 %, page below 10 %: a full disk stops the node.", ratio,
			`sum by (instance) (capacity_available{instance="$node"}) / (sum by (instance) (capacity{instance="$node"}) > 0)`),
		small("When does its certificate end?", "The node's own certificate.", moment, `max(security_certificate_expiration_node{instance="$node"} > 0) * 1000`),
		{title: "Is data out of reach, or too rarely copied?",
			view: lines, unit: count, docs: docs, width: 12, height: 8, none: none,
			about: "Ranges without a quorum cannot be read or written; those with too few copies have less to lose.",
			queries: []query{{`sum(ranges_unavailable{instance="$node"})`, "unavailable"},
				{`sum(ranges_underreplicated{instance="$node"})`, "underreplicated"}}},
		{title: "How many sessions does SQL have?",
			view: lines, unit: count, docs: docs, width: 12, height: 8, none: none,
			about:   "CockroachDB's own count, beside the connections that the agent sees.",
			queries: []query{{`sum(sql_conns{instance="$node"})`, "SQL connections"}}},
		{title: "How far is its clock off?",
			view: lines, unit: "ns", docs: docs, width: 12, height: 8, none: none,
			about:   "Mean offset from the other nodes, in nanoseconds. CockroachDB ends itself at 80 % of max-offset (500 ms).",
			queries: []query{{`abs(clock_offset_meannanos{instance="$node"})`, "offset"}}},
		{title: "How many descriptors are open?",
			view: lines, unit: ratio, docs: docs, width: 12, height: 8, none: none,
			about:   "Open files, as a share of the soft limit.",
			queries: []query{{`sys_fd_open{instance="$node"} / (sys_fd_softlimit{instance="$node"} > 0)`, "open"}}},
		{title: "Does storage keep up?",
			view: lines, unit: count, docs: docs, width: 12, height: 8, none: none,
			about:   "Write stalls since the start: a line that rises is a disk that is too slow.",
			queries: []query{{`sum(storage_write_stalls{instance="$node"})`, "stalls"}}},
		{title: "How much memory does CockroachDB say it has?",
			view: lines, unit: byteCount, docs: docs, width: 12, height: 8, none: none,
			about:   "Its own number of what the agent measures above.",
			queries: []query{{`sys_rss{instance="$node"}`, "resident"}}},
	}
}
