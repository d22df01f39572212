package text

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

const runbooks = "https://runbooks.internal/nakama-warden/"

// with adds conditions to a host, each with an alert in the given state, in hold since so long.
func with(h status.Host, state string, since time.Duration, conditions ...status.Condition) status.Host {
	for _, c := range conditions {
		h.Conditions = append(h.Conditions, c)
		h.Alerts = append(h.Alerts, status.Alert{Condition: c, State: state, Since: h.Time.Add(-since), Runbook: runbooks + c.Name + ".md"})
	}
	return h
}

func critical(name, subject, summary string) status.Condition {
	return status.Condition{Name: name, Subject: subject, Severity: status.SeverityCritical, Summary: summary, For: 5 * time.Minute}
}

func warning(name, subject, summary string) status.Condition {
	return status.Condition{Name: name, Subject: subject, Severity: status.SeverityWarning, Summary: summary, For: 5 * time.Minute}
}

func info(name, subject, summary string) status.Condition {
	return status.Condition{Name: name, Subject: subject, Severity: status.SeverityInfo, Summary: summary}
}

// installed is a host within the first minute after the installation: nothing was named, and nothing runs yet.
func installed() status.Host {
	at := noon()
	return with(status.Host{
		Time: at, Hostname: "vm-17", Version: "1.2.3", Environment: "production",
		Config:   status.Config{Path: "/etc/nakama-warden/config.yaml", LastReload: at.Add(-40 * time.Second), LastReloadOK: true},
		Firewall: status.Firewall{Mode: "audit", Grip: "owned", Verified: true, LastVerified: at.Add(-10 * time.Second), State: "enforcing"},
		Services: []status.Service{{Name: "warden", Protocol: "tcp", Ports: []uint16{9735}, From: []string{"monitoring", "admins"}, Mode: "audit"}},
		Roster:   []status.Group{{Name: "admins"}, {Name: "monitoring"}, {Name: "nakama"}},
		Sample:   &status.Sample{Time: at},
		Agent:    status.Agent{Started: at.Add(-40 * time.Second), PID: 4242},
	}, status.AlertFiring, 40*time.Second, info("AuditOnly", "", "nothing is refused, only counted: `nakama-warden plan --enforce` tells who would be refused; then set firewall.mode: enforce"))
}

// audited is a Nakama host that counts, and knows its admins.
func audited() status.Host {
	h := filled(5200, knownCapacity())
	h.Firewall.Mode = "audit"
	for i := range h.Services {
		s := &h.Services[i]
		s.Mode, s.Enforced = "audit", false
		s.Traffic = map[string]status.Count{"allowed": {Packets: 98765}, "would_refuse": {Packets: 12}}
	}
	h.Services[2].Refused = []status.RefusedSource{{Service: h.Services[2].Name, Source: "203.0.113.7", Verdict: "would_refuse",
		First: noon().Add(-time.Hour), Last: noon().Add(-time.Minute), Count: 12, Ports: []uint16{7348}}}
	return with(h, status.AlertFiring, time.Hour, info("AuditOnly", "", "nothing is refused, only counted"))
}

func off() status.Host {
	h := safeHost()
	h.Services, h.Firewall = nil, status.Firewall{Mode: "off", State: "off"}
	return h
}

func pausedHost() status.Host {
	h := safeHost()
	for i := range h.Services {
		h.Services[i].Enforced = false
	}
	h.Firewall.State, h.Firewall.Paused = "paused", &status.Pause{Until: noon().Add(29 * time.Minute), Why: "players cannot log in, is it us?", By: "ops"}
	return with(h, status.AlertFiring, time.Minute,
		warning("Paused", "", "everybody gets in until 2026-03-01 12:29 UTC, by ops (players cannot log in, is it us?): `nakama-warden apply` ends the pause now"))
}

func drifted() status.Host {
	h := safeHost()
	h.Firewall.Drifts, h.Firewall.DriftsLately = map[string]uint64{"rule": 3}, 3
	h.Firewall.LastDrift = &status.Drift{Time: noon().Add(-3 * time.Minute), Kind: "rule", By: "nft (pid 4711, root)", Repair: 8 * time.Millisecond,
		Changes: []string{"- rule to-nakama-console ip saddr @admins4 counter name nakama-console-allowed accept"}}
	return with(h, status.AlertFiring, 3*time.Minute,
		warning("DriftRepeated", "", "the rules were changed and put right 3 times within an hour, last by nft (pid 4711, root): find out who, `nakama-warden events --kind drift`, and stop it"),
		info("Drift", "", "nft (pid 4711, root) changed our table (rule) at 2026-03-01 11:57 UTC; it was put right: `nakama-warden events --kind drift` says who and what"))
}

