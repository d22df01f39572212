package config

import (
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// packaged is the file that the packages install.
const packaged = "../../packaging/config.yaml"

func mustParse(t testing.TB, text string) *Config {
	t.Helper()
	c, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatalf("Parse:\n%v", err)
	}
	return c
}

// sameAs compares what the files say, whatever they are called and wherever it stands.
func sameAs(t testing.TB, got, want *Config) {
	t.Helper()
	a, b := *got, *want
	a.Path, b.Path, a.Warnings, b.Warnings = "", "", nil, nil
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got\n%+v\nwant\n%+v", a, b)
	}
}

func serviceOf(t testing.TB, c *Config, name string) policy.Service {
	t.Helper()
	for _, s := range c.Firewall.Services {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no service %s in %+v", name, c.Firewall.Services)
	return policy.Service{}
}

func TestDefault(t *testing.T) {
	c := Default()
	if c.Environment != "production" || c.Revision != "" || !slices.Equal(c.Roles, []string{"auto"}) {
		t.Errorf("head: %+v", c)
	}
	if want := (Capacity{1.5, 1, 720 * time.Hour, 5 * time.Minute}); c.Capacity != want {
		t.Errorf("capacity %+v, want %+v", c.Capacity, want)
	}
	a := c.Alerting
	if a.HoldScale != 1 || len(a.Labels)+len(a.Overrides)+len(a.Alertmanagers)+len(a.Receivers) != 0 {
		t.Errorf("alerting %+v", a)
	}
	if c.Loki != (Loki{}) || c.Web != (Web{Listen: ":9735"}) {
		t.Errorf("loki %+v, web %+v", c.Loki, c.Web)
	}
	f := c.Firewall
	if f.Mode != policy.Audit || f.Grip != "auto" || f.RefuseWith != policy.Drop || f.LogGroup != 9735 {
		t.Errorf("firewall %+v", f)
	}
	const n, d = policy.RoleNakama, policy.RoleCockroachDB
	want := []policy.Service{
		{Name: "cockroachdb-http", Role: d, Ports: []uint16{8080}, From: []string{"admins", "monitoring", "database_balancers"}},
		{Name: "cockroachdb-sql", Role: d, Ports: []uint16{26257}, From: []string{"nakama", "cockroachdb", "database_balancers", "database_clients", "admins"}, RefuseWith: policy.Reject},
		{Name: "nakama-api", Role: n, Ports: []uint16{7350}, From: []string{"anyone"}},
		{Name: "nakama-cluster", Role: n, Ports: []uint16{7352, 7353}, From: []string{"nakama"}},
		{Name: "nakama-console", Role: n, Ports: []uint16{7351}, From: []string{"admins"}},
		{Name: "nakama-console-grpc", Role: n, Ports: []uint16{7348}, From: []string{"admins"}},
		{Name: "nakama-grpc", Role: n, Ports: []uint16{7349}},
		{Name: "nakama-metrics", Role: n, From: []string{"monitoring"}},
		{Name: "warden", Ports: []uint16{9735}, From: []string{"monitoring", "admins"}},
	}
	for i := range want {
		want[i].Protocol, want[i].Mode = policy.TCP, policy.Audit
		if want[i].RefuseWith == "" {
			want[i].RefuseWith = policy.Drop
		}
	}
	if !reflect.DeepEqual(f.Services, want) {
		t.Errorf("services\n got %+v\nwant %+v", f.Services, want)
	}
}

func TestNothingWrittenIsTheDefault(t *testing.T) {
	for _, text := range []string{
		"", "\n", "# nothing\n", "---\n", "~", "{}", "null\n",
		"fleet:\nfirewall:\ncapacity:\nalerting:\nloki:\nweb:\nroles:\nenvironment:\nrevision:\n",
		"roles: auto", "fleet: {admins: , nakama: {static: , files: []}}",
		"firewall: {mode: , services: {nakama-api: {from: }, warden: }}", "firewall: {services: }",
		"alerting: {labels: , overrides: {Drift: }, receivers: }", "loki: {url: \"\"}",
	} {
		sameAs(t, mustParse(t, text), Default())
	}
}

// The packaged file says what the defaults are, so it must be right when each setting is uncommented too.
func TestPackagedFile(t *testing.T) {
	c, err := Load(packaged)
	if err != nil {
		t.Fatal(err)
	}
	sameAs(t, c, Default())

	text, err := os.ReadFile(packaged)
	if err != nil {
		t.Fatal(err)
	}
	setting := regexp.MustCompile(`(?m)^( *)#([a-z])`)
	uncommented := setting.ReplaceAllString(string(text), "$1$2")
	sameAs(t, mustParse(t, uncommented), Default())

	root := value{d: &decoder{lines: map[string]int{}, origins: map[string][]string{}}}
	if root, ok := root.d.document([]byte(uncommented)); ok {
		root.walk(deepest)
	}
	for _, key := range []string{
		"revision", "roles", "environment", "firewall.mode", "firewall.grip", "firewall.refuse_with", "firewall.log_group", "firewall.forwarded",
		"capacity.overprovision", "capacity.spare_nodes", "capacity.peak_window", "capacity.window", "alerting.labels",
		"alerting.overrides", "alerting.hold_scale", "alerting.alertmanagers", "alerting.receivers", "loki.url", "web.listen", "web.config_file",
	} {
		if root.d.lines[key] == 0 {
			t.Errorf("the packaged file does not show %s", key)
		}
	}
	for _, group := range policy.StandardGroups() {
		if root.d.lines["fleet."+group+".static"] == 0 {
			t.Errorf("the packaged file does not show group %s", group)
		}
	}
	for _, s := range Default().Firewall.Services {
		if root.d.lines["firewall.services."+s.Name+".ports"] == 0 {
			t.Errorf("the packaged file does not show service %s", s.Name)
		}
	}
}

// Every key at once, each with a value that is not its default.
func TestEveryKey(t *testing.T) {
	c := mustParse(t, `
revision: 0012345
roles: [cockroachdb, nakama]
environment: testing
fleet:
  nakama: {static: [10.0.1.11, "fd00::1"], files: [/etc/w/nakama-*.yml, /etc/w/b.json]}
  ops-team_2: {static: [10.9.0.0/24, "::ffff:10.8.0.1", "::ffff:10.7.0.0/112"]}
firewall:
  mode: enforce
  grip: watched
  refuse_with: reject
  log_group: 7
  services:
    nakama-api: {from: [load_balancers], mode: off}
    nakama-metrics: {ports: [9100], refuse_with: drop}
    voice: {role: nakama, ports: [5000, 5001], from: [ops-team_2], protocol: udp, mode: audit}
capacity: {overprovision: 2, spare_nodes: 0, peak_window: 1d12h, window: 20s}
alerting:
  labels: {cluster: eu, shard: 7}
  overrides:
    Drift: {severity: critical, for: 0s, threshold: 0.5, enabled: false}
    Paused: {}
  hold_scale: 0.01
  alertmanagers: ["http://10.9.0.20:9093", "https://am.internal/prefix"]
  receivers: [{name: on-call, webhook_configs: [{url: "http://x"}]}]
loki: {url: "http://10.9.0.21:3100/loki/api/v1/push", tenant_id: 7, username: u, password_file: /etc/w/p, ca_file: /etc/w/ca.pem}
web: {listen: "[::1]:9999", config_file: /etc/w/web.yaml}
`)
	if c.Revision != "0012345" || c.Environment != Testing || !slices.Equal(c.Roles, []string{"cockroachdb", "nakama"}) {
		t.Errorf("head: %+v", c)
	}
	prefixes := func(texts ...string) (p []netip.Prefix) {
		for _, text := range texts {
			p = append(p, netip.MustParsePrefix(text))
		}
		return p
	}
	if want := (Group{prefixes("10.0.1.11/32", "fd00::1/128"), []string{"/etc/w/nakama-*.yml", "/etc/w/b.json"}}); !reflect.DeepEqual(c.Fleet["nakama"], want) {
		t.Errorf("nakama = %+v", c.Fleet["nakama"])
	}
	roster := c.StaticRoster()
	if len(roster) != 8 || !slices.Equal(roster["ops-team_2"], prefixes("10.9.0.0/24", "10.8.0.1/32", "10.7.0.0/16")) {
		t.Errorf("roster = %v", roster)
	}
	if f := c.Firewall; f.Mode != policy.Enforce || f.Grip != GripWatched || f.RefuseWith != policy.Reject || f.LogGroup != 7 {
		t.Errorf("firewall = %+v", f)
	}
	for _, want := range []policy.Service{
		{Name: "nakama-api", Role: "nakama", Protocol: "tcp", Ports: []uint16{7350}, From: []string{"load_balancers"}, Mode: policy.Off, RefuseWith: policy.Reject},
		{Name: "nakama-metrics", Role: "nakama", Protocol: "tcp", Ports: []uint16{9100}, From: []string{"monitoring"}, Mode: policy.Enforce, RefuseWith: policy.Drop},
		{Name: "voice", Role: "nakama", Protocol: "udp", Ports: []uint16{5000, 5001}, From: []string{"ops-team_2"}, Mode: policy.Audit, RefuseWith: policy.Reject},
	} {
		if got := serviceOf(t, c, want.Name); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if want := (Capacity{2, 0, 36 * time.Hour, 20 * time.Second}); c.Capacity != want {
		t.Errorf("capacity = %+v", c.Capacity)
	}
	a := c.Alerting
	if a.Labels["shard"] != "7" || len(a.Labels) != 2 || a.HoldScale != 0.01 || len(a.Alertmanagers) != 2 || len(a.Receivers) != 1 {
		t.Errorf("alerting = %+v", a)
	}
	if o := a.Overrides["Drift"]; o.Severity != "critical" || *o.For != 0 || *o.Threshold != 0.5 || *o.Enabled {
		t.Errorf("override = %+v", o)
	}
	if o, ok := a.Overrides["Paused"]; !ok || o != (Override{}) {
		t.Errorf("empty override = %+v", o)
	}
	if c.Loki != (Loki{"http://10.9.0.21:3100/loki/api/v1/push", "7", "u", "/etc/w/p", "/etc/w/ca.pem"}) || c.Web != (Web{"[::1]:9999", "/etc/w/web.yaml"}) || c.Path != "f.yaml" {
		t.Errorf("loki %v, web %v, path %s", c.Loki, c.Web, c.Path)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"auto and enforce", "web: {}\nroles: auto\nfirewall: {mode: enforce}", []string{"f.yaml:2: roles: auto guards the roles that were found on this host"}},
		{"auto and one service in enforce", "firewall: {services: {warden: {mode: enforce}}}", []string{"f.yaml:1: roles: auto guards"}},
		{"host bits", nakamaHost + "fleet:\n  admins:\n    static: [10.9.0.7/24]\n",
			[]string{`f.yaml:4: fleet.admins.static[0]: "10.9.0.7/24" has host bits set and is read as 10.9.0.0/24; want 10.9.0.0/24 or a single address`}},
		{"mapped host bits", nakamaHost + "fleet: {admins: {static: [\"::ffff:10.9.0.7/120\"]}}", []string{`f.yaml:2: fleet.admins.static[0]: "::ffff:10.9.0.7/120" has host bits`}},
		{"database without Nakama", "roles: [cockroachdb]", []string{"f.yaml:1: fleet.nakama: a database host that knows no Nakama node: cockroachdb-sql would refuse them all once enforced"}},
		{"database without Nakama, another service in enforce", "roles: [cockroachdb]\nfleet: {nakama: }\nfirewall: {services: {warden: {mode: enforce}}}", []string{"f.yaml:2: fleet.nakama: a database host"}},
		{"unsafe", nakamaHost + "firewall:\n  services:\n    nakama-console:\n      unsafe: true\n      from: [anyone]\n",
			[]string{"f.yaml:5: firewall.services.nakama-console.unsafe: the rules for hidden services are waived for nakama-console"}},
		{"own port", nakamaHost + "web: {listen: \":9999\"}", []string{"f.yaml:2: web.listen: port 9999 belongs to no service of this host, so anyone may reach the agent; want firewall.services.warden.ports: [9999]"}},
		{"own port on loopback", nakamaHost + "web: {listen: \"localhost:9999\"}", nil},
		{"none", nakamaHost, nil},
		{"database with Nakama's file", "roles: [cockroachdb]\nfleet: {nakama: {files: [/n.json]}}\nfirewall: {mode: enforce}", nil},
		{"database that Nakama does not use", "roles: [cockroachdb]\nfirewall: {mode: enforce, services: {cockroachdb-sql: {from: [database_balancers]}}}", nil},
		{"database that is not guarded", "roles: [cockroachdb]\nfirewall: {mode: off}", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := mustParse(t, test.text)
			if len(c.Warnings) != len(test.want) {
				t.Fatalf("got %q, want %q", c.Warnings.Error(), test.want)
			}
			for i, w := range c.Warnings {
				if !strings.HasPrefix(w.String(), test.want[i]) {
					t.Errorf("got  %s\nwant %s", w, test.want[i])
				}
			}
		})
	}
}

