package dashboards

// tag is that of all our dashboards: by it they link to each other.
const tag = "nakama-warden"

// step of annotations: with 50 hosts a day of them is as cheap as a panel.
const step = "5m"

func (b *builder) dashboard(p page) Dashboard {
	return Dashboard{
		UID: p.uid, Title: p.title, Description: p.about, Tags: []string{tag},
		SchemaVersion: 39, Editable: true, GraphTooltip: 1, Refresh: "1m",
		Time:        TimeRange{From: "now-6h", To: "now"},
		Templating:  Templating{b.variables(p)},
		Annotations: Annotations{b.annotations(p)},
		Links:       []Link{{Title: "nakama-warden", Type: "dashboards", Tags: []string{tag}, IncludeVars: true, KeepTime: true}},
		Panels:      b.place(append(p.sections, journal(p))),
	}
}

// variables are the choices. Hosts have the names that Prometheus has for them; in Loki they have their own.
func (b *builder) variables(p page) []Variable {
	source := prometheusSource()
	ask := func(name, label, about, expr string) Variable {
		return Variable{Name: name, Label: label, Description: about, Type: "query", Datasource: &source,
			Query: PrometheusQuery{Query: expr, RefID: name}, Definition: expr, Refresh: 2, Sort: 1, Options: []Choice{}}
	}
	cluster := ask("cluster", "Cluster", "All: also hosts that have no such label.", "label_values(nakama_warden_maintenance, "+b.ClusterLabel+")")
	cluster.Multi, cluster.IncludeAll, cluster.AllValue = true, true, ".*"
	cluster.Current = &Choice{true, []string{"All"}, []string{"$__all"}}
	all := []Variable{
		{Name: "datasource", Label: "Prometheus", Description: "The Prometheus that scrapes the agents, and has their recording rules.",
			Type: "datasource", Query: "prometheus", Refresh: 1, Options: []Choice{}},
		cluster,
	}
	if p.role != "" {
		all = append(all, ask("host", "Host", "As Prometheus names it: its instance.",
			"label_values(nakama_warden_host_role_info{"+b.ClusterLabel+`=~"$cluster", role="`+p.role+`"}, instance)`))
	}
	if p.role == cockroachdb {
		all = append(all, ask("node", "CockroachDB's own target", "The instance of CockroachDB's own metrics, where Prometheus scrapes them.",
			"label_values(sys_uptime, instance)"))
	}
	return append(all,
		Variable{Name: "loki", Label: "Loki", Description: "Optional: where the agents send their events (loki.url).",
			Type: "datasource", Query: "loki", Refresh: 1, Options: []Choice{}},
		Variable{Name: "log_host", Label: "Host in Loki", Description: "A regular expression: hosts have their own names in Loki.",
			Type: "textbox", Query: ".+", Current: &Choice{true, ".+", ".+"}, Options: []Choice{{true, ".+", ".+"}}})
}

// annotations mark what happened. Those of Loki know more, and are off: not everybody has one.
func (b *builder) annotations(p page) []Annotation {
	scope := "{@fleet}"
	if p.role != "" {
		scope = "{@host}"
	}
	within := scope[1 : len(scope)-1]
	metric := func(name, colour, every, expr, title, text string) Annotation {
		return Annotation{Name: name, Datasource: prometheusSource(), Enable: true, IconColor: colour, Step: every,
			Expr: b.expr(expr), TitleFormat: title, TextFormat: text, TagKeys: "instance"}
	}
	event := func(name, colour, kind string) Annotation {
		return Annotation{Name: name, Datasource: lokiSource(), IconColor: colour, TitleFormat: name, TextFormat: "{{summary}}", TagKeys: "host",
			Expr: `{job="nakama-warden", host=~"$log_host", kind=~"` + kind + `"} | json`}
	}
	const hash, earlier = "nakama_warden_firewall_policy_info", " offset 15m"
	return []Annotation{
		metric("Drift", "orange", step, `nakama_warden_condition_active{`+within+`, condition="Drift"} == 1`,
			"Drift", "Somebody changed the rules on {{instance}}, and they were put right."),
		// A host that is there for the first time has no other policy than before.
		metric("Policy", "blue", "15m", hash+scope+` unless on (instance, hash) `+hash+scope+earlier+` and on (instance) `+hash+scope+earlier,
			"Policy", "{{instance}} guards another policy: {{hash}}."),
		metric("Alerts", "red", step, `ALERTS{`+within+`, alertname=~"NakamaWarden.+", alertstate="firing"}`, "{{alertname}}", "{{severity}} {{instance}}"),
		event("Drift, by whom (Loki)", "orange", "drift|drift_fight"),
		event("Policy, and why (Loki)", "blue", "policy_applied|policy_removed|paused|pause_ended"),
	}
}

// journal is what the agents told of, where there is a Loki to ask.
func journal(p page) section {
	about := func(title, text, filter string) question {
		return question{title: title, about: text + " Needs a Loki (loki.url).", view: logs, docs: "events.md", width: 24, height: 10,
			queries: []query{{`{job="nakama-warden", host=~"$log_host"` + filter + `} | json | line_format "{{.kind}}  {{.host}}  {{.summary}}"`, ""}}}
	}
	questions := []question{about("What happened?", "Events of the agents, the newest first.", roleFilter(p.role))}
	if p.uid == uidFirewall {
		questions = append(questions,
			about("Who was refused?", "Sources, of each minute those with the most packets.", `, kind="refused"`),
			about("Who changed the rules?", "Drifts with the program, and as far as they can be trusted its parent and user.", `, kind=~"drift|drift_fight"`))
	}
	return section{title: "Events (Loki)", closed: true, questions: questions}
}

// roleFilter: a host has the roles in one label, so one of several is enough.
func roleFilter(role string) string {
	if role == "" {
		return ""
	}
	return `, role=~".*` + role + `.*"`
}