func nearlyFull() status.Host {
	soon := noon().Add(40 * time.Minute)
	h := filled(20100, change(knownCapacity(), func(c *status.Capacity) { c.Peak, c.Ratio, c.Below, c.Exhaustion = 20100, 1.08, true, &soon }))
	h = with(h, status.AlertFiring, 31*time.Minute,
		warning("ProvisionBelowTarget", "nakama", "21,800 connections fit nakama, 1.1 × its peak of 20,100 where 1.5 is wanted: memory runs out first, add a node, or enlarge this one"),
		warning("MemoryExhaustionForecast", "nakama", "the load of nakama is forecast to fill its memory at 2026-03-01 12:40 UTC (20,100 connections now, 21,800 fit): add a node, or give it more memory, before"))
	return with(h, status.AlertPending, 40*time.Second,
		critical("MemoryNearlyExhausted", "nakama", "nakama: 1.8 GB of 2.0 GB in use (90 %) with 20,100 connections: raise the limit, or move players away"))
}

// firing is a bad night: each kind of need once, and somebody works on it.
func firing() status.Host {
	h := troubledHost()
	h.Firewall.Fight, h.Firewall.RevertAt = "", noon().Add(42*time.Second)
	h.Sample = &status.Sample{Time: noon(), Down: []status.Down{{Name: "nakama.service", Role: "nakama", Since: noon().Add(-4 * time.Minute)}}}
	h = with(h, status.AlertFiring, 4*time.Minute,
		critical("ServiceDown", "nakama.service", "nakama.service is down since 2026-03-01 11:56 UTC, its players are disconnected: start it, and see its log (`journalctl -u`, `docker logs`) for why it ended"),
		critical("UnsafeExposure", "nakama-console-grpc", "nakama-console-grpc can be reached past the rules: port 7348 is published by a userland proxy; close that way, or take the service off that network"),
		warning("ConfigInvalid", "", "line 14: firewall.services.nakama-console.from: unknown group \"admin\"; want one of adm…: so the configuration on disk is not used, the one before it stays in force; mend it, `nakama-warden check`, reload"),
		warning("RosterStale", "nakama", "group nakama is not up to date: files/0 fails, open /etc/nakama-warden/fleet/nakama.json: no such file or directory; mend the source; its last 3 addresses stay in force"))
	h = with(h, status.AlertPending, 40*time.Second, warning("StoreDegraded", "", "what is known is not kept over a restart: write state.db: no space left on device; free the disk"))
	h = with(h, status.AlertPending, 20*time.Second, critical("MemoryNearlyExhausted", "", "the host has 0.3 GB of 4.1 GB memory and swap left (92 % in use): find what grew, or give it more"))
	h = with(h, status.AlertFiring, time.Minute, info("RosterShrinkHeld", "nakama", "group nakama lost too much at once, so 6 still get in (10.0.1.13, 10.0.1.14): mend its source, or `nakama-warden apply --accept-shrink nakama`"))
	h.Alerts = append(h.Alerts,
		status.Alert{Condition: warning("DescriptorsLow", "nakama.service", "nakama.service has 9,000 of 10,000 file descriptors (90 %) open"), State: status.AlertFiring,
			Since: noon().Add(-2 * time.Hour), Silenced: "s3: the limit is raised on Thursday"},
		status.Alert{Condition: warning("DriftFight", "", "firewalld takes our table away again and again"), State: status.AlertFiring, Since: noon().Add(-time.Hour)},
		status.Alert{Condition: warning("Paused", "", "everybody gets in"), State: status.AlertResolved, Since: noon().Add(-time.Hour)})
	h.Silences = []status.Silence{{ID: "s3", Condition: "DescriptorsLow", From: noon().Add(-time.Hour), Until: noon().Add(40 * time.Hour), Why: "the limit is raised on Thursday", By: "ops"}}
	h.Maintenance = &status.Maintenance{From: noon(), Until: noon().Add(time.Hour), Why: "Nakama 3.31", By: "ops"}
	h.Agent.Deliveries = []status.Delivery{{Receiver: "pagerduty/oncall/0", Queued: 3, FailingFrom: noon().Add(-2 * time.Minute), Problem: "401 Unauthorized"}}
	return h
}

