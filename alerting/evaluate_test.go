package alerting

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// healthy is a host with everything in place and nothing wrong, so that a test changes one thing.
func healthy() status.Host {
	ready := true
	return status.Host{
		Time: noon, Hostname: "game-1", Roles: []string{"nakama"},
		Config:   status.Config{LastReload: noon.Add(-time.Hour), LastReloadOK: true},
		Firewall: status.Firewall{Mode: "enforce", State: "enforcing", Verified: true, LastVerified: noon.Add(-20 * time.Second)},
		Services: []status.Service{
			{Name: "nakama-api", Mode: "enforce", Enforced: true, From: []string{"anyone"}},
			{Name: "nakama-console", Mode: "enforce", Enforced: true, From: []string{"admins"}},
		},
		Roster: []status.Group{{Name: "admins", Addresses: 3, LastSuccess: noon.Add(-10 * time.Second), Sources: []status.Source{{Name: "files/0", Up: true}}}},
		Sample: &status.Sample{
			Time:    noon,
			Machine: status.Machine{MemoryTotal: 16e9, MemoryAvailable: 10e9, Conntrack: &status.Level{Used: 100, Limit: 262144}},
			Units: []status.Unit{
				{Name: "nakama.service", Role: "nakama", PID: 4321, Ports: []status.Port{{Port: 7350, Connections: 12437}},
					Memory:   status.Memory{Resident: 2.1e9, Anonymous: 2e9, Kernel: 0.1e9, Limit: 4e9, LimitBy: "cgroup /system.slice/nakama.service"},
					Files:    &status.Level{Used: 12500, Limit: 65536},
					Capacity: &status.Capacity{Known: true, Fits: 30000, Binding: "memory", Peak: 12500, Ratio: 2.4, Target: 1.5}},
				{Name: "cockroach.service", Role: "cockroachdb", PID: 99, Memory: status.Memory{Resident: 3e9, Anonymous: 2.9e9, Limit: 16e9, LimitBy: "host"},
					Application: &status.Application{Ready: &ready}},
			},
		},
		Agent: status.Agent{Deliveries: []status.Delivery{{Receiver: "alertmanager/0", Results: map[string]uint64{"delivered": 7}}}},
	}
}

// raised is a case of TestEvaluate. want lists conditions as NAME, or NAME/SUBJECT, after ! for critical, - for warning and ~
// for info; says is in the first one's summary.
type raised struct {
	what   string
	change func(*status.Host)
	want   []string
	says   string
}

func TestEvaluate(t *testing.T) {
	seen := map[string]bool{}
	for _, cases := range [][]raised{fenceCases(), rosterCases(), serviceCases(), memoryCases(), capacityCases(), agentCases()} {
		for _, c := range cases {
			h := healthy()
			c.change(&h)
			got := Evaluate(h, Settings{})
			if names := notation(got); !slices.Equal(names, c.want) {
				t.Errorf("%s: got %q, want %q", c.what, names, c.want)
				continue
			}
			for _, condition := range got {
				seen[condition.Name] = true
				wellFormed(t, condition)
			}
			if c.says != "" && !strings.Contains(got[0].Summary, c.says) {
				t.Errorf("%s: the summary lacks %q: %s", c.what, c.says, got[0].Summary)
			}
		}
	}
	for _, d := range Catalogue() {
		if !seen[d.Name] {
			t.Errorf("no case raises %s", d.Name)
		}
	}
}

func notation(conditions []status.Condition) []string {
	mark := map[string]string{status.SeverityCritical: "!", status.SeverityWarning: "-", status.SeverityInfo: "~"}
	var names []string
	for _, c := range conditions {
		name := mark[c.Severity] + c.Name
		if c.Subject != "" {
			name += "/" + c.Subject
		}
		names = append(names, name)
	}
	return names
}

func nakamaOf(h *status.Host) *status.Unit   { return &h.Sample.Units[0] }
func databaseOf(h *status.Host) *status.Unit { return &h.Sample.Units[1] }

