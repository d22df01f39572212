package dashboards

func firewall(b *builder) page {
	return page{uid: uidFirewall, title: "nakama-warden / Firewall",
		about: "The fence of all hosts: is it there, who is refused where, and who changes it.",
		sections: []section{{title: "Now", questions: firewallNow(b)}, {title: "Refused", questions: firewallRefused()},
			{title: "Drift and repair", questions: firewallDrift(b)}, {title: "Who is who", questions: firewallRoster()}}}
}

func firewallNow(b *builder) []question {
	return []question{{
		title: "How many hosts are not enforcing?",
		view:  number, unit: count, runbook: "NotEnforced", width: 6, height: 6,
		about: "Hosts with at least one guarded service that the kernel does not enforce, and that were told to.",
		queries: []query{{`count(min by (@cluster, instance) (nakama_warden_firewall_enforced{@fleet}) == 0` +
			` and on (instance) nakama_warden_host_info{@fleet, mode="enforce"}) or vector(0)`, ""}},
		limit: b.from("NotEnforced", 1),
	}, {
		title: "When were the rules last read back?",
		view:  number, unit: seconds, runbook: "NotEnforced", width: 6, height: 6,
		about:   "The longest time since an agent found in the kernel what it wants there. They look every half minute, less often where rules are many.",
		queries: []query{{`max(time() - nakama_warden_firewall_last_verified_timestamp_seconds{@fleet})`, ""}},
		limit:   b.afterHold("NotEnforced"),
	}, {
		title: "How many hosts only count?",
		view:  bars, unit: count, runbook: "AuditOnly", width: 4, height: 6,
		about:   "Hosts by mode: audit counts whom enforcing would refuse, and refuses nobody.",
		queries: []query{{`count by (mode) (nakama_warden_host_info{@fleet})`, "{{mode}}"}},
	}, {
		title: "How tightly is the table held?",
		view:  bars, unit: count, docs: "firewall.md", width: 4, height: 6,
		about:   "Hosts by grip: owned and held cannot be changed by others, watched is put right after it was.",
		queries: []query{{`count by (grip) (nakama_warden_host_info{@fleet})`, "{{grip}}"}},
	}, {
		title: "How many policies are there?",
		view:  bars, unit: count, runbook: "PolicySkew", width: 4, height: 6,
		about:   "Hosts by the hash of their policy: as many as there are combinations of roles, or somebody was forgotten.",
		queries: []query{{`count by (hash) (nakama_warden_firewall_policy_info{@fleet})`, "{{hash}}"}},
	}}
}

// afterHold is the limit at the time that a condition may hold before it is told.
func (b *builder) afterHold(condition string) limit {
	c, _ := b.condition(condition)
	return b.from(condition, c.For.Seconds())
}

func firewallRefused() []question {
	return []question{{
		title: "Which services are knocked at in vain?",
		view:  lines, unit: perSecond, docs: "firewall.md", width: 12, height: 8, none: notRecorded,
		about:   "Packets that were refused, by service. A scanner is normal; a plateau is a client that nobody told of the policy.",
		queries: []query{{`nakama_warden:cluster_service_packets:rate5m{@fleet, verdict="refused"}`, "{{service}} {{@cluster}}"}},
	}, {
		title: "Whom would enforcing refuse?",
		view:  lines, unit: perSecond, runbook: "AuditOnly", width: 12, height: 8, none: "nobody, or no host is in audit",
		about:   "Packets that were let in by audit. `nakama-warden plan --enforce` names the sources: look at them before you enforce.",
		queries: []query{{`nakama_warden:cluster_service_packets:rate5m{@fleet, verdict="would_refuse"}`, "{{service}} {{@cluster}}"}},
	}, {
		title: "Which hosts refuse most?",
		view:  bars, unit: perSecond, docs: "firewall.md", hosts: anyHost(), width: 12, height: 8, none: notRecorded,
		about:   "The ten hosts and services with the most refused packets.",
		queries: []query{{`topk(10, nakama_warden:service_packets:rate5m{@fleet, verdict="refused"})`, "{{instance}} {{service}}"}},
	}, {
		title: "Where do most sources knock?",
		view:  bars, unit: count, docs: "firewall.md", hosts: anyHost(), width: 12, height: 8, none: "nobody tells of refusals",
		about:   "The ten hosts and services with the most sources that are remembered, of 30 days. `nakama-warden status` there, and the events below, name them.",
		queries: []query{{`topk(10, nakama_warden_refused_sources{@fleet})`, "{{instance}} {{service}}"}},
	}}
}

func firewallDrift(b *builder) []question {
	return []question{{
		title: "Who has rules that somebody changes?",
		view:  lines, unit: count, runbook: "DriftRepeated", hosts: anyHost(), width: 12, height: 8, none: notRecorded,
		about:   "Drifts that were put right within the hour before, by host. Events name the program.",
		queries: []query{{`nakama_warden:host_drifts:increase1h{@fleet}`, "{{instance}}"}},
		limit:   b.threshold("DriftRepeated"),
	}, {
		title: "What is changed?",
		view:  lines, unit: count, runbook: "Drift", width: 12, height: 8, none: notRecorded,
		about:   "Drifts within the hour before, by what differed. Tables that go are a flush by another firewall; elements are somebody who lets a friend in.",
		queries: []query{{`nakama_warden:cluster_drifts:increase1h{@fleet}`, "{{kind}} {{@cluster}}"}},
	}, {
		title: "How long does a repair take?",
		view:  lines, unit: seconds, runbook: "DriftFight", width: 12, height: 8, none: "nothing was repaired",
		about: "From the kernel's event to the commit, within the hour before: half of the repairs, and 99 of 100, took no longer.",
		queries: []query{{`nakama_warden:cluster_repair_seconds:p50_1h{@fleet}`, "half {{@cluster}}"},
			{`nakama_warden:cluster_repair_seconds:p99_1h{@fleet}`, "99 % {{@cluster}}"}},
	}, {
		title: "Does anybody fight for the table?",
		view:  number, unit: count, runbook: "DriftFight", width: 12, height: 8,
		about:   "Hosts on which another program keeps taking our table away.",
		queries: []query{{`sum(nakama_warden_condition_active{@fleet, condition="DriftFight"})`, ""}},
		limit:   b.from("DriftFight", 1),
	}}
}

func firewallRoster() []question {
	return []question{{
		title: "Which sources of groups do not answer?",
		view:  table, unit: count, runbook: "RosterStale", hosts: anyHost(), width: 12, height: 8, hidden: []string{"Value"}, none: "all do",
		about:   "Sources whose last answer was none, or no good. What was known last stays in force.",
		queries: []query{{`nakama_warden_roster_source_up{@fleet} == 0`, ""}},
	}, {
		title: "How large is each group?",
		view:  bars, unit: count, runbook: "RosterShrinkHeld", width: 12, height: 8,
		about:   "Prefixes in force, on the host that has the fewest and on the one that has the most: they should agree.",
		queries: []query{{`min by (group) (nakama_warden_roster_addresses{@fleet})`, "{{group}}, fewest"}, {`max by (group) (nakama_warden_roster_addresses{@fleet})`, "{{group}}, most"}},
	}}
}
