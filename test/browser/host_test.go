package browser

import (
	"time"

	"github.com/nakama-warden/nakama-warden/collector"
	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

const gib = 1 << 30

func ago(d time.Duration) time.Time { return now().Add(-d) }

// safeHost is a Nakama of a fleet of three on an ordinary evening: enforced, and with room.
func safeHost(games ...game) status.Host {
	h := status.Host{Time: now(), Hostname: "nakama-1.eu", Version: "0.8.0", Revision: "4f2c91e", Environment: "production", Roles: []string{"nakama"},
		Config: status.Config{Path: "/etc/nakama-warden/config.yaml", LastReload: ago(53 * time.Hour), LastReloadOK: true},
		Firewall: status.Firewall{Mode: "enforce", State: "enforcing", Verified: true, LastVerified: ago(4 * time.Second), Grip: "owned",
			PolicyHash: "b5d1f0c27a93", HookedPaths: []string{"prerouting", "input"}},
		Services: services("enforce"), Roster: roster(),
		Agent: status.Agent{Started: ago(12*day + 16*time.Hour), PID: 812,
			Deliveries: []status.Delivery{{Receiver: "alertmanager/0", Results: map[string]uint64{"delivered": 41}, LastSuccess: ago(3 * time.Hour)}}},
		Sample: &status.Sample{Time: ago(2 * time.Second), Machine: status.Machine{CPUs: 4, MemoryTotal: 5 * gib, MemoryAvailable: 3 * gib,
			Conntrack: &status.Level{Used: 31200, Limit: 262144}}},
	}
	for i, g := range games {
		h.Sample.Units = append(h.Sample.Units, nakama(g, 1204+i))
	}
	return h
}

func services(mode string) []status.Service {
	enforced := mode == "enforce"
	service := func(name, role string, from []string, ports ...uint16) status.Service {
		return status.Service{Name: name, Role: role, Protocol: "tcp", Ports: ports, From: from, Mode: mode, RefuseWith: "drop", Enforced: enforced}
	}
	api := service("nakama-api", "nakama", []string{"anyone"}, 7350)
	api.Traffic = map[string]status.Count{"allowed": {Packets: 4_812_220_114, Bytes: 1_204_551_203_822}}
	console := service("nakama-console", "nakama", []string{"admins"}, 7351)
	verdict := "refused"
	if !enforced {
		verdict = "would_refuse"
	}
	console.Traffic = map[string]status.Count{"allowed": {Packets: 81_203, Bytes: 30_220_114}, verdict: {Packets: 1_290, Bytes: 77_400}}
	console.Refused = []status.RefusedSource{
		{Service: console.Name, Source: "198.51.100.23", Verdict: verdict, First: ago(9 * day), Last: ago(3 * time.Minute), Count: 1_102, Ports: []uint16{7351}},
		{Service: console.Name, Source: "10.0.0.5", Verdict: verdict, First: ago(26 * time.Hour), Last: ago(40 * time.Minute), Count: 31, Ports: []uint16{7351}},
		{Service: console.Name, Source: "2001:db8:40::17", Verdict: verdict, First: ago(2 * day), Last: ago(7 * time.Hour), Count: 9, Ports: []uint16{7351}},
	}
	console.RefusedSources = 18
	metrics := service("nakama-metrics", "nakama", []string{"monitoring"}, 9100)
	metrics.Traffic = map[string]status.Count{"allowed": {Packets: 2_450_110, Bytes: 980_221_930}}
	return []status.Service{api, service("nakama-grpc", "nakama", nil, 7349), console,
		service("nakama-console-grpc", "nakama", []string{"admins"}, 7348), service("nakama-cluster", "nakama", []string{"nakama"}, 7352, 7353),
		metrics, service("warden", "", []string{"monitoring", "admins"}, 9735)}
}

func roster() []status.Group {
	group := func(name, source string, prefixes ...string) status.Group {
		g := status.Group{Name: name, Addresses: len(prefixes), Prefixes: prefixes, LastSuccess: ago(8 * time.Second)}
		if source != "" {
			g.Sources = []status.Source{{Name: source, Up: true}}
		}
		return g
	}
	return []status.Group{group("nakama", "static/0", "10.0.1.11/32", "10.0.1.12/32", "10.0.1.13/32"),
		group("cockroachdb", "files/0", "10.0.2.21/32", "10.0.2.22/32", "10.0.2.23/32"), group("load_balancers", "static/0", "10.0.0.5/32"),
		group("database_balancers", ""), group("database_clients", ""),
		group("admins", "static/0", "10.9.0.0/24", "fd00:9::/64"), group("monitoring", "static/0", "10.9.1.4/32")}
}

// nakama is one that carries a game, with the capacity that our own model finds.
func nakama(g game, pid int) status.Unit {
	n, _ := g.load(now())
	used, _ := g.memory(now())
	sessions, presences := n-n/60, n-n/25
	u := status.Unit{Name: g.unit, Role: "nakama", Program: "nakama", PID: pid, Started: g.started(now()), Own: true,
		Ports: []status.Port{
			{Port: 7350, Service: "nakama-api", Connections: n, States: map[string]uint64{"established": n}, How: "derived", Exact: ago(9 * time.Second)},
			{Port: 7351, Service: "nakama-console", Connections: 2, States: map[string]uint64{"established": 2}, How: "exact", Exact: ago(9 * time.Second)}},
		Memory:      status.Memory{Resident: used, Anonymous: used - 40e6, File: 40e6, Kernel: n * 4100, Limit: g.limit, LimitBy: "cgroup system.slice/" + g.unit},
		Files:       &status.Level{Used: n + 33, Limit: 1 << 20},
		Application: &status.Application{URL: "http://127.0.0.1:9100/", Time: ago(21 * time.Second), Sessions: &sessions, Presences: &presences},
	}
	u.Capacity = capacityOf(g, u, 1.5)
	return u
}

// capacityOf is what fits, as the collector finds it.
func capacityOf(g game, u status.Unit, target float64) *status.Capacity {
	m, peak := g.model(), g.peak()
	memory := capacity.Joint(g.limit, []capacity.Share{{Name: g.unit, Model: m, Connections: peak, Outside: collector.KernelPerConnection}})
	resources := []capacity.Resource{memory, capacity.Descriptors(u.Files.Limit, u.Files.Used, u.Ports[0].Connections)}
	binding := capacity.Capacity(resources)
	provision := capacity.Assess(binding, peak, target, m)
	c := &status.Capacity{Known: binding.Known, Reason: binding.Reason, Fits: binding.Fits, Expected: binding.Expected, Binding: binding.Name,
		BytesPerConnection: m.BytesPerConnection(), Peak: peak, Ratio: provision.Ratio, Target: provision.Target, Below: provision.Below,
		KernelPerConnection: collector.KernelPerConnection}
	if c.Known {
		const steps = 40
		for i := range steps + 1 {
			n := float64(binding.Expected) * 1.1 * float64(i) / steps
			mean, upper := m.At(n)
			c.Curve = append(c.Curve, status.CurvePoint{Connections: uint64(n), Expected: uint64(mean), Upper: uint64(upper)})
		}
	}
	for _, r := range resources {
		c.Resources = append(c.Resources, status.Resource{Name: r.Name, Limit: r.Limit, Fits: r.Fits, Known: r.Known, Reason: r.Reason})
	}
	return c
}

// events are what such a host has to tell.
func events() []status.Event {
	told := []status.Event{
		{Time: ago(12*day + 16*time.Hour), Kind: status.KindStarted, Summary: "nakama-warden 0.8.0 started"},
		{Time: ago(12*day + 16*time.Hour), Kind: status.KindPolicyApplied, Summary: "policy b5d1f0c27a93 is in force (revision 4f2c91e)"},
		{Time: ago(9 * day), Kind: status.KindRefused, Summary: "198.51.100.23 was refused at nakama-console (7351)"},
		{Time: ago(53 * time.Hour), Kind: status.KindConfigReloaded, Summary: "configuration reloaded from /etc/nakama-warden/config.yaml"},
		{Time: ago(26 * time.Hour), Kind: status.KindRefused, Summary: "10.0.0.5 was refused at nakama-console (7351)"},
		{Time: ago(3*time.Hour + 7*time.Minute), Kind: status.KindRosterChanged, Summary: "admins: 1 address added", Fields: map[string]string{"group": "admins"}},
	}
	for i := range told {
		told[i].Sequence = uint64(i + 1)
	}
	return told
}