func fenceCases() []raised {
	drifted := func(age time.Duration) func(*status.Host) {
		return func(h *status.Host) {
			h.Firewall.LastDrift = &status.Drift{Time: noon.Add(-age), Kind: "rule", By: "nft"}
		}
	}
	drifts := func(n int) func(*status.Host) { return func(h *status.Host) { h.Firewall.DriftsLately = n } }
	bareConsole := func(reason string) func(*status.Host) {
		return func(h *status.Host) { h.Services[1].Enforced, h.Services[1].Reason = false, reason }
	}
	state := func(state string) func(*status.Host) {
		return func(h *status.Host) {
			h.Firewall.State, h.Firewall.Verified = state, false
			for i := range h.Services {
				h.Services[i].Enforced, h.Services[i].Reason = false, "the kernel does not hold the rules"
			}
		}
	}
	pause := func(h *status.Host) {
		state("paused")(h)
		h.Firewall.Paused = &status.Pause{Until: noon.Add(time.Hour), Why: "is it us?", By: "ada"}
	}
	return []raised{
		{"healthy", func(*status.Host) {}, nil, ""},
		{"nothing is known", func(h *status.Host) { *h = status.Host{} }, nil, ""},

		{"failed", func(h *status.Host) { state("failed")(h); h.Firewall.Problem = "no buffer space available" }, []string{"!NotEnforced"}, "no buffer space available"},
		{"removed", state("removed"), []string{"!NotEnforced"}, "a person removed the rules"},
		{"off though declared", state("off"), []string{"!NotEnforced"}, "nakama-console"},
		{"not verified", func(h *status.Host) { bareConsole("it is not known")(h); h.Firewall.Verified = false }, []string{"!NotEnforced"}, ""},
		{"starting, declared", func(h *status.Host) { state("starting")(h); h.Services = nil }, []string{"!NotEnforced"}, "starting"},
		{"starting, nothing known", func(h *status.Host) { h.Firewall, h.Services = status.Firewall{State: "starting"}, nil }, nil, ""},
		{"off as declared", func(h *status.Host) { h.Firewall.Mode, h.Firewall.State, h.Services = "off", "off", nil }, nil, ""},
		{"verified long ago", func(h *status.Host) { h.Firewall.LastVerified = noon.Add(-31 * time.Minute) }, []string{"!NotEnforced"}, "2026-11-22 11:29 UTC"},
		{"verified some time ago", func(h *status.Host) { h.Firewall.LastVerified = noon.Add(-29 * time.Minute) }, nil, ""},
		{"one service, no reason", bareConsole(""), []string{"!NotEnforced/nakama-console"}, ""},
		{"audit, failed", func(h *status.Host) {
			state("failed")(h)
			h.Services[0].Mode, h.Services[1].Mode = "audit", "audit"
		}, []string{"~AuditOnly"}, "nothing is refused"},

		{"a way past the rules", bareConsole("it has a macvlan interface"), []string{"!UnsafeExposure/nakama-console"}, "macvlan"},
		{"unsafe by word", func(h *status.Host) { h.Services[1].Unsafe, h.Services[1].From = true, []string{"anyone"} },
			[]string{"-UnsafeExposure/nakama-console"}, "open to anyone"},
		{"unsafe and past the rules", func(h *status.Host) {
			bareConsole("it has a macvlan interface")(h)
			h.Services[1].Unsafe = true
		}, []string{"!UnsafeExposure/nakama-console"}, "macvlan"},

		{"a pause", pause, []string{"-Paused"}, "2026-11-22 13:00 UTC, by ada (is it us?)"},
		{"a pause has ended, and the rules are not back", state("paused"), []string{"!NotEnforced"}, "(the firewall is paused)"},

		{"a fight", func(h *status.Host) { h.Firewall.Fight = "ufw" }, []string{"-DriftFight"}, "ufw takes"},
		{"three drifts", drifts(3), []string{"-DriftRepeated"}, "3 times"},
		{"two drifts", drifts(2), nil, ""},
		{"a drift just now", drifted(0), []string{"~Drift"}, "nft changed our table (rule)"},
		{"a drift 10 min ago", drifted(10 * time.Minute), nil, ""},
		{"a drift 9 min ago", drifted(9 * time.Minute), []string{"~Drift"}, ""},
		{"a drift after the clock was set back", drifted(-24 * time.Hour), nil, ""},

		{"one service in audit", func(h *status.Host) { h.Services[1].Mode, h.Services[1].Enforced = "audit", false }, []string{"~AuditOnly"}, "nakama-console"},
		{"a port of another", func(h *status.Host) {
			h.Sample.Held = []status.Holder{{Service: "nakama-console", Port: 7351, Program: "python3", PID: 7}}
		}, []string{"~PortHeldByOther/nakama-console"}, "port 7351 of nakama-console is held by python3 (pid 7)"},
		{"two ports of one service", func(h *status.Host) {
			h.Sample.Held = []status.Holder{{Service: "nakama-cluster", Port: 7353, Program: "a"}, {Service: "nakama-cluster", Port: 7352, Program: "b"}}
		}, []string{"~PortHeldByOther/nakama-cluster"}, "7352"},
		{"a client of the database", func(h *status.Host) {
			databaseOf(h).UnexpectedClients = []status.Client{{Address: "192.0.2.7", Connections: 3}, {Address: "192.0.2.8", Connections: 1}}
		}, []string{"-UnexpectedDatabaseClient/cockroach.service"}, "192.0.2.7, 192.0.2.8"},
	}
}

