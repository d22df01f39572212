package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(texts ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, s := range texts {
		found = append(found, netip.MustParsePrefix(s))
	}
	return found
}

func service(name, role string, port uint16, from ...string) Service {
	return Service{Name: name, Role: role, Protocol: TCP, Ports: []uint16{port}, From: from, Mode: Enforce, RefuseWith: Drop}
}

func defaults() []Service {
	return []Service{
		service("nakama-api", RoleNakama, 7350, Anyone),
		service("nakama-console", RoleNakama, 7351, GroupAdmins),
		service("nakama-grpc", RoleNakama, 7349),
		service("cockroachdb-sql", RoleCockroachDB, 26257, GroupNakama, GroupAdmins),
	}
}

func roster() Roster {
	return Roster{
		GroupAdmins: prefixes("10.9.0.0/24", "10.9.0.7/32", "fd00:9::/64"),
		GroupNakama: prefixes("10.0.1.12/32", "10.0.1.11/32", "10.0.1.13/32"),
	}
}

func compile(t *testing.T, services []Service, roster Roster) Policy {
	t.Helper()
	p, err := Compile(services, roster)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompileSortsAndCoalesces(t *testing.T) {
	services := append(defaults(),
		Service{Name: "off", Protocol: TCP, Ports: []uint16{1000}, Mode: Off},
		Service{Name: "nakama-metrics", Protocol: TCP, From: []string{GroupMonitoring}, Mode: Enforce})
	services[0].From = []string{GroupAdmins, Anyone}
	services[1].From = []string{GroupAdmins, GroupAdmins}
	services[1].Ports = []uint16{7361, 7351, 7361}
	p := compile(t, services, roster())

	var names []string
	for _, s := range p.Services {
		names = append(names, s.Name)
	}
	if want := []string{"cockroachdb-sql", "nakama-api", "nakama-console", "nakama-grpc"}; !slices.Equal(names, want) {
		t.Errorf("services %v; want %v", names, want)
	}
	if got := p.Services[1].From; !slices.Equal(got, []string{Anyone}) {
		t.Errorf("an open service is from %v; want anyone alone", got)
	}
	if s := p.Services[2]; !slices.Equal(s.Ports, []uint16{7351, 7361}) || !slices.Equal(s.From, []string{GroupAdmins}) {
		t.Errorf("console: ports %v from %v; want both sorted, each once", s.Ports, s.From)
	}
	if got, want := p.Groups[GroupAdmins], prefixes("10.9.0.0/24", "fd00:9::/64"); !slices.Equal(got, want) {
		t.Errorf("admins %v; want %v", got, want)
	}
	if got, want := p.Groups[GroupNakama], prefixes("10.0.1.11/32", "10.0.1.12/31"); !slices.Equal(got, want) {
		t.Errorf("nakama %v; want %v", got, want)
	}
	if _, there := p.Groups[Anyone]; there || len(p.Groups) != 2 {
		t.Errorf("groups %v; want the two that services refer to", p.Groups)
	}
}

func TestCompileLeavesItsArgumentsAlone(t *testing.T) {
	services, groups := defaults(), roster()
	services[1].Ports = []uint16{7361, 7351}
	compile(t, services, groups)
	if !slices.Equal(services[1].Ports, []uint16{7361, 7351}) || services[0].Name != "nakama-api" ||
		!slices.Equal(groups[GroupNakama], roster()[GroupNakama]) {
		t.Error("Compile changed what it was given")
	}
}

func TestCompileRefusesWhatCheckFinds(t *testing.T) {
	services := defaults()
	services[1].From = []string{Anyone}
	services[2].From = []string{"nobody"}
	p, err := Compile(services, roster())
	if err == nil || len(p.Services) != 0 {
		t.Fatalf("compiled %v, %v; want an error and nothing", p, err)
	}
	for _, part := range []string{"service nakama-console: a console or database service is open to anyone", `unknown group "nobody"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestHashIsOfTheDeclaredPolicy(t *testing.T) {
	hash := compile(t, defaults(), roster()).Hash()
	backwards := defaults()
	slices.Reverse(backwards)
	backwards[0].From = []string{GroupAdmins, GroupNakama}
	if got := compile(t, backwards, roster()).Hash(); got != hash {
		t.Errorf("the order of services and groups changes the hash: %s; want %s", got, hash)
	}
	if got := compile(t, defaults(), Roster{}).Hash(); got != hash {
		t.Errorf("the roster changes the hash: %s; want %s", got, hash)
	}
	for name, change := range map[string]func(*Service){
		"port":        func(s *Service) { s.Ports = []uint16{7000} },
		"from":        func(s *Service) { s.From = []string{GroupMonitoring} },
		"mode":        func(s *Service) { s.Mode = Audit },
		"refuse_with": func(s *Service) { s.RefuseWith = Reject },
		"protocol":    func(s *Service) { s.Protocol = UDP },
		"name":        func(s *Service) { s.Name = "nakama-console-2" },
		"unsafe":      func(s *Service) { s.Unsafe = true },
	} {
		services := defaults()
		change(&services[1])
		if got := compile(t, services, roster()).Hash(); got == hash {
			t.Errorf("another %s has the same hash", name)
		}
	}
}

func TestRosterCloneSharesNothing(t *testing.T) {
	original := roster()
	clone := original.Clone()
	clone[GroupAdmins][0] = netip.MustParsePrefix("192.0.2.0/24")
	clone["more"] = nil
	if original[GroupAdmins][0] != roster()[GroupAdmins][0] || len(original) != len(roster()) {
		t.Error("a change of the clone changed the original")
	}
}

func TestGroupsAreTheStandardOnesAndTheRosters(t *testing.T) {
	got := Groups(Roster{"ops": nil, GroupAdmins: nil})
	if len(got) != len(StandardGroups())+1 || !slices.IsSorted(got) || !slices.Contains(got, "ops") {
		t.Errorf("groups %v", got)
	}
}
