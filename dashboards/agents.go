package dashboards

func agents(b *builder) page {
	return page{uid: uidAgents, title: "nakama-warden / Agents",
		about: "The agents themselves: do they answer, what do they cost, do their alerts arrive, what is lost.",
		sections: []section{{title: "Now", questions: agentsNow(b)}, {title: "Cost", questions: agentsCost()},
			{title: "Delivery and losses", questions: agentsDelivery(b)}}}
}

func agentsNow(b *builder) []question {
	return []question{{
		title: "Does every agent answer?",
		view:  number, unit: ratio, runbook: "HostAbsent", width: 4, height: 6, none: notRecorded,
		about: "Agents that are scraped, as a share of those of the last day. The rules of one that does not answer stay, but nobody keeps them.",
		queries: []query{{`count(nakama_warden_maintenance{@fleet}) / ` +
			`(count(nakama_warden_maintenance{@fleet}) + (count(nakama_warden:host_absent:last1d{@fleet}) or vector(0)))`, ""}},
		limit: b.below("HostAbsent", 1),
	}, {
		title: "Is every configuration in force?",
		view:  number, unit: count, runbook: "ConfigInvalid", width: 4, height: 6,
		about:   "Hosts whose configuration on disk is not the one in force.",
		queries: []query{{`count(nakama_warden_config_last_reload_successful{@fleet} == 0) or vector(0)`, ""}},
		limit:   b.from("ConfigInvalid", 1),
	}, {
		title: "How many hosts are in maintenance?",
		view:  number, unit: count, docs: "alerting.md#silences-and-maintenance", width: 4, height: 6,
		about:   "On these nobody is told that a service is down.",
		queries: []query{{`sum(nakama_warden_maintenance{@fleet})`, ""}},
	}, {
		title: "Which versions run?",
		view:  bars, unit: count, docs: "install.md", width: 6, height: 6,
		about:   "Hosts by the version of their agent.",
		queries: []query{{`count by (version) (nakama_warden_build_info{@fleet})`, "{{version}}"}},
	}, {
		title: "When was a configuration last taken over?",
		view:  table, unit: moment, runbook: "ConfigInvalid", width: 6, height: 6,
		about:   "The ten hosts that took one over most recently.",
		queries: []query{{`topk(10, nakama_warden_config_last_reload_success_timestamp_seconds{@fleet} * 1000)`, ""}},
	}}
}

func agentsCost() []question {
	return []question{{
		title: "How much of a core does an agent take?",
		view:  lines, unit: ratio, docs: "benchmarks.md", hosts: anyHost(), width: 12, height: 8, none: notRecorded,
		about:   "Processor time of each agent. 100 % is one core; it should be far below 1 %.",
		queries: []query{{`nakama_warden:agent_cpu:rate5m{@fleet}`, "{{instance}}"}},
	}, {
		title: "How much memory does an agent take?",
		view:  lines, unit: byteCount, docs: "benchmarks.md", hosts: anyHost(), width: 12, height: 8, none: notRecorded,
		about:   "Resident memory of each agent.",
		queries: []query{{`nakama_warden:agent_memory_bytes:max{@fleet}`, "{{instance}}"}},
	}}
}

func agentsDelivery(b *builder) []question {
	return []question{{
		title: "Do alerts arrive?",
		view:  lines, unit: count, runbook: "DeliveryFailing", width: 12, height: 8, none: "the agents have no receivers",
		about: "Alerts within the hour before, by receiver and what came of them: failed is tried again, refused and dropped are lost. " +
			"Nothing is here where Prometheus' rules do the telling.",
		queries: []query{{`nakama_warden:cluster_notifications:increase1h{@fleet}`, "{{receiver}} {{result}} {{@cluster}}"}},
	}, {
		title: "How many alerts wait?",
		view:  lines, unit: count, runbook: "DeliveryFailing", hosts: anyHost(), width: 12, height: 8,
		about:   "Alerts that wait for a receiver, by host. They outlive a restart.",
		queries: []query{{`nakama_warden_outbox_length{@fleet}`, "{{instance}}"}},
	}, {
		title: "Is anything lost?",
		view:  lines, unit: count, docs: "events.md#what-is-lost", width: 12, height: 8, none: notRecorded,
		about:   "Events lost within the hour before, and where.",
		queries: []query{{`nakama_warden:cluster_events_dropped:increase1h{@fleet}`, "{{sink}} {{@cluster}}"}},
		limit:   b.from("StoreDegraded", 1),
	}, {
		title: "What do agents tell of?",
		view:  lines, unit: count, docs: "events.md", width: 12, height: 8, none: notRecorded,
		about:   "Events within the hour before, by kind. The first ever of a kind is not counted.",
		queries: []query{{`nakama_warden:cluster_events:increase1h{@fleet}`, "{{kind}} {{@cluster}}"}},
	}, {
		title: "Who cannot keep what it knows, or tell it?",
		view:  table, unit: count, runbook: "StoreDegraded", hosts: anyHost(), namesConditions: true, width: 24, height: 6, hidden: []string{"Value"}, none: "nobody",
		about:   "Agents whose store fails, or whose receivers take no alerts.",
		queries: []query{{`nakama_warden_condition_active{@fleet, condition=~"StoreDegraded|DeliveryFailing"} == 1`, ""}},
	}}
}
