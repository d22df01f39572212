package browser

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/collector"
	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

// state is a host as a person may find it.
type state struct {
	name    string
	verdict string   // the page says it
	says    []string // and this
	host    status.Host
	games   []game
	events  []status.Event
}

// states are all that the page is looked at in.
func states() []state {
	return []state{firstMinute(), audit(), enforced(), off(), paused(), drift(), capacityUnknown(), nearlyFull(), firing(), storeDegraded(),
		ipv6(), hostile(), shared(), many(), longNames(), database()}
}

func named(name, verdict string, h status.Host, games []game, says ...string) state {
	h, told := judged(h)
	return state{name: name, verdict: verdict, says: says, host: h, games: games, events: append(events(), told...)}
}

func usual() []game { return []game{played("nakama.service", 24_000, 4*gib)} }

// judged adds what is wrong with a host, as the daemon finds it when it has been so for two hours, or since it was started.
func judged(h status.Host) (status.Host, []status.Event) {
	h.Conditions = alerting.Evaluate(h, alerting.Settings{})
	quiet := alerting.Quiet{Silences: h.Silences, Maintenance: h.Maintenance}
	runbook := func(name string) string { return rules.DefaultRunbookBase + name + ".md" }
	var (
		alerts alerting.State
		told   []status.Event
	)
	begin := ago(2 * time.Hour)
	if h.Agent.Started.After(begin) {
		begin = h.Agent.Started
	}
	for at := begin; !at.After(now()); at = at.Add(time.Minute) {
		var heard []status.Alert
		alerts, heard = alerts.Step(at, h.Conditions, quiet, map[string]string{"cluster": "eu"}, runbook)
		for _, a := range heard {
			told = append(told, status.Event{Sequence: uint64(100 + len(told)), Time: at, Kind: status.KindAlertFiring, Summary: a.Name + ": " + a.Summary})
		}
	}
	h.Alerts = alerts.Alerts()
	return h, told
}

func enforced() state {
	return named("enforced", "SAFE", safeHost(usual()...), usual(), "nakama-1.eu", "nakama.service")
}

func firstMinute() state {
	h := safeHost()
	h.Firewall = status.Firewall{Mode: "audit", State: "starting"}
	h.Services, h.Sample, h.Roles = services("audit"), nil, nil
	for i := range h.Services {
		h.Services[i].Traffic, h.Services[i].Refused, h.Services[i].RefusedSources = nil, nil, 0
	}
	h.Roster, h.Revision = nil, ""
	h.Agent = status.Agent{Started: ago(3 * time.Second), PID: 812}
	s := named("first-minute", "NOT ENFORCED", h, nil)
	s.events = s.events[:1]
	return s
}

func audit() state {
	h := safeHost(usual()...)
	h.Firewall.Mode, h.Services = "audit", services("audit")
	return named("audit", "AUDIT", h, usual(), "198.51.100.23")
}

func off() state {
	h := safeHost(usual()...)
	h.Firewall, h.Services = status.Firewall{Mode: "off", State: "off"}, services("off")
	return named("off", "NOT ENFORCED", h, usual(), "off")
}

func paused() state {
	h := safeHost(usual()...)
	h.Firewall.State, h.Firewall.Verified, h.Firewall.Grip = "paused", false, ""
	h.Firewall.Paused = &status.Pause{Until: now().Add(17 * time.Minute), Why: "players cannot log in since the deploy", By: "anna"}
	for i := range h.Services {
		h.Services[i].Enforced, h.Services[i].Reason = false, "paused"
	}
	return named("paused", "PAUSED", h, usual(), "players cannot log in since the deploy")
}

func drift() state {
	h := safeHost(usual()...)
	h.Firewall.Grip, h.Firewall.GripReason = "watched", "kernel 5.10 has no owned tables"
	h.Firewall.LastDrift = &status.Drift{Time: ago(6 * time.Minute), Kind: "table", Changes: []string{"table inet nakama_warden: deleted"},
		By: "nft (pid 30211, uid 0, parent docker-reload.sh)", Repair: 5800 * time.Microsecond}
	h.Firewall.Drifts, h.Firewall.DriftsLately = map[string]uint64{"table": 14, "rule": 1}, 12
	h.Firewall.Fight = "docker-reload.sh (pid 30177)"
	return named("drift", "SAFE", h, usual(), "docker-reload.sh")
}

