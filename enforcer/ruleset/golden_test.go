package ruleset

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

func prefixes(texts ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, s := range texts {
		found = append(found, netip.MustParsePrefix(s))
	}
	return found
}

// fleet is the roster of all golden files: both families, adjacent and overlapping prefixes, the last address there is.
func fleet() policy.Roster {
	return policy.Roster{
		policy.GroupNakama:          prefixes("10.0.1.11/32", "10.0.1.12/32", "10.0.1.13/32", "fd00:1::11/128"),
		policy.GroupCockroachDB:     prefixes("10.0.2.0/24", "10.0.2.7/32", "255.255.255.255/32"),
		policy.GroupAdmins:          prefixes("10.9.0.0/24", "fd00:9::/64"),
		policy.GroupMonitoring:      prefixes("fd00:7::/64", "fd00:7:1::9/128"),
		policy.GroupLoadBalancers:   nil,
		policy.GroupDatabaseClients: prefixes("::ffff:192.0.2.9/128"),
	}
}

func service(name string, port uint16, from ...string) policy.Service {
	return policy.Service{Name: name, Protocol: policy.TCP, Ports: []uint16{port}, From: from, Mode: policy.Enforce, RefuseWith: policy.Drop}
}

func with(s policy.Service, changes ...func(*policy.Service)) policy.Service {
	for _, change := range changes {
		change(&s)
	}
	return s
}

func audited(s *policy.Service)     { s.Mode = policy.Audit }
func rejecting(s *policy.Service)   { s.RefuseWith = policy.Reject }
func overUDP(s *policy.Service)     { s.Protocol = policy.UDP }
func forDatabase(s *policy.Service) { s.Role = policy.RoleCockroachDB }

func nakamaHost(changes ...func(*policy.Service)) []policy.Service {
	services := []policy.Service{
		service("nakama-api", 7350, policy.Anyone),
		service("nakama-grpc", 7349),
		service("nakama-console", 7351, policy.GroupAdmins),
		service("nakama-console-grpc", 7348, policy.GroupAdmins),
		service("nakama-cluster", 7352, policy.GroupNakama),
	}
	services[4].Ports = append(services[4].Ports, 7353)
	for i := range services {
		services[i] = with(services[i], changes...)
	}
	return services
}

// goldens are the cases; the kernel's tests load every file with nft and read back the same text.
func goldens() map[string]struct {
	services []policy.Service
	around   Surroundings
} {
	type golden = struct {
		services []policy.Service
		around   Surroundings
	}
	database := []policy.Service{
		with(service("cockroachdb-sql", 26257, policy.GroupNakama, policy.GroupCockroachDB, policy.GroupDatabaseClients, policy.GroupAdmins),
			forDatabase, rejecting),
		with(service("cockroachdb-http", 8080, policy.GroupAdmins, policy.GroupMonitoring), forDatabase),
	}
	return map[string]golden{
		"nakama-enforce":      {services: nakamaHost()},
		"nakama-audit":        {services: nakamaHost(audited)},
		"nakama-mixed":        {services: append(nakamaHost(), with(service("nakama-metrics", 9100, policy.GroupMonitoring), audited))},
		"nakama-containers":   {services: nakamaHost(), around: Surroundings{NAT: true, Bridges: []string{"br-0123456789ab", "docker0"}}},
		"bridges-without-nat": {services: nakamaHost(audited), around: Surroundings{Bridges: []string{"cni0"}}},
		"cockroachdb":         {services: database},
		"cockroachdb-nat":     {services: database, around: Surroundings{NAT: true}},
		"udp": {services: []policy.Service{
			with(service("voice", 9999, policy.GroupNakama), overUDP, rejecting), with(service("discovery", 9998, policy.Anyone), overUDP)}},
		"open":      {services: []policy.Service{service("nakama-api", 7350, policy.Anyone)}},
		"ipv6-only": {services: []policy.Service{service("warden", 9735, policy.GroupMonitoring)}},
	}
}

func TestGoldenFiles(t *testing.T) {
	for name, g := range goldens() {
		t.Run(name, func(t *testing.T) {
			p, err := policy.Compile(g.services, fleet())
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".nft")
			got := Build(p, g.around).String()
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (-update writes it anew):\n%s", path, got)
			}
		})
	}
}

func TestEveryGoldenFileHasACase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.nft")
	if err != nil || len(files) != len(goldens()) {
		t.Errorf("%d golden files, %v; want %d", len(files), err, len(goldens()))
	}
}

func TestAPolicyWithoutServicesIsNoTable(t *testing.T) {
	r := Build(policy.Policy{}, Surroundings{NAT: true, Bridges: []string{"docker0"}})
	if !r.Absent() || r.String() != "" {
		t.Errorf("got %q; want nothing", r)
	}
}

func TestCounterNamesSplit(t *testing.T) {
	for _, s := range []string{"nakama-api", "warden", "a-b-c"} {
		for _, v := range []string{VerdictAllowed, VerdictRefused, VerdictWouldRefuse} {
			if service, verdict, ok := SplitCounterName(CounterName(s, v)); service != s || verdict != v || !ok {
				t.Errorf("%s, %s came back as %q, %q, %t", s, v, service, verdict, ok)
			}
		}
	}
	if _, _, ok := SplitCounterName("counter"); ok {
		t.Error("a name without a verdict was split")
	}
}

// Groups is how a host without a stored roster learns from its own table who was who.
func TestGroupsAreReadFromSets(t *testing.T) {
	p, err := policy.Compile(nakamaHost(), fleet())
	if err != nil {
		t.Fatal(err)
	}
	groups := Build(p, Surroundings{}).Groups()
	for name, want := range p.Groups {
		if got := policy.Coalesce(groups[name]); !slices.Equal(got, want) {
			t.Errorf("group %s: %v; want %v", name, got, want)
		}
	}
}