func rosterCases() []raised {
	return []raised{
		{"a source fails", func(h *status.Host) {
			h.Roster[0].Sources = append(h.Roster[0].Sources, status.Source{Name: "files/1", Problem: "no such file"})
		}, []string{"-RosterStale/admins"}, "files/1 fails, no such file; mend the source; its last 3 addresses stay in force"},
		{"a source of one fails", func(h *status.Host) {
			h.Roster[0] = status.Group{Name: "admins", Addresses: 1, Entries: 1, Sources: []status.Source{{Name: "files/1", Problem: "no such file"}}}
		}, []string{"-RosterStale/admins"}, "its last 1 address stays in force"},
		{"a source of neighbours fails", func(h *status.Host) {
			h.Roster[0] = status.Group{Name: "admins", Addresses: 1, Entries: 2, Sources: []status.Source{{Name: "files/1", Problem: "no such file"}}}
		}, []string{"-RosterStale/admins"}, "its last 2 addresses stay in force"},
		{"a source fails, nothing known", func(h *status.Host) {
			h.Roster[0] = status.Group{Name: "nakama", Sources: []status.Source{{Name: "files/0"}}}
		}, []string{"-RosterStale/nakama"}, "it is empty"},
		{"no answer for an hour", func(h *status.Host) { h.Roster[0].LastSuccess = noon.Add(-time.Hour - time.Second) }, []string{"-RosterStale/admins"}, "10:59 UTC"},
		{"an answer an hour ago", func(h *status.Host) { h.Roster[0].LastSuccess = noon.Add(-time.Hour) }, nil, ""},
		{"a group of a stored policy", func(h *status.Host) { h.Roster[0] = status.Group{Name: "admins", Addresses: 3} }, nil, ""},
		{"a loss is held, and one of it revoked", func(h *status.Host) {
			h.Roster[0].Held = []string{"10.0.0.1", "10.0.0.2", "10.0.0.0/24"}
			h.Firewall.Revoked = []status.Revocation{{Prefix: netip.MustParsePrefix("10.0.0.1/32")}, {Prefix: netip.MustParsePrefix("10.0.0.2/31")}}
		}, []string{"~RosterShrinkHeld/admins"}, "so 1 still gets in (10.0.0.0/24): mend"},
		{"a loss is held, and all of it revoked", func(h *status.Host) {
			h.Roster[0].Held = []string{"10.0.0.1", "10.0.0.16/28", "2001:db8::1"}
			h.Firewall.Revoked = []status.Revocation{{Prefix: netip.MustParsePrefix("10.0.0.0/24")}, {Prefix: netip.MustParsePrefix("2001:db8::/64")}}
		}, nil, ""},
		{"a loss is held", func(h *status.Host) { h.Roster[0].Held = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} }, []string{"~RosterShrinkHeld/admins"}, "--accept-shrink admins"},
	}
}

func serviceCases() []raised {
	down := func(name, role string) func(*status.Host) {
		return func(h *status.Host) {
			h.Sample.Down = []status.Down{{Name: name, Role: role, Since: noon.Add(-time.Minute)}}
		}
	}
	killed := func(age time.Duration) func(*status.Host) {
		return func(h *status.Host) { nakamaOf(h).Memory.OOMKilled = noon.Add(-age) }
	}
	return []raised{
		{"down", down("nakama-2", "nakama"), []string{"!ServiceDown/nakama-2"}, "down since 2026-11-22 11:59 UTC, its players"},
		{"draining", down("cockroach.service", "cockroachdb"), nil, ""},
		{"a database down", func(h *status.Host) {
			h.Sample.Units = h.Sample.Units[:1]
			down("cockroach.service", "cockroachdb")(h)
		}, []string{"!ServiceDown/cockroach.service"}, "this database"},
		{"alive without listening", func(h *status.Host) {
			nakamaOf(h).Application = &status.Application{Problem: "connection refused"}
			down("nakama.service", "nakama")(h)
		}, []string{"!ServiceDown/nakama.service"}, ""},

		{"restarted", func(h *status.Host) { nakamaOf(h).Restarted = noon.Add(-29 * time.Minute) }, []string{"~ServiceRestarted/nakama.service"}, "11:31 UTC (pid 4321)"},
		{"restarted long ago", func(h *status.Host) { nakamaOf(h).Restarted = noon.Add(-30 * time.Minute) }, nil, ""},

		{"killed", killed(time.Minute), []string{"-OutOfMemoryKill/nakama.service"}, "its limit of 4.0 GB"},
		{"killed an hour ago", killed(time.Hour), nil, ""},
		{"killed, and the host tells of it too", func(h *status.Host) {
			killed(5 * time.Minute)(h)
			h.Sample.Machine.OOMKilled = noon.Add(-5 * time.Minute)
		}, []string{"-OutOfMemoryKill/nakama.service"}, ""},
		{"killed, and not back", func(h *status.Host) {
			h.Sample.Machine.OOMKilled = noon.Add(-3 * time.Second)
			h.Sample.Down = []status.Down{{Name: "nakama-2", Role: "nakama", Since: noon.Add(-time.Minute), OOMKilled: noon.Add(-time.Second)}}
		}, []string{"!ServiceDown/nakama-2", "-OutOfMemoryKill/nakama-2"}, ""},
		{"another was killed later", func(h *status.Host) {
			killed(5 * time.Minute)(h)
			h.Sample.Machine.OOMKilled = noon.Add(-2 * time.Minute)
		}, []string{"-OutOfMemoryKill", "-OutOfMemoryKill/nakama.service"}, "journalctl -k"},
		{"of a unit without a limit the host tells", func(h *status.Host) {
			databaseOf(h).Memory.OOMKilled, h.Sample.Machine.OOMKilled = noon, noon
		}, []string{"-OutOfMemoryKill"}, ""},
	}
}

