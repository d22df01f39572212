package config

import (
	"cmp"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// defaultLogGroup is the port of the agent: a number that nobody else has reason to choose.
const defaultLogGroup = 9735

// defaults is what every key is unless the file says otherwise.
func defaults() *Config {
	c := &Config{
		Roles:       []string{RoleAuto},
		Environment: Production,
		Fleet:       map[string]Group{},
		Firewall:    Firewall{Mode: policy.Audit, Grip: GripAuto, RefuseWith: policy.Drop, LogGroup: defaultLogGroup},
		Capacity:    Capacity{Overprovision: 1.5, SpareNodes: 1, PeakWindow: 30 * 24 * time.Hour, Window: 5 * time.Minute},
		Alerting:    Alerting{Labels: map[string]string{}, Overrides: map[string]Override{}, HoldScale: 1, Heartbeat: Heartbeat{Every: time.Minute}},
		Web:         Web{Listen: ":9735"},
	}
	for _, group := range policy.StandardGroups() {
		c.Fleet[group] = Group{}
	}
	c.Firewall.Services = resolve(defaultServices(), c.Firewall)
	return c
}

// defaultServices are the ports of the topology. Their mode is the firewall's; so is their refuse_with where none is
// given here.
func defaultServices() map[string]*service {
	services := map[string]*service{}
	add := func(role, name string, ports []uint16, from ...string) *service {
		s := &service{Service: policy.Service{Name: name, Role: role, Protocol: policy.TCP, Ports: ports, From: from}}
		services[name] = s
		return s
	}
	const nakama, cockroachdb = policy.RoleNakama, policy.RoleCockroachDB
	add(nakama, "nakama-api", []uint16{7350}, policy.Anyone)
	add(nakama, "nakama-grpc", []uint16{7349})
	add(nakama, "nakama-console", []uint16{7351}, policy.GroupAdmins)
	add(nakama, "nakama-console-grpc", []uint16{7348}, policy.GroupAdmins)
	add(nakama, "nakama-cluster", []uint16{7352, 7353}, policy.GroupNakama)
	add(nakama, "nakama-metrics", nil, policy.GroupMonitoring) // off in Nakama unless it is given a port
	sql := add(cockroachdb, "cockroachdb-sql", []uint16{26257}, policy.GroupNakama, policy.GroupCockroachDB,
		policy.GroupDatabaseBalancers, policy.GroupDatabaseClients, policy.GroupAdmins)
	sql.RefuseWith = policy.Reject // a client that is refused should fail over at once, not time out
	add(cockroachdb, "cockroachdb-http", []uint16{8080}, policy.GroupAdmins, policy.GroupMonitoring, policy.GroupDatabaseBalancers)
	add("", "warden", []uint16{9735}, policy.GroupMonitoring, policy.GroupAdmins)
	return services
}

// resolve gives every service its mode and its way to refuse, and sorts them by name.
func resolve(services map[string]*service, f Firewall) []policy.Service {
	resolved := make([]policy.Service, 0, len(services))
	for _, s := range services {
		r := s.Service
		r.Mode, r.RefuseWith = cmp.Or(r.Mode, f.Mode), cmp.Or(r.RefuseWith, f.RefuseWith)
		resolved = append(resolved, r)
	}
	slices.SortFunc(resolved, func(a, b policy.Service) int { return cmp.Compare(a.Name, b.Name) })
	return resolved
}

// conditions are those that can be overridden.
func conditions() []string {
	names := alerting.FleetConditions()
	for _, c := range alerting.Catalogue() {
		names = append(names, c.Name)
	}
	return names
}