func capacityUnknown() state {
	g := played("nakama.service", 900, 4*gib)
	g.born, g.restart = ago(6*time.Hour), ago(6*time.Hour)
	h := safeHost(g)
	c := h.Sample.Units[0].Capacity
	c.Known, c.Reason, c.Ratio = false, "insufficient variation: the load has varied by 11 % lately, 15 % are wanted", 0
	for i := range c.Resources {
		if c.Resources[i].Name == "memory" {
			c.Resources[i].Known, c.Resources[i].Reason = false, c.Reason
		}
	}
	return named("capacity-unknown", "SAFE", h, []game{g}, "insufficient variation")
}

func nearlyFull() state {
	g := played("nakama.service", 49_000, 4*gib)
	h := safeHost(g)
	at := now().Add(26 * time.Hour)
	h.Sample.Units[0].Capacity.Exhaustion = &at
	h.Sample.Machine.MemoryAvailable = 600 << 20
	return named("nearly-full", "SAFE", h, []game{g}, "MemoryNearlyExhausted", "ProvisionBelowTarget")
}

func firing() state {
	g := played("nakama.service", 41_000, 4*gib)
	h := safeHost(g)
	h.Services[2].Enforced = false
	h.Services[2].Reason = "port 17351 is published by a proxy outside our hooks (docker-proxy, pid 2210)"
	h.Firewall.Saved = []string{"/etc/nftables.conf"}
	h.Roster[5].Sources = []status.Source{{Name: "static/0", Up: true}, {Name: "files/0", Problem: "/etc/nakama-warden/fleet/admins.json: permission denied"}}
	h.Sample.Down = []status.Down{{Name: "nakama-eu2.service", Role: "nakama", Since: ago(124 * time.Minute)}}
	h.Agent.Deliveries = append(h.Agent.Deliveries, status.Delivery{Receiver: "pagerduty/oncall/0", Queued: 3, FailingFrom: ago(138 * time.Minute),
		Results: map[string]uint64{"delivered": 7, "failed": 22}, LastSuccess: ago(5 * time.Hour), Problem: "events.pagerduty.com: i/o timeout"})
	h.Silences = []status.Silence{{ID: "7", Condition: "ProvisionBelowTarget", From: ago(3 * time.Hour), Until: now().Add(20 * time.Hour), Why: "the new node comes on Monday", By: "ben"}}
	h.Maintenance = &status.Maintenance{From: ago(145 * time.Minute), Until: now().Add(35 * time.Minute), Why: "moving eu2 to the new rack", By: "anna"}
	return named("firing", "NOT ENFORCED", h, []game{g}, "UnsafeExposure", "ServiceDown", "moving eu2 to the new rack", "pagerduty/oncall/0")
}

func storeDegraded() state {
	h := safeHost(usual()...)
	h.Agent.StoreProblem = "write /var/lib/nakama-warden/state.db: no space left on device"
	h.Config.Problem = "config.yaml:14: firewall.services.nakama-console.from: unknown group \"admin\"; want one of nakama, cockroachdb, admins"
	h.Config.LastReloadOK = false
	return named("store-degraded", "SAFE", h, usual(), "no space left on device")
}

// ipv6 is a host whose groups and refused sources have addresses that fill a line.
func ipv6() state {
	h := safeHost(usual()...)
	h.Roster = []status.Group{
		{Name: "admins", Addresses: 2, Prefixes: []string{"2001:db8:1234:5678:9abc:def0:1234:5678/128", "fd00:9::/64"}, LastSuccess: ago(time.Second), Sources: []status.Source{{Name: "static/0", Up: true}}},
		{Name: "nakama", Addresses: 1, Prefixes: []string{"2001:db8:ffff:ffff:ffff:ffff:ffff:ff11/128"}, LastSuccess: ago(time.Second), Sources: []status.Source{{Name: "static/0", Up: true}}}}
	h.Services[2].Refused = []status.RefusedSource{{Service: "nakama-console", Source: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", Verdict: "refused",
		First: ago(day), Last: ago(time.Minute), Count: 88_201_113, Ports: []uint16{7348, 7349, 7351, 7352, 7353}}}
	return named("ipv6", "SAFE", h, usual(), "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff")
}