func TestFollowers(t *testing.T) {
	for _, test := range []struct {
		services      string
		grpc, console []uint16
	}{
		{"nakama-api: {from: []}", []uint16{7349}, []uint16{7348}},
		{"nakama-api: {ports: [8350]}", []uint16{8349}, []uint16{7348}},
		{"nakama-api: {ports: [8350, 8450]}", []uint16{8349, 8449}, []uint16{7348}},
		{"nakama-console: {ports: [8351]}", []uint16{7349}, []uint16{8348}},
		{"nakama-console: {ports: [8351]}, nakama-console-grpc: {from: []}", []uint16{7349}, []uint16{8348}},
		{"nakama-console: {ports: [8351]}, nakama-console-grpc: {ports: [7348]}", []uint16{7349}, []uint16{7348}},
		{"nakama-api: {ports: [8350]}, nakama-grpc: {ports: []}", nil, []uint16{7348}},
		{"nakama-grpc: {ports: }, nakama-api: {ports: [8350]}", []uint16{8349}, []uint16{7348}},
		{"nakama-api: {ports: []}", []uint16{7349}, []uint16{7348}},
	} {
		c := mustParse(t, "firewall: {services: {"+test.services+"}}")
		grpc, console := serviceOf(t, c, "nakama-grpc").Ports, serviceOf(t, c, "nakama-console-grpc").Ports
		if !slices.Equal(grpc, test.grpc) || !slices.Equal(console, test.console) {
			t.Errorf("%s: %v and %v, want %v and %v", test.services, grpc, console, test.grpc, test.console)
		}
	}
}

func TestHostServices(t *testing.T) {
	for _, test := range []struct {
		roles, port string // the port belongs to a service of the other role
		want        []string
	}{
		{"auto", "9000", []string{"own", "warden"}},
		{"[nakama]", "8080", []string{"nakama-api", "nakama-cluster", "nakama-console", "nakama-console-grpc", "nakama-grpc", "nakama-metrics", "own", "warden"}},
		{"[cockroachdb]", "7350", []string{"cockroachdb-http", "cockroachdb-sql", "own", "warden"}},
	} {
		c := mustParse(t, "roles: "+test.roles+"\nfirewall: {services: {own: {ports: ["+test.port+"], from: []}}}")
		var got []string
		for _, s := range c.HostServices() {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("roles %s: %v, want %v", test.roles, got, test.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "1d12h": 36 * time.Hour, "0s": 0,
		"1.5h": 90 * time.Minute, "500ms": 500 * time.Millisecond, "10us": 10 * time.Microsecond,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%s = %s, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "5", "-5m", "+5m", "5 m", "1.5d", "12h1d", "d", "1d2", "1w", "999999d", "99999d200000h", "9999999999999h", "m", "1e3s"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q = %s, want none", text, got)
		}
	}
}
