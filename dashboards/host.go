package dashboards

// What is asked of a host whatever runs on it.

func enforcing(b *builder, width int) question {
	return question{
		title: "Is this host enforcing?",
		view:  number, unit: count, runbook: "NotEnforced", width: width, height: 5,
		about:   "Whether every guarded service was read back from the kernel as enforced, and cannot be reached past the rules.",
		queries: []query{{`min(nakama_warden_firewall_enforced{@host})`, ""}},
		words:   b.yesNo("NotEnforced"),
	}
}

// hostFence is a section: two small panels and two large ones.
func hostFence(b *builder) []question {
	return []question{{
		title: "Who is refused here, and who would be?",
		view:  lines, unit: perSecond, docs: "firewall.md", width: 12, height: 8, none: notRecorded,
		about:   "Packets by service that were turned away, or that enforcing would turn away. `nakama-warden status` names the sources.",
		queries: []query{{`nakama_warden:service_packets:rate5m{@host, verdict=~"refused|would_refuse"}`, "{{service}} {{verdict}}"}},
	}, {
		title: "How often were the rules put right?",
		view:  lines, unit: count, runbook: "DriftRepeated", width: 12, height: 8, none: notRecorded,
		about:   "Drifts that were repaired within the hour before. Events name who did it: `nakama-warden events --kind drift`.",
		queries: []query{{`nakama_warden:host_drifts:increase1h{@host}`, "drifts within an hour"}},
		limit:   b.threshold("DriftRepeated"),
	}, {
		title: "What is wrong here?",
		view:  table, unit: count, docs: "conditions.md", namesConditions: true, width: 12, height: 8, none: "nothing is",
		hidden:  []string{"Value", "instance", b.ClusterLabel},
		about:   "Conditions that hold now; each has a runbook of its name.",
		queries: []query{{`nakama_warden_condition_active{@host} == 1`, ""}},
	}, {
		title: "How many sources were refused?",
		view:  bars, unit: count, docs: "firewall.md", width: 12, height: 8, none: "nobody tells of refusals here",
		about:   "Sources that are remembered of the last 30 days, by service: refused, or let in by audit and to be refused.",
		queries: []query{{`nakama_warden_refused_sources{@host}`, "{{service}}"}},
	}}
}
