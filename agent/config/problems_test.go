package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// nakamaHost is the head of a config that breaks no rule of its own.
const nakamaHost = "roles: [nakama]\n"

// Each want is LINE KEY: PART-OF-PROBLEM, and all problems of the text are wanted, in order.
var problemTests = []struct {
	name string
	text string
	want []string
}{
	// The file.
	{"broken YAML", "roles: [nakama\nfleet: {", []string{"1 yaml: did not find expected ',' or ']'; want valid YAML"}},
	{"tab", "fleet:\n\tadmins: {}\n", []string{"2 yaml: found character"}},
	{"not UTF-8", nakamaHost + "# caf\xe9\n", []string{"2 yaml: a byte that is not UTF-8"}},
	{"control character", "revision: \"\x01\"", []string{"1 yaml: control characters"}},
	{"two documents", nakamaHost + "---\nroles: [nakama]\n", []string{"2 yaml: a second document; want one document"}},
	{"broken second document", nakamaHost + "---\n]", []string{"2 yaml: did not find"}},
	{"a list", "- nakama\n", []string{"1 yaml: a list"}},
	{"a text", "nakama\n", []string{"1 yaml: a text"}},
	{"key that is a list", nakamaHost + "? [a]\n: b\n", []string{"2 yaml: a key that is no single word"}},
	{"alias", "revision: &a x\nfleet:\n  admins: {static: [*a]}\n  ops: *a\nroles: [nakama]",
		[]string{"3 fleet.admins.static[0]: an alias", "4 fleet.ops: an alias"}},
	{"alias bomb", "roles: [nakama]\nalerting:\n  receivers:\n  - &a {name: a, webhook_configs: [{url: 'http://x'}]}\n  - &b {x: [*a, *a]}\n  - {x: [*b, *b]}\n",
		[]string{"5 alerting.receivers[1].x[0]: an alias", "5 alerting.receivers[1].x[1]: an alias",
			"6 alerting.receivers[2].x[0]: an alias", "6 alerting.receivers[2].x[1]: an alias"}},
	{"alias of itself", nakamaHost + "alerting: &a {receivers: [*a]}", []string{"2 alerting.receivers[0]: an alias"}},
	{"merge key", nakamaHost + "web: &w {listen: ':1'}\nloki:\n  <<: *w\n", []string{"4 loki.<<: an alias"}},

	// Keys.
	{"unknown key", nakamaHost + "firewalls: {}\n", []string{`2 firewalls: unknown key; want one of alerting, capacity, environment, firewall, fleet, loki, revision, roles, web, did you mean "firewall"?`}},
	{"unknown key below", nakamaHost + "firewall:\n  grip: auto\n  Mode: audit\n", []string{`4 firewall.Mode: unknown key; want one of forwarded, grip, log_group, mode, refuse_with, services, did you mean "mode"?`}},
	{"unknown key far from all", nakamaHost + "loki: {colour: red}", []string{"2 loki.colour: unknown key; want one of ca_file, password_file, tenant_id, url, username"}},
	{"unknown key that is null", nakamaHost + "loki: {colour: }", []string{"2 loki.colour: unknown key"}},
	{"unknown key with a newline", nakamaHost + "\"a\\nb\": 1", []string{`2 "a\nb": unknown key`}},
	{"unknown key of a group", nakamaHost + "fleet:\n  admins:\n    statics: []\n", []string{`4 fleet.admins.statics: unknown key; want one of consul, dns, files, http, static, did you mean "static"?`}},
	{"unknown key of a service", nakamaHost + "firewall:\n  services:\n    nakama-api:\n      prots: [1]\n", []string{`5 firewall.services.nakama-api.prots: unknown key; want one of from, mode, ports, protocol, refuse_with, role, unsafe, did you mean "ports"?`}},
	{"key twice", nakamaHost + "web: {}\nroles: [nakama]\n", []string{"3 roles: a second time; the first is on line 1"}},
	{"group twice", nakamaHost + "fleet:\n  ops: {}\n  ops: {}\n", []string{"4 fleet.ops: a second time; the first is on line 3"}},
	{"key of a receiver twice", nakamaHost + "alerting:\n  receivers:\n  - name: a\n    name: b\n", []string{"5 alerting.receivers[0].name: a second time"}},

	// Roles and environment.
	{"role as text", "roles: nakama", []string{"1 roles: a text; want a list, like [nakama], or auto"}},
	{"unknown role", "roles: [nakma]\nfirewall: {mode: enforce}", []string{`1 roles[0]: "nakma"; want one of nakama, cockroachdb, did you mean "nakama"?`}},
	{"monitor", "roles:\n- nakama\n- monitor\n", []string{"3 roles[1]: the role monitor is not available in this version; want nakama or cockroachdb"}},
	{"auto in a list", "roles: [auto]", []string{"1 roles[0]: auto among roles"}},
	{"no role", "roles: []", []string{"1 roles: no role"}},
	{"role twice", "roles: [nakama, nakama]", []string{"1 roles[1]: nakama is named twice"}},
	{"role tagged as null", "roles: !!null nakama", []string{"1 roles: "}},
	{"null role", "roles: [~]", []string{"1 roles[0]: nothing"}},
	{"environment", nakamaHost + "environment: prod", []string{`2 environment: "prod"; want one of production, testing`}},
	{"production rule", "environment: production\nroles: [nakama, cockroachdb]\nfleet: {nakama: {static: [10.0.0.1]}}",
		[]string{"2 roles: nakama and cockroachdb on one host are declared roles that break the production rule; want one role per host, or environment: testing"}},
	{"database without Nakama, enforced", "roles: [cockroachdb]\nfirewall: {mode: enforce}\nfleet:\n  nakama: {static: []}\n",
		[]string{"4 fleet.nakama: a database host that knows no Nakama node: cockroachdb-sql would refuse them all; want the Nakama nodes under static or files"}},
	{"database whose Nakama node is misspelt", "roles: [cockroachdb]\nfirewall: {mode: enforce}\nfleet: {nakama: {static: [nakama-1]}}",
		[]string{"3 fleet.nakama.static[0]: "}},
	{"database without fleet, enforced", "roles: [cockroachdb]\nfirewall: {services: {cockroachdb-sql: {mode: enforce}}}",
		[]string{"1 fleet.nakama: a database host"}},

	// Groups.
	{"fleet is a list", nakamaHost + "fleet: [admins]", []string{"2 fleet: a list; want a mapping"}},
	{"group is a list", nakamaHost + "fleet:\n  admins: [10.0.0.1]\n", []string{"3 fleet.admins: a list; want a mapping, like {static: [10.0.1.11]}"}},
	{"group called anyone", nakamaHost + "fleet:\n  anyone: {static: [10.0.0.1]}\n", []string{"3 fleet.anyone: anyone is every address and cannot be a group"}},
	{"group names", nakamaHost + "fleet:\n  Ops: {}\n  1ops: {}\n  o ps: {}\n  " + strings.Repeat("o", 33) + ": {}\n",
		[]string{`3 fleet.Ops: the name "Ops"`, `4 fleet.1ops: the name`, `5 fleet."o ps": the name`, "6 fleet." + strings.Repeat("o", 33) + ": the name"}},
	{"sources to come", nakamaHost + "fleet:\n  nakama:\n    dns: [{names: [a]}]\n    http: [{url: x}]\n    consul: []\n",
		[]string{"4 fleet.nakama.dns: not available in this version; want static or files",
			"5 fleet.nakama.http: not available in this version", "6 fleet.nakama.consul: not available in this version"}},
	{"static is a text", nakamaHost + "fleet: {admins: {static: 10.0.0.1}}", []string{"2 fleet.admins.static: a text; want a list"}},
	{"bad addresses", nakamaHost + `fleet:
  admins:
    static:
    - 10.0.0.256
    - 10.0.0.0/33
    - 10.0.0
    - 010.0.0.1
    - fe80::1%eth0
    - "10.0.0.1:7350"
    - ops.example.com
    - [10.0.0.1]
    - ""
    - ::ffff:0.0.0.0/95
    - 10.0.0.0/-1
`, []string{
		`5 fleet.admins.static[0]: "10.0.0.256" is neither an address nor a CIDR; want an address or a CIDR, like 10.0.1.11 or 10.9.0.0/24`,
		`6 fleet.admins.static[1]: "10.0.0.0/33" is neither`,
		`7 fleet.admins.static[2]: "10.0.0" is neither`,
		`8 fleet.admins.static[3]: "010.0.0.1" is neither`,
		`9 fleet.admins.static[4]: "fe80::1%eth0" has a zone`,
		`10 fleet.admins.static[5]: "10.0.0.1:7350" is an address with a port`,
		`11 fleet.admins.static[6]: "ops.example.com" is a hostname, which belongs under dns`,
		`12 fleet.admins.static[7]: a list`,
		`13 fleet.admins.static[8]: "" is neither`,
		`14 fleet.admins.static[9]: "::ffff:0.0.0.0/95" is wider than all IPv4-mapped addresses`,
		`15 fleet.admins.static[10]: "10.0.0.0/-1" is neither`,
	}},
	{"too wide", nakamaHost + "fleet:\n  admins:\n    static:\n    - 10.200.0.1\n    - 0.0.0.0/0\n    - 10.0.0.0/7\n",
		[]string{"6 fleet.admins.static[1]: 0.0.0.0/0 is wider than /8; want narrower",
			"7 fleet.admins.static[2]: 10.0.0.0/7 is wider than /8"}},
	{"covering everything in union", nakamaHost + "fleet:\n  admins:\n    files: []\n    static: [" + globalIPv6() + "]\n",
		[]string{"5 fleet.admins.static: the prefixes together cover half of 2000::/3 or more; want the addresses of the hosts in this group"}},
	{"never remote", nakamaHost + `fleet:
  admins:
    static:
    - 127.0.0.1
    - ::1
    - fe80::1
    - 224.0.0.1
    - ff02::1
    - 0.0.0.0
    - "::"
    - ::ffff:127.0.0.1
`, []string{
		"5 fleet.admins.static[0]: 127.0.0.1/32 is loopback",
		"5 fleet.admins.static[0]: 127.0.0.1/32 is loopback",
		"6 fleet.admins.static[1]: ::1/128 is loopback",
		"7 fleet.admins.static[2]: fe80::1/128 is link-local",
		"8 fleet.admins.static[3]: 224.0.0.1/32 is multicast",
		"9 fleet.admins.static[4]: ff02::1/128 is multicast",
		"10 fleet.admins.static[5]: 0.0.0.0/32 is unspecified",
		"11 fleet.admins.static[6]: ::/128 is unspecified",
	}},
	{"bad address before a forbidden one", nakamaHost + "fleet:\n  admins:\n    static:\n    - nonsense!\n    - ff02::1\n",
		[]string{"5 fleet.admins.static[0]: ", "6 fleet.admins.static[1]: ff02::1/128 is multicast"}},
	{"players' balancer that reaches the database", nakamaHost + "fleet:\n  load_balancers: {static: [10.0.0.0/24]}\n  database_clients:\n    static:\n    - 10.0.1.1\n    - 10.0.0.5\n",
		[]string{"7 fleet.database_clients.static[1]: 10.0.0.5 is in load_balancers too, and database_clients may reach"}},
	{"admin that is a balancer", "roles: [cockroachdb]\nfleet:\n  nakama: {static: [10.0.1.1]}\n  load_balancers: {static: [10.9.0.5]}\n  admins: {static: [10.9.0.0/24]}\n",
		[]string{"5 fleet.admins.static[0]: 10.9.0.5 is in load_balancers too, and admins may reach cockroachdb-sql"}},
	{"files", nakamaHost + "fleet:\n  nakama:\n    files:\n    - nakama.json\n    - /etc/*/nakama.json\n    - /etc/nakama.txt\n    - /etc/[nakama.json\n    - 7\n",
		[]string{`5 fleet.nakama.files[0]: "nakama.json"`, `6 fleet.nakama.files[1]: `, `7 fleet.nakama.files[2]: `, `8 fleet.nakama.files[3]: `, `9 fleet.nakama.files[4]: "7"; want an absolute path`}},

	// Firewall.
	{"firewall words", nakamaHost + "firewall:\n  mode: on\n  grip: tight\n  refuse_with: rejct\n  log_group: 0\n",
		[]string{`3 firewall.mode: "on"; want one of audit, enforce, off`, `4 firewall.grip: "tight"; want one of auto, owned, held, watched`,
			`5 firewall.refuse_with: "rejct"; want one of drop, reject, did you mean "reject"?`, `6 firewall.log_group: "0"`}},
	{"console open to anyone", nakamaHost + "firewall:\n  services:\n    nakama-console:\n      from:\n      - admins\n      - anyone\n",
		[]string{"7 firewall.services.nakama-console.from[1]: a console or database service is open to anyone; want other groups, or `unsafe: true` on the service"}},
	{"console's gRPC open to balancers", nakamaHost + "firewall: {services: {nakama-console-grpc: {from: [load_balancers]}}}",
		[]string{"2 firewall.services.nakama-console-grpc.from[0]: a console or database service is open to load_balancers"}},
	{"database open to anyone", "roles: [cockroachdb]\nfleet: {nakama: {static: [10.0.0.1]}}\nfirewall: {services: {cockroachdb-http: {from: [anyone]}}}",
		[]string{"3 firewall.services.cockroachdb-http.from[0]: a console or database service is open to anyone"}},
	{"database open to anyone, told on a Nakama host", nakamaHost + "firewall: {services: {cockroachdb-sql: {from: [load_balancers, nakama]}}}",
		[]string{"2 firewall.services.cockroachdb-sql.from[0]: a console or database service is open to load_balancers"}},
	{"console under another name", nakamaHost + "firewall:\n  services:\n    nakama-console: {ports: []}\n    ops: {role: nakama, ports: [7351], from: [anyone]}\n",
		[]string{"5 firewall.services.ops.from[0]: a console or database service is open to anyone"}},
	{"unknown group", nakamaHost + "firewall:\n  services:\n    warden: {from: [monitoring, admin]}\n",
		[]string{`4 firewall.services.warden.from[1]: unknown group "admin"; want one of admins, cockroachdb,`}},
	{"from", nakamaHost + "firewall:\n  services:\n    warden: {from: admins}\n    nakama-api: {from: [[admins], admins, nobody]}\n    nakama-grpc: {from: [\"\"]}\n",
		[]string{"4 firewall.services.warden.from: a text; want a list, like [admins], or [] for nobody",
			"5 firewall.services.nakama-api.from[0]: a list", `5 firewall.services.nakama-api.from[2]: unknown group "nobody"`,
			`6 firewall.services.nakama-grpc.from[0]: unknown group ""`}},
	{"ports", nakamaHost + "firewall:\n  services:\n    nakama-metrics: {ports: [0, 65536, -1, 1.5, \"9100\", 0x10, 017, 9_100, ~, 22, 9100, 9100]}\n    nakama-cluster: {ports: 7352}\n",
		[]string{
			`4 firewall.services.nakama-metrics.ports[0]: "0"; want a port from 1 to 65535`,
			`4 firewall.services.nakama-metrics.ports[1]: "65536"`, `4 firewall.services.nakama-metrics.ports[2]: "-1"`,
			`4 firewall.services.nakama-metrics.ports[3]: "1.5"`, `4 firewall.services.nakama-metrics.ports[4]: "9100"`,
			`4 firewall.services.nakama-metrics.ports[5]: "0x10"`, `4 firewall.services.nakama-metrics.ports[6]: "017"`,
			`4 firewall.services.nakama-metrics.ports[7]: "9_100"`, `4 firewall.services.nakama-metrics.ports[8]: nothing`,
			`4 firewall.services.nakama-metrics.ports[9]: port 22 is SSH, which is never touched`,
			`4 firewall.services.nakama-metrics.ports: port 9100 is named twice`,
			`5 firewall.services.nakama-cluster.ports: a number; want a list, like [7350]`,
		}},
	{"port of two services", nakamaHost + "firewall:\n  services:\n    one:\n      ports: [9000, 9001]\n      from: []\n    two:\n      ports:\n      - 9001\n      from: []\n",
		[]string{"9 firewall.services.two.ports[0]: tcp port 9001 belongs to service one too"}},
	{"port of a default service", nakamaHost + "firewall:\n  services:\n    a:\n      from: []\n      ports: [7351]\n",
		[]string{"6 firewall.services.a.ports[0]: service nakama-console: tcp port 7351 belongs to service a too"}},
	{"port of roles that meet", "roles: [nakama, cockroachdb]\nenvironment: testing\nfleet: {nakama: {static: [10.0.0.1]}}\nfirewall: {services: {nakama-metrics: {ports: [8080]}}}",
		[]string{"4 firewall.services.nakama-metrics.ports[0]: tcp port 8080 belongs to service cockroachdb-http too"}},
	{"port of roles that auto may find", "firewall: {services: {nakama-metrics: {ports: [8080]}}}",
		[]string{"1 firewall.services.nakama-metrics.ports[0]: tcp port 8080 belongs to service cockroachdb-http too"}},
	{"moved console meets a neighbour", nakamaHost + "firewall:\n  services:\n    nakama-console: {ports: [7353]}\n",
		[]string{"4 firewall.services.nakama-console.ports[0]: tcp port 7353 belongs to service nakama-cluster too",
			"4 firewall.services.nakama-console.ports[0]: service nakama-console-grpc: tcp port 7350 belongs to service nakama-api too"}},
	{"no port left for a follower", nakamaHost + "firewall: {services: {nakama-console: {ports: [3]}}}",
		[]string{"2 firewall.services.nakama-console.ports[0]: port 3 leaves none for nakama-console-grpc"}},
	{"follower on SSH", nakamaHost + "firewall: {services: {nakama-api: {ports: [23]}}}",
		[]string{"2 firewall.services.nakama-api.ports[0]: service nakama-grpc: port 22 is SSH"}},
	{"service without ports", nakamaHost + "firewall:\n  services:\n    nakama-consol: {from: []}\n    own: {ports: [], from: []}\n    nothing:\n",
		[]string{`4 firewall.services.nakama-consol: a service of your own without ports; want ports, like [9100], or did you mean "nakama-console"?`,
			"5 firewall.services.own: a service of your own without ports", "6 firewall.services.nothing: a service of your own without ports",
			"6 firewall.services.nothing: a service of your own without from"}},
	{"service without from", nakamaHost + "firewall:\n  services:\n    own: {ports: [9000]}\n",
		[]string{"4 firewall.services.own: a service of your own without from; want the groups that may reach it, or from: [] for nobody"}},
	{"service name", nakamaHost + "firewall:\n  services:\n    own.one: {ports: [9000], from: []}\n",
		[]string{`4 firewall.services."own.one": the name "own.one"`}},
	{"service words", nakamaHost + "firewall:\n  services:\n    warden: {role: monitor, mode: yes, refuse_with: no, protocol: sctp, unsafe: 1}\n    nakama-api: {role: auto}\n",
		[]string{"4 firewall.services.warden.role: the role monitor is not available in this version", `4 firewall.services.warden.mode: "yes"`,
			`4 firewall.services.warden.refuse_with: "no"`, `4 firewall.services.warden.protocol: "sctp"; want one of tcp, udp`,
			`4 firewall.services.warden.unsafe: "1"; want true or false`, "5 firewall.services.nakama-api.role: auto among roles"}},

	// Capacity.
	{"capacity", nakamaHost + "capacity:\n  overprovision: 0.9\n  spare_nodes: -1\n  peak_window: 30\n  window: 0s\n",
		[]string{`3 capacity.overprovision: "0.9"; want a ratio of at least 1, like 1.5`, `4 capacity.spare_nodes: "-1"`,
			`5 capacity.peak_window: "30"; want a duration with units, like 30d, 1h30m or 5m`, "6 capacity.window: the duration is zero"}},
	{"capacity types", nakamaHost + "capacity: {overprovision: .inf, spare_nodes: 1.5, peak_window: 1 day, window: -5m}",
		[]string{`2 capacity.overprovision: ".inf"`, `2 capacity.spare_nodes: "1.5"`, `2 capacity.peak_window: "1 day"`, `2 capacity.window: "-5m"`}},
	{"tagged numbers", nakamaHost + "capacity: {overprovision: !!float inf, spare_nodes: !!int one}",
		[]string{`2 capacity.overprovision: "inf"`, `2 capacity.spare_nodes: "one"`}},
	{"windows", nakamaHost + "capacity:\n  window: 2h\n  peak_window: 1h\n", []string{"3 capacity.window: 2h0m0s is longer than capacity.peak_window"}},

	// Alerting, Loki, web.
	{"labels", nakamaHost + "alerting:\n  labels:\n    a-b: x\n    1a: x\n    __a: x\n    alertname: x\n    ok: [x]\n    empty:\n",
		[]string{`4 alerting.labels.a-b: the label name "a-b"`, "5 alerting.labels.1a: ", "6 alerting.labels.__a: ", "7 alerting.labels.alertname: ",
			"8 alerting.labels.ok: a list; want a text", "9 alerting.labels.empty: nothing; want a text"}},
	{"overrides", nakamaHost + "alerting:\n  overrides:\n    Drifts: {}\n    Drift: {severity: page, for: soon, threshold: high, enabled: maybe, pager: x}\n",
		[]string{`4 alerting.overrides.Drifts: unknown condition; want one of`, `5 alerting.overrides.Drift.severity: "page"; want one of critical, warning, info`,
			`5 alerting.overrides.Drift.for: "soon"`, `5 alerting.overrides.Drift.threshold: "high"`, `5 alerting.overrides.Drift.enabled: "maybe"`,
			"5 alerting.overrides.Drift.pager: unknown key"}},
	{"alerting", nakamaHost + "alerting:\n  hold_scale: 0\n  alertmanagers: [\"10.9.0.20:9093\", \"ftp://a\", \"http://\", \"http://a:0\", \"http://a#b\", 7]\n  receivers: [on-call]\n",
		[]string{`3 alerting.hold_scale: "0"; want a factor above 0`, "4 alerting.alertmanagers[0]: not the URL", "4 alerting.alertmanagers[1]: not the URL",
			"4 alerting.alertmanagers[2]: not the URL", "4 alerting.alertmanagers[3]: the port of the URL", "4 alerting.alertmanagers[4]: not the URL",
			"4 alerting.alertmanagers[5]: not the URL", "5 alerting.receivers[0]: a text; want a mapping"}},
	{"deep receiver", nakamaHost + "alerting: {receivers: [{a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}]}",
		[]string{"2 alerting.receivers[0].a" + strings.Repeat("[0]", 31) + ": nested too deeply; want at most 32 levels"}},
	{"Alertmanagers", nakamaHost + "alerting:\n  alertmanagers:\n  - http://a:9093\n  - http://a:9093/\n  - http://b/api/v2/alerts\n  - http://c?x=y\n",
		[]string{"5 alerting.alertmanagers[1]: this Alertmanager is named twice", "6 alerting.alertmanagers[2]: more than an Alertmanager's base URL",
			"7 alerting.alertmanagers[3]: more than"}},
	{"receivers", nakamaHost + "alerting:\n  receivers:\n  - on-call\n  - name: a\n    slack_configs:\n    - api_url: ftp://x\n    - {api_url: 'http://x', chanel: b}\n" +
		"  - {name: a, pagerduty_configs: [{routing_key_file: key}]}\n",
		[]string{"4 alerting.receivers[0]: a text; want a mapping", "7 alerting.receivers[1].slack_configs[0].api_url: unsupported scheme",
			"8 alerting.receivers[1].slack_configs[1].chanel: unknown key", "9 alerting.receivers[2].name: the name of the receiver on line 5 too",
			"9 alerting.receivers[2].pagerduty_configs[0].routing_key_file: not an absolute path"}},
	{"heartbeat", nakamaHost + "alerting:\n  heartbeat:\n    url: pulse\n    url_file: pulse\n    every: 1s\n", []string{"4 alerting.heartbeat.url: not the URL",
		"5 alerting.heartbeat.url_file: \"pulse\"; want an absolute path", "6 alerting.heartbeat.every: shorter than 10s"}},
	{"two heartbeats", nakamaHost + "alerting: {heartbeat: {url: 'http://a', url_file: /b}}", []string{"2 alerting.heartbeat: both url and url_file"}},
	{"capacity window", nakamaHost + "capacity: {window: 1s}", []string{"2 capacity.window: shorter than 3s"}},
	{"loki", nakamaHost + "loki: {url: loki}", []string{"2 loki.url: not the URL"}},
	{"loki's base URL", nakamaHost + "loki: {url: 'http://10.9.0.21:3100/'}",
		[]string{"2 loki.url: the base URL of Loki; want the URL of its push API, like http://10.9.0.21:3100/loki/api/v1/push"}},
	{"loki's user", nakamaHost + "loki:\n  url: 'http://l/loki/api/v1/push'\n  username: u\n  password_file: p\n",
		[]string{"2 loki: half of username and password_file", "5 loki.password_file: "}},
	{"loki's labels", nakamaHost + "loki: {url: 'http://l/loki/api/v1/push'}\nalerting:\n  labels: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1, l: 1}\n",
		[]string{"4 alerting.labels: 12 labels are more than Loki takes"}},
	{"web", nakamaHost + "web:\n  listen: 9735\n  config_file: web.yaml\n", []string{`3 web.listen: "9735"; want :9735 or ADDRESS:9735`, `4 web.config_file: "web.yaml"; want an absolute path`}},
	{"listen on a name", nakamaHost + "web: {listen: \"here.example.com:9735\"}", []string{`2 web.listen: "here.example.com" is no address of this host`}},
	{"listen on no port", nakamaHost + "web: {listen: \":0\"}", []string{`2 web.listen: "0" is no port`}},

	{"all at once, by line", "loki: {url: x}\nfirewall: {mode: x}\nroles: [x]\ncolour: red\n",
		[]string{"1 loki.url: ", "2 firewall.mode: ", "3 roles[0]: ", "4 colour: unknown key"}},
}

