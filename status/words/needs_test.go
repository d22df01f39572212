package words

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func alert(name, subject, severity, state string) status.Alert {
	return status.Alert{Condition: status.Condition{Name: name, Subject: subject, Severity: severity, Summary: "what to do"}, State: state, Since: noon().Add(-time.Minute)}
}

// with adds alerts to a host whose conditions hold.
func with(h status.Host, alerts ...status.Alert) status.Host {
	for _, a := range alerts {
		h.Alerts, h.Conditions = append(h.Alerts, a), append(h.Conditions, a.Condition)
	}
	return h
}

func texts(all []Need) string {
	var out []string
	for _, n := range all {
		out = append(out, n.Text)
	}
	return strings.Join(out, "\n")
}

// What an alert tells is not told again; what it does not tell is.
func TestFindingsBesideAlerts(t *testing.T) {
	h := safeHost(func(h *status.Host) {
		h.Agent.StoreProblem = "disk full"
		h.Sample.Units[0].Capacity = &status.Capacity{Known: true, Below: true}
		h.Roster = []status.Group{{Name: "admins", Sources: []status.Source{{Name: "dns/0"}}}, {Name: "monitoring", Sources: []status.Source{{Name: "dns/0"}}}}
	})
	for _, c := range []struct {
		name   string
		alerts []status.Alert
		want   int // findings of which no alert tells
	}{
		{"no alert", nil, 4},
		{"of the host", []status.Alert{alert("StoreDegraded", "", "warning", status.AlertFiring)}, 3},
		{"of one group", []status.Alert{alert("RosterStale", "admins", "warning", status.AlertFiring)}, 3},
		{"of another unit", []status.Alert{alert("ProvisionBelowTarget", "other", "warning", status.AlertFiring)}, 4},
		{"of something else", []status.Alert{alert("Drift", "", "info", status.AlertFiring)}, 4},
	} {
		unnamed := slices.DeleteFunc(Needs(with(h, c.alerts...)), func(n Need) bool { return n.Urgency != Unnamed })
		if len(unnamed) != c.want {
			t.Errorf("%s: %d findings; want %d:\n%s", c.name, len(unnamed), c.want, texts(unnamed))
		}
	}
	told := Needs(with(h, alert("StoreDegraded", "", "warning", status.AlertFiring)))
	if i := slices.IndexFunc(told, func(n Need) bool { return n.Alert.Name == "StoreDegraded" }); i < 0 || !slices.Equal(told[i].More, []string{"store: disk full"}) {
		t.Errorf("%+v; want what the summary does not say below it", told)
	}
}

func TestWhatTheVerdictSaysIsNoFinding(t *testing.T) {
	for name, edit := range map[string]func(*status.Host){
		"removed": func(h *status.Host) { h.Firewall.State = "removed" },
		"paused":  func(h *status.Host) { h.Firewall.Paused = &status.Pause{Until: noon()} },
	} {
		bare := safeHost(func(h *status.Host) { edit(h); h.Services[0].Enforced, h.Services[1].Enforced = false, false })
		if all := Needs(bare); len(all) > 0 {
			t.Errorf("%s: %s; want nothing", name, texts(all))
		}
	}
	bare := safeHost(func(h *status.Host) { h.Services[0].Enforced = false })
	if got := texts(Needs(bare)); got != "nakama-api is not enforced: the reason is unknown" {
		t.Errorf("%q; want the one that is not enforced", got)
	}
}

func TestUrgency(t *testing.T) {
	h := safeHost(func(h *status.Host) {
		h.Firewall.RevertAt = noon().Add(42 * time.Second)
		h.Firewall.Saved = []string{"/etc/nftables.conf"}
		h.Agent.StoreProblem = "disk full"
	})
	silenced := alert("B", "", "warning", status.AlertFiring)
	silenced.Silenced = "s1: known"
	h = with(h, silenced, alert("StoreDegraded", "", "warning", status.AlertPending), alert("C", "", "critical", status.AlertPending),
		alert("D", "", "info", status.AlertFiring), alert("E", "", "warning", status.AlertFiring), alert("F", "unit", "critical", status.AlertFiring),
		alert("G", "", "critical", status.AlertResolved))
	over := alert("H", "", "critical", status.AlertFiring)
	h.Alerts = append(h.Alerts, over)
	h.Conditions = slices.DeleteFunc(h.Conditions, func(c status.Condition) bool { return c.Name == "G" })
	h.Conditions = append(h.Conditions, status.Condition{Name: "I", Severity: "warning", Summary: "holds and is no alert"})
	var got []string
	for _, n := range Needs(h) {
		got = append(got, strings.TrimRight(n.Lead+" "+n.About()+" "+string(n.Level)+" "+n.For+" "+n.Note, " "))
	}
	want := []string{"!  warning", "critical F (unit) bad 60 s", "!  warning", "warning E warning 60 s", "warning I warning", "info D plain 60 s",
		"clearing H plain 60 s over now", "pending C plain 60 s critical in 0 s", "!  warning", "silenced B plain 60 s nobody is told: s1: known"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatIsHeldIsToldOnceAndWithoutWhoWasRevoked(t *testing.T) {
	for _, why := range []string{"", "3 entries of 9 are left; the other 6 stay until `nakama-warden apply --accept-shrink nakama`"} {
		h := safeHost(func(h *status.Host) {
			h.Roster[0].Held, h.Roster[0].HeldReason = []string{"10.0.1.13", "10.0.1.14"}, why
			h.Firewall.Revoked = []status.Revocation{{Prefix: netip.MustParsePrefix("10.0.1.13/32")}}
		})
		got := texts(Needs(h))
		if strings.Count(got, "--accept-shrink") != 1 || !strings.HasPrefix(got, "group nakama still lets in 10.0.1.14: ") {
			t.Errorf("%q; want 10.0.1.14, and once what lets it go", got)
		}
		h.Firewall.Revoked = append(h.Firewall.Revoked, status.Revocation{Prefix: netip.MustParsePrefix("10.0.1.14/32")})
		if got := texts(Needs(h)); got != "" {
			t.Errorf("%q; want nothing: nobody of them gets in", got)
		}
	}
}

// A daemon that answers and does not measure any more shows numbers that look like those of now.
func TestNothingWasMeasured(t *testing.T) {
	for name, c := range map[string]struct {
		sample *status.Sample
		want   string
	}{
		"in time":                 {&status.Sample{Time: noon().Add(-15 * time.Second)}, ""},
		"for long":                {&status.Sample{Time: noon().Add(-40 * time.Second)}, "nothing was measured for 40 s: "},
		"yet":                     {nil, ""},
		"at a time that is known": {&status.Sample{}, ""},
		"since the clock was set": {&status.Sample{Time: noon().Add(time.Hour)}, ""},
	} {
		got := texts(Needs(safeHost(func(h *status.Host) { h.Sample = c.sample })))
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
		if got != "" && !strings.Contains(got, "`systemctl restart nakama-warden`") {
			t.Errorf("%s: %q; want what to do", name, got)
		}
	}
}

// Times are told in the zone of the host, whatever that of who measured.
func TestTimesAreOfTheHost(t *testing.T) {
	h := safeHost(func(h *status.Host) {
		h.Time = h.Time.In(time.FixedZone("CET", 3600))
		h.Sample.Down = []status.Down{{Name: "nakama-2", Since: noon().Add(-time.Minute)}}
	})
	if got := texts(Needs(h)); got != "nakama-2 does not run since 2026-03-01 12:59 CET" {
		t.Errorf("%q", got)
	}
}