func storeDegraded() status.Host {
	h := filled(5200, knownCapacity())
	h.Agent.StoreProblem = "write state.db: no space left on device"
	return with(h, status.AlertFiring, 2*time.Minute, warning("StoreDegraded", "",
		"what is known is not kept over a restart: write state.db: no space left on device; free the disk or mend the permissions of the state directory, then restart the daemon"))
}

// hostileAlerts has words from outside wherever an alert can have them.
func hostileAlerts() status.Host {
	h := with(hostileHost(), status.AlertFiring, time.Hour, critical("ServiceDown", "\x1b[2J世界", "nakama\x07 is down\r\nSAFE"))
	h.Alerts[0].Runbook = "https://runbooks.internal/\x1b]8;;http://evil\x07"
	h.Silences = []status.Silence{{ID: "\x1b[1m", Condition: "all", Until: noon(), Why: "\u202egnp", By: "\x00"}}
	h.Maintenance = &status.Maintenance{Until: noon(), Why: "\n", By: "\u009b"}
	h.Agent.Deliveries = []status.Delivery{{Receiver: "webhook/\x1b[8m/0", FailingFrom: noon(), Problem: "<html>\r\n\x1b[31m"}}
	h.Sample = &status.Sample{Units: []status.Unit{unitOf("nakama\x1b[5m", 5, unknownCapacity())}, Problems: []string{"\x1b[H"}}
	return h
}

// states are the pages of a host in each state that it may be in.
func states() map[string]status.Host {
	return map[string]status.Host{
		"state-installed": installed(), "state-audit": audited(), "state-enforced": filled(5200, knownCapacity()), "state-off": off(), "state-paused": pausedHost(),
		"state-drift": drifted(), "state-capacity-unknown": filled(4100, unknownCapacity()), "state-nearly-full": nearlyFull(), "state-firing": firing(),
		"state-store-degraded": storeDegraded(), "state-hostile": hostileAlerts(),
	}
}

// What Evaluate makes of a host's facts takes the place of what the page would say of them itself.
func TestAnAlertAndItsFindingAreToldOnce(t *testing.T) {
	h := troubledHost()
	h.Agent.Deliveries = []status.Delivery{{Receiver: "webhook/a/0", FailingFrom: noon(), Problem: "503 Service Unavailable"}}
	h.Sample = nearlyFull().Sample
	h.Sample.Machine = status.Machine{Sizing: []string{"2 GB of memory, want 3 GB"}, Sharing: "Nakama and CockroachDB share this host"}
	h.Sample.Held = []status.Holder{{Service: "nakama-api", Port: 7350, Program: "haproxy", PID: 9}}
	h.Sample.Down = []status.Down{{Name: "cockroach.service", Role: "cockroachdb", Since: noon()}}
	h.Sample.Units = append(h.Sample.Units, status.Unit{Name: "cockroach", Misconfigured: "caches take 9 GB of 8 GB",
		UnexpectedClients: []status.Client{{Address: "10.9.9.9", Connections: 2}}})
	h.Conditions = alerting.Evaluate(h, alerting.Settings{})
	if len(h.Conditions) < 10 {
		t.Fatalf("%d conditions hold; want most of those that a page has findings of", len(h.Conditions))
	}
	for _, n := range needs(h) {
		if n.Urgency == words.Unnamed {
			t.Errorf("told beside its alert: %q", n.Text)
		}
		for _, more := range n.More {
			if !strings.Contains(n.Text, "…") {
				t.Errorf("told again below %q: %q", n.Text, more)
			}
		}
	}
	if h.Conditions = nil; len(needs(h)) < 10 {
		t.Errorf("without conditions %d needs; want the findings themselves", len(needs(h)))
	}
}