func TestProblems(t *testing.T) {
	for _, test := range problemTests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse("f.yaml", []byte(test.text))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Parse = %+v, %v; want Problems", c, err)
			}
			for i, p := range problems {
				if p.File != "f.yaml" || p.Want == "" {
					t.Errorf("problem without a file or what is wanted: %s", p)
				}
				got := fmt.Sprintf("%d %s: %s; want %s", p.Line, p.Key, p.Problem, p.Want)
				if i >= len(test.want) || !strings.HasPrefix(got, test.want[i]) {
					t.Errorf("problem %d:\n got %s\nwant %s", i, got, append(test.want, make([]string, len(problems))...)[i])
				}
			}
			if len(problems) < len(test.want) {
				t.Errorf("not told: %q", test.want[len(problems):])
			}
		})
	}
}

// globalIPv6 is every /8 of 2000::/3, so that no single prefix is too wide.
func globalIPv6() string {
	var all []string
	for i := 0x20; i < 0x40; i++ {
		all = append(all, fmt.Sprintf("\"%x00::/8\"", i))
	}
	return strings.Join(all, ", ")
}

func TestProblemString(t *testing.T) {
	_, err := Parse("/etc/f.yaml", []byte("roles: [nakama]\nloki: {url: x}\nweb: {listen: \":0\"}\n"))
	const want = "/etc/f.yaml:2: loki.url: not the URL of an HTTP server; want one like http://10.9.0.20:9093\n" +
		`/etc/f.yaml:3: web.listen: "0" is no port; want :9735 or ADDRESS:9735`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"mod": "mode", "MODE": "mode", "gripp": "grip", "servces": "services", "colour": "", "": "", "x": ""} {
		if got, _ := nearest(word, []string{"mode", "grip", "services"}); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