// shared is a host on which several Nakamas have one limit of memory between them.
func shared() state {
	const limit = 6 * gib
	games := []game{played("nakama-eu.service", 19_000, limit), played("nakama-us.service", 11_000, limit), played("nakama-test.service", 300, limit)}
	h := safeHost(games...)
	h.Sample.Machine.MemoryTotal, h.Sample.Machine.MemoryAvailable = limit, limit-3*gib
	var (
		shares []capacity.Share
		peaks  uint64
	)
	for _, g := range games {
		shares = append(shares, capacity.Share{Name: g.unit, Model: g.model(), Connections: g.peak(), Outside: collector.KernelPerConnection})
		peaks += g.peak()
	}
	together := capacity.Joint(limit, shares)
	joint := &status.Joint{LimitBy: "host", Limit: limit, Known: together.Known, Fits: together.Fits, Expected: together.Expected}
	for i, g := range games {
		u := &h.Sample.Units[i]
		u.Memory.LimitBy = "host"
		joint.Units = append(joint.Units, g.unit)
		c := u.Capacity
		c.Fits, c.Expected, c.Joint = together.Fits*g.peak()/peaks, together.Expected*g.peak()/peaks, joint
		c.Ratio = float64(c.Fits) / float64(g.peak())
		c.Resources[0].Fits = c.Fits
	}
	return named("shared", "SAFE", h, games, "nakama-us.service", "nakama-test.service")
}

// many is a host with more services than anybody reads.
func many() state {
	h := safeHost(usual()...)
	for i := len(h.Services); i < 50; i++ {
		h.Services = append(h.Services, status.Service{Name: fmt.Sprintf("shard-%02d", i), Role: "nakama", Protocol: "tcp", Ports: []uint16{uint16(17000 + i)},
			From: []string{"load_balancers", "admins"}, Mode: "enforce", RefuseWith: "drop", Enforced: true,
			Traffic: map[string]status.Count{"allowed": {Packets: uint64(i) * 1e6, Bytes: uint64(i) * 3e9}}})
	}
	s := named("fifty-services", "SAFE", h, usual(), "shard-49")
	for i := range 200 {
		s.events = append(s.events, status.Event{Sequence: uint64(1000 + i), Time: ago(time.Duration(200-i) * time.Minute), Kind: status.KindRefused,
			Summary: fmt.Sprintf("203.0.113.%d was refused at nakama-console (7351)", i)})
	}
	return s
}

// longNames have nothing at which a line could be broken.
func longNames() state {
	long := strings.Repeat("nakama-of-the-game-with-the-long-name_", 5)
	games := []game{played(long+".service", 24_000, 4*gib)}
	h := safeHost(games...)
	h.Hostname = long[:63] + ".production.eu-central-1.games.example.internal"
	h.Services[2].Name, h.Services[2].From = long, slices.Repeat([]string{long}, 3)
	h.Roster[0].Name = long
	h.Firewall.LastDrift = &status.Drift{Time: ago(6 * time.Minute), Kind: "rule", Changes: []string{strings.Repeat("0123456789abcdef", 20)}, By: strings.Repeat("x", 300)}
	return named("long-names", "SAFE", h, games)
}

// database is a host of the other role, with a client that nobody expects.
func database() state {
	h := safeHost()
	h.Hostname, h.Roles = "cockroachdb-2.eu", []string{"cockroachdb"}
	sql := status.Service{Name: "cockroachdb-sql", Role: "cockroachdb", Protocol: "tcp", Ports: []uint16{26257}, Mode: "enforce", RefuseWith: "reject", Enforced: true,
		From:    []string{"nakama", "cockroachdb", "database_balancers", "database_clients", "admins"},
		Traffic: map[string]status.Count{"allowed": {Packets: 912_220_114, Bytes: 404_551_203_822}, "refused": {Packets: 3, Bytes: 180}}}
	h.Services = []status.Service{sql, {Name: "cockroachdb-http", Role: "cockroachdb", Protocol: "tcp", Ports: []uint16{8080}, Mode: "enforce", RefuseWith: "drop",
		From: []string{"admins", "monitoring"}, Enforced: true}, h.Services[len(h.Services)-1]}
	ready := true
	h.Sample.Units = []status.Unit{{Name: "cockroach.service", Role: "cockroachdb", Program: "cockroach", PID: 990, Started: ago(80 * day), Own: true,
		Ports:             []status.Port{{Port: 26257, Service: "cockroachdb-sql", Connections: 212, How: "exact", Exact: ago(time.Second)}},
		Memory:            status.Memory{Resident: 3 * gib, Anonymous: 3*gib - 1e8, Limit: 8 * gib, LimitBy: "host"},
		Files:             &status.Level{Used: 812, Limit: 65536},
		Application:       &status.Application{URL: "http://127.0.0.1:8080/", Time: ago(time.Second), Ready: &ready},
		UnexpectedClients: []status.Client{{Address: "10.0.7.99", Connections: 4}},
	}}
	return named("database", "SAFE", h, nil, "10.0.7.99")
}