// A summary names a line and not its file, and says the same for all that.
func TestAProblemOfAFileIsToldOnce(t *testing.T) {
	h := safeHost()
	h.Config = status.Config{Path: "/srv/warden.yaml", Problem: "/srv/warden.yaml:3: roles: unknown role"}
	h.Conditions = alerting.Evaluate(h, alerting.Settings{})
	all := needs(h)
	if len(all) != 1 || len(all[0].More) > 0 || !strings.Contains(all[0].Text, "line 3: roles: unknown role") {
		t.Errorf("%+v; want ConfigInvalid, and nothing beside it", all)
	}
}

func TestWhatASummaryCutIsToldWhole(t *testing.T) {
	for _, n := range needs(firing()) {
		if n.Alert.Name == "ConfigInvalid" && (len(n.More) != 1 || !strings.Contains(n.More[0], "want one of admins, nakama")) {
			t.Errorf("%q, and %q; want the whole problem", n.Text, n.More)
		}
	}
}

func TestNeedsAreSortedByUrgency(t *testing.T) {
	var leads []string
	for _, n := range needs(firing()) {
		leads = append(leads, n.Lead)
	}
	want := "! critical critical ! warning warning info clearing pending ! silenced"
	if got := strings.Join(leads, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func alertPages() map[string]func(io.Writer, Style) error {
	return map[string]func(io.Writer, Style) error{
		"silenced": func(w io.Writer, s Style) error {
			return Silenced(w, s, status.Silenced{Summary: "silence s3 of DescriptorsLow until 2026-03-03 04:00 by ops (the limit is raised on Thursday)",
				Silences: firing().Silences, Maintenance: firing().Maintenance})
		},
		"silenced-none": func(w io.Writer, s Style) error {
			return Silenced(w, s, status.Silenced{Summary: "maintenance ended by ops"})
		},
		"alert-test": func(w io.Writer, s Style) error {
			return ReceiverTests(w, s, []status.ReceiverTest{
				{Receiver: "alertmanager/0", OK: true, Answer: "200 OK", Took: 12 * time.Millisecond},
				{Receiver: "pagerduty/oncall/0", Answer: "Post \"https://events.pagerduty.com/v2/enqueue\": context deadline exceeded: it does not answer within 10 s", Took: 10 * time.Second},
				{Receiver: "slack/世界/0", OK: true, Took: 900 * time.Microsecond},
				{Receiver: "webhook/\x1b[2J/0", Answer: "403 \x07", Took: 90 * time.Millisecond}})
		},
		"host-stale": func(w io.Writer, s Style) error {
			return Stale(w, s, safeHost(), errors.New("ask nakama-warden: no nakama-warden is running any more (read unix /run/\x1b[2J: connection reset by peer)"))
		},
		"alert-test-none": func(w io.Writer, s Style) error { return ReceiverTests(w, s, nil) },
		"plan-cuts": func(w io.Writer, s Style) error {
			return Plan(w, s, status.Plan{Changes: []string{"+ element admins4 { 10.9.0.0/23 }"},
				Cuts: []status.Cut{{Service: "nakama-console", Source: "203.0.113.7", Connections: 2}},
				Audited: []status.Cut{{Service: "nakama-console-grpc", Source: "2001:db8:85a3:8d3:1319:8a2e:370:7348", Count: 1234567,
					First: noon().Add(-time.Hour), Last: noon()}}})
		},
		"plan-not-yet": func(w io.Writer, s Style) error {
			return PlanToEnforce(w, s, status.Plan{Changes: []string{"+ rule to-nakama-console counter drop"}, Audited: []status.Cut{
				{Service: "nakama-console", Source: "203.0.113.7", Count: 12, First: noon().Add(-time.Hour), Last: noon()}}}, 1)
		},
		"plan-ready-long-ago": func(w io.Writer, s Style) error {
			return PlanToEnforce(w, s, status.Plan{Audited: []status.Cut{{Service: "nakama-console", Source: "203.0.113.7", Count: 12, Last: noon().Add(-9 * 24 * time.Hour)}}}, 0)
		},
		"plan-look-first": func(w io.Writer, s Style) error {
			return PlanToEnforce(w, s, status.Plan{Cuts: []status.Cut{{Service: "nakama-console", Source: "203.0.113.7", Connections: 2}}}, 0)
		},
		"plan-ready": func(w io.Writer, s Style) error { return PlanToEnforce(w, s, status.Plan{}, 0) },
	}
}
