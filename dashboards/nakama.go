package dashboards

const nakama = "nakama"

// ofNakama keeps what is about a Nakama: a database may share its host.
const ofNakama = ` and on (instance, unit) nakama_warden_service_memory_bytes{@host, service="nakama"}`

func nakamaHost(b *builder) page {
	return page{uid: uidNakama, title: "nakama-warden / Nakama host", role: nakama,
		about: "One Nakama host: who is connected, what that takes, how many more fit, and until when.",
		sections: []section{{title: "Now", questions: nakamaNow(b)}, {title: "Connections and memory", questions: nakamaMemory(b)},
			{title: "Firewall and conditions", questions: hostFence(b)}}}
}

func nakamaNow(b *builder) []question {
	return []question{enforcing(b, 4), {
		title: "How many players are connected?",
		view:  number, unit: count, docs: "counting.md#connections", width: 4, height: 5, none: "no Nakama runs here",
		about:   "Connections to the Nakamas of this host that hold memory.",
		queries: []query{{`sum(nakama_warden_connections{@host}` + ofNakama + `)`, ""}},
	}, {
		title: "How many more fit?",
		view:  number, unit: count, docs: "counting.md#what-fits", width: 4, height: 5, none: notKnown,
		about:   "What fits with 90 % certainty into whatever runs out first, less those who are connected. Below 0 there are more than is sure to fit.",
		queries: []query{{`nakama_warden:node_capacity_connections:sum{@host} - nakama_warden:node_connections:sum{@host}`, ""}},
		limit:   b.below("ProvisionBelowTarget", 0),
	}, {
		title: "How often does the peak fit?",
		view:  number, unit: times, runbook: "ProvisionBelowTarget", width: 4, height: 5, none: notKnown,
		about:   "What fits, beside the largest load of capacity.peak_window.",
		queries: []query{{`min(nakama_warden_provision_ratio{@host})`, "fits"}, {`nakama_warden_provision_target_ratio{@host}`, "wanted"}},
		limit:   b.below("ProvisionBelowTarget", b.wanted()),
	}, {
		title: "When will it be full?",
		view:  number, unit: moment, runbook: "MemoryExhaustionForecast", width: 4, height: 5, none: notKnown,
		about:   "When the load is forecast to meet what fits into memory.",
		queries: []query{{`min(nakama_warden_memory_exhaustion_timestamp_seconds{@host}) * 1000 or min(nakama_warden_capacity_known{@host} == 1) * 0`, ""}},
		limit:   b.from("MemoryExhaustionForecast", 1),
		words:   []Word{{Text: "not foreseen", Color: good}},
	}, {
		title: "Is enough seen to know?",
		view:  number, unit: count, docs: "counting.md#what-fits", width: 4, height: 5, none: "no Nakama runs here",
		about: "Whether the agent has seen enough different loads to say how many connections fit. " +
			"Before that it says nothing; `nakama-warden status` says what it waits for.",
		queries: []query{{`min(nakama_warden_capacity_known{@host})`, ""}},
		words:   []Word{{Text: "not yet", Color: "text"}, {Text: "yes", Color: good}},
	}}
}

func nakamaMemory(b *builder) []question {
	return []question{{
		title: "Who is connected, and how?",
		view:  lines, unit: count, docs: "counting.md#connections", width: 12, height: 8,
		about:   "Connections by service and state. close_wait are those whose player has gone and which Nakama has yet to let go: they hold memory too.",
		queries: []query{{`sum by (service, state) (nakama_warden_connections{@host}` + ofNakama + `)`, "{{service}} {{state}}"}},
	}, {
		title: "What runs out first?",
		view:  lines, unit: count, docs: "counting.md#what-fits", width: 12, height: 8, none: notKnown,
		about: "How many connections fit into each resource with 90 % certainty, beside those that there are: the lowest line is the one that binds.",
		queries: []query{{`sum(nakama_warden_connections{@host}` + ofNakama + `)`, "connected"},
			{`sum by (resource) (nakama_warden_capacity_connections{@host})`, "fit into {{resource}}"}},
	}, {
		title: "How near is memory to its end?",
		view:  lines, unit: byteCount, runbook: "MemoryNearlyExhausted", width: 12, height: 8,
		about: "Memory in use, the ceiling to which today's load may lift it without one more player (memory that was given back late, " +
			"buffers that fill), and the limit that binds. Where the ceiling meets the limit, the kernel kills.",
		queries: []query{{`sum by (unit, kind) (nakama_warden_service_memory_bytes{@host, service="nakama", kind=~"resident|anonymous"})`, "{{unit}} {{kind}}"},
			{`nakama_warden_service_memory_ceiling_bytes{@host}` + ofNakama, "{{unit}} ceiling"},
			{`nakama_warden_memory_limit_bytes{@host}` + ofNakama, "{{unit}} limit ({{source}})"}},
	}, {
		title: "How much of its limit is used?",
		view:  lines, unit: ratio, runbook: "MemoryNearlyExhausted", width: 12, height: 8, none: notRecorded,
		about:   "What cannot be given back, as a share of the limit that binds.",
		queries: []query{{`nakama_warden:unit_memory_used:ratio{@host}` + ofNakama, "{{unit}}"}},
		limit:   b.threshold("MemoryNearlyExhausted"),
	}, {
		title: "What does one more player take?",
		view:  lines, unit: byteCount, docs: "counting.md", width: 12, height: 8, none: notKnown,
		about:   "Bytes of the process for one more connection, as learnt here. A step means another version, or players who do something else.",
		queries: []query{{`nakama_warden_capacity_bytes_per_connection{@host}`, "{{unit}}"}},
	}, {
		title: "What does Nakama say of sessions and presences?",
		view:  lines, unit: count, docs: "counting.md", width: 12, height: 8, none: "Nakama's metrics are not read",
		about:   "As Nakama's own metrics say, up to a minute old. Sessions far from connections are connections that do nothing, or sessions that were lost.",
		queries: []query{{`nakama_warden_sessions{@host}`, "sessions {{unit}}"}, {`nakama_warden_presences{@host}`, "presences {{unit}}"}},
	}}
}