func agentCases() []raised {
	delivery := func(d status.Delivery) func(*status.Host) {
		return func(h *status.Host) { h.Agent.Deliveries = []status.Delivery{d} }
	}
	return []raised{
		{"a receiver fails", delivery(status.Delivery{Receiver: "pagerduty/oncall/0", Queued: 4, FailingFrom: noon.Add(-time.Minute), Problem: "401 Unauthorized"}),
			[]string{"-DeliveryFailing/pagerduty/oncall/0"}, "since 2026-11-22 11:59 UTC (4 wait): 401 Unauthorized"},
		{"a receiver fails and loses", delivery(status.Delivery{Receiver: "slack/0", Queued: 4, FailingFrom: noon, Results: map[string]uint64{"dropped": 2}}),
			[]string{"-DeliveryFailing/slack/0"}, "(4 wait, 2 were dropped)"},
		{"a receiver loses one", delivery(status.Delivery{Receiver: "slack/0", Queued: 1, FailingFrom: noon, Results: map[string]uint64{"dropped": 1}}),
			[]string{"-DeliveryFailing/slack/0"}, "(1 waits, 1 was dropped)"},
		{"a receiver is too slow for one", delivery(status.Delivery{Receiver: "slack/0", Queued: 1, Results: map[string]uint64{"dropped": 1}}),
			[]string{"-DeliveryFailing/slack/0"}, "too slow: 1 alert waits, 1 was dropped;"},
		{"a receiver is too slow", delivery(status.Delivery{Receiver: "slack/0", Queued: 4, Results: map[string]uint64{"dropped": 2}}), []string{"-DeliveryFailing/slack/0"}, "too slow"},
		{"a receiver is well again", delivery(status.Delivery{Receiver: "slack/0", Results: map[string]uint64{"dropped": 2}}), nil, ""},
		{"a queue", delivery(status.Delivery{Receiver: "slack/0", Queued: 4}), nil, ""},

		{"a bad file", func(h *status.Host) {
			h.Config.LastReloadOK, h.Config.Problem = false, "config.yaml:3: firewall.moed: unknown key"
		}, []string{"-ConfigInvalid"}, "config.yaml:3: firewall.moed: unknown key: so the configuration on disk is not used, the one before it stays in force; mend"},
		{"the first of two, in a file far away", func(h *status.Host) {
			h.Config.Path = "/srv/configuration/of/the/fleet/nakama-warden/config.yaml"
			h.Config.Problem = h.Config.Path + ":3: firewall.moed: unknown key; want one of mode, grip\n" + h.Config.Path + ":9: x"
		}, []string{"-ConfigInvalid"}, "line 3: firewall.moed: unknown key; want one of mode, grip: so"},
		{"a bad file at the start", func(h *status.Host) { h.Config = status.Config{Problem: "config.yaml:3: x", FromLastStart: true} },
			[]string{"-ConfigInvalid"}, "before the last start"},
		{"a full disk", func(h *status.Host) { h.Agent.StoreProblem = "no space left on device" }, []string{"-StoreDegraded"}, "restart: no space left on device; free"},
		{"a full disk, told by each layer", func(h *status.Host) {
			h.Agent.StoreProblem = "write /var/lib/nakama-warden/state.db: update outbox/000000000000002a and 3 more: write /var/lib/nakama-warden/state.db: no space left on device"
		}, []string{"-StoreDegraded"}, "nakama-warden/state.db: no space left on device; free the disk"},
	}
}
