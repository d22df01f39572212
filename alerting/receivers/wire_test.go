package receivers

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/notify/webhook"

	"github.com/nakama-warden/nakama-warden/status"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// decode reads the body of the one request that was made.
func decode[T any](t testing.TB, s *server) T {
	t.Helper()
	var into T
	calls := s.got()
	if len(calls) != 1 {
		t.Fatalf("%d requests, want one", len(calls))
	}
	if c := calls[0]; c.method != "POST" || c.kind != "application/json" || c.agent != "nakama-warden/1.2.3" {
		t.Errorf("%s of %s by %s", c.method, c.kind, c.agent)
	}
	if err := json.Unmarshal(calls[0].body, &into); err != nil {
		t.Fatalf("%v in %s", err, calls[0].body)
	}
	return into
}

func TestAlertmanager(t *testing.T) {
	s := serve(t, answering(202, "")) // any 2xx is a success
	r := mustBuild(t, "", s.URL+"/prefix/")[0]
	if r.Name() != "alertmanager/0" || r.Repeat() != time.Minute {
		t.Errorf("%s, every %s", r.Name(), r.Repeat())
	}
	a := firing("ServiceDown", "nakama.service")
	mustDeliver(t, r, a)
	told := s.got()
	if len(told) != 1 || told[0].path != "/prefix/api/v2/alerts" || told[0].agent != "nakama-warden/1.2.3" {
		t.Fatalf("requests %v", told)
	}
	var sent models.PostableAlerts
	if err := json.Unmarshal(told[0].body, &sent); err != nil || len(sent) != 1 || sent.Validate(nil) != nil {
		t.Fatalf("%v in %s", err, told[0].body)
	}
	want := map[string]string{
		"alertname": "NakamaWardenServiceDown", "severity": "critical", "subject": "nakama.service", "host": "nakama-1",
		"instance": "nakama-1", "cluster": "eu", "role": "nakama",
	}
	for name, value := range want {
		if sent[0].Labels[name] != value {
			t.Errorf("label %s = %q, want %q", name, sent[0].Labels[name], value)
		}
	}
	if len(sent[0].Labels) != len(want) {
		t.Errorf("labels %v", sent[0].Labels)
	}
	notes := sent[0].Annotations
	if notes["summary"] != a.Summary || notes["runbook_url"] != a.Runbook || !strings.HasPrefix(notes["description"], "ServiceDown of nakama.service on nakama-1, since 2025-03-04") {
		t.Errorf("annotations %v", notes)
	}
	if from, until := time.Time(sent[0].StartsAt), time.Time(sent[0].EndsAt); !from.Equal(a.Fired) || !until.Equal(fixed().Add(4*time.Minute)) {
		t.Errorf("from %s until %s", from, until)
	}
	if sent[0].GeneratorURL != "http://nakama-1:9735/" {
		t.Errorf("generator %s", sent[0].GeneratorURL)
	}

	mustDeliver(t, r, resolved(a))
	var over models.PostableAlerts
	if err := json.Unmarshal(s.got()[0].body, &over); err != nil {
		t.Fatal(err)
	}
	if !time.Time(over[0].EndsAt).Equal(resolved(a).Resolved) || len(over[0].Labels) != len(want) {
		t.Errorf("resolved: %+v", over[0])
	}

	// One that fired and ended while nobody listened is told in that order.
	mustDeliver(t, r, a, firing("Drift", ""), resolved(a))
	if calls := s.got(); len(calls) != 2 || strings.Count(string(calls[0].body), "alertname") != 2 || strings.Count(string(calls[1].body), "alertname") != 1 {
		t.Errorf("requests %v", calls)
	}
}

// A password in the URL is sent, and not shown.
func TestAlertmanagerPassword(t *testing.T) {
	s := serve(t, answering(401, "no K3YK3Y"))
	r := mustBuild(t, "", strings.Replace(s.URL, "http://", "http://warden:K3YK3Y@", 1))[0]
	retry, answer, err := r.Deliver(t.Context(), []status.Alert{firing("Drift", "")})
	if err == nil || retry || answer != "401 Unauthorized: no <secret>" {
		t.Errorf("%t, %q, %v", retry, answer, err)
	}
	if got := s.got(); len(got) != 1 || got[0].login != "warden:K3YK3Y" {
		t.Errorf("requests %v", got)
	}
}

// An end that a clock which was set back has put into the future, or before the beginning, is an end.
func TestSpan(t *testing.T) {
	now := fixed()
	late := resolved(firing("Drift", ""))
	late.Resolved = now.Add(time.Hour)
	early := resolved(firing("Drift", ""))
	early.Resolved = early.Fired.Add(-time.Hour)
	ahead := firing("Drift", "")
	ahead.Fired = now.Add(time.Hour)
	for _, a := range []status.Alert{late, early, ahead, {State: status.AlertResolved}, {}} {
		from, until := span(a, now)
		if from.After(now) || from.IsZero() || (a.State == status.AlertResolved) == until.IsZero() || (!until.IsZero() && (until.Before(from) || until.After(now))) {
			t.Errorf("%+v: from %s until %s", a, from, until)
		}
	}
}

func TestPagerDuty(t *testing.T) {
	type event struct {
		Key      string `json:"routing_key"`
		Action   string `json:"event_action"`
		Dedup    string `json:"dedup_key"`
		Client   string `json:"client"`
		Link     string `json:"client_url"`
		Incident struct {
			Summary, Source, Severity string
			Details                   map[string]any `json:"custom_details"`
		} `json:"payload"`
	}
	s := serve(t, answering(202, `{"status":"success"}`))
	r := httpReceivers()["pagerduty"](t, s.URL)
	if r.Name() != "pagerduty/a/0" || r.Repeat() != 5*time.Minute {
		t.Errorf("%s, every %s", r.Name(), r.Repeat())
	}
	a := firing("ServiceDown", "nakama.service")
	mustDeliver(t, r, a)
	e := decode[event](t, s)
	if e.Key != "R0UTING" || e.Action != "trigger" || len(e.Dedup) != 64 || e.Client != "nakama-warden" || e.Link != "http://nakama-1:9735/" {
		t.Errorf("event %+v", e)
	}
	if !strings.HasPrefix(e.Incident.Summary, "[FIRING:1] NakamaWardenServiceDown eu") || e.Incident.Severity != "error" || !strings.Contains(fmt.Sprint(e.Incident.Details["firing"]), a.Summary) {
		t.Errorf("payload %+v", e.Incident)
	}
	mustDeliver(t, r, resolved(a))
	if over := decode[event](t, s); over.Action != "resolve" || over.Dedup != e.Dedup {
		t.Errorf("resolved: %+v", over)
	}

	// One incident per condition and cluster: another host and another subject have the same key, another condition or
	// cluster has not, and a test has its own.
	key := func(a status.Alert) string { mustDeliver(t, r, a); return decode[event](t, s).Dedup }
	elsewhere := firing("ServiceDown", "nakama-b.service")
	elsewhere.Labels = map[string]string{"cluster": "eu", "host": "nakama-2"}
	overseas := firing("ServiceDown", "nakama.service")
	overseas.Labels = map[string]string{"cluster": "us", "host": "nakama-1"}
	alone := firing("ServiceDown", "nakama.service")
	alone.Labels = map[string]string{"host": "nakama-1"}
	test := a
	test.Test = true
	if key(elsewhere) != e.Dedup {
		t.Error("another host of the cluster has another incident")
	}
	for name, other := range map[string]status.Alert{"condition": firing("Drift", ""), "cluster": overseas, "host without a cluster": alone, "test": test} {
		if key(other) == e.Dedup {
			t.Errorf("another %s has the same incident", name)
		}
	}

	s = serve(t, answering(400, `{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}`))
	if _, answer, _ := httpReceivers()["pagerduty"](t, s.URL).Deliver(t.Context(), []status.Alert{a}); !strings.Contains(answer, "Length of 'routing_key' is incorrect") {
		t.Errorf("answer %q", answer)
	}
}

func TestSlack(t *testing.T) {
	type message struct {
		Channel, Username string
		Attachments       []struct{ Title, Text, Color, Fallback string }
	}
	s := serve(t, answering(200, "ok"))
	r := httpReceivers()["slack"](t, s.URL)
	if r.Repeat() != 4*time.Hour {
		t.Errorf("every %s", r.Repeat())
	}
	a := firing("ServiceDown", "<!channel> & @here")
	mustDeliver(t, r, a)
	m := decode[message](t, s)
	if m.Channel != "#ops" || m.Username != "nakama-warden" || len(m.Attachments) != 1 || m.Attachments[0].Color != "danger" {
		t.Fatalf("message %+v", m)
	}
	want := "&lt;!channel&gt; &amp; @\u200bhere is down: start it\nRunbook: https://example.org/runbooks/ServiceDown\n"
	if got := m.Attachments[0]; got.Text != want || strings.ContainsAny(got.Title+got.Fallback, "<>") {
		t.Errorf("attachment %+v, want the text %q", got, want)
	}
	mustDeliver(t, r, resolved(a))
	if over := decode[message](t, s); over.Attachments[0].Color != "good" {
		t.Errorf("resolved: %+v", over)
	}
	for body, refused := range map[string]bool{"invalid_token": true, `{"ok":false,"error":"channel_not_found"}`: true, "ok": false} {
		s := serve(t, answering(200, body))
		if retry, answer, err := httpReceivers()["slack"](t, s.URL).Deliver(t.Context(), []status.Alert{a}); (err != nil) != refused || retry {
			t.Errorf("%s: %t, %q, %v", body, retry, answer, err)
		}
	}
}

func TestWebhook(t *testing.T) {
	s := serve(t, answering(200, "garbage is fine"))
	r := httpReceivers()["webhook"](t, s.URL)
	first, second := firing("ServiceDown", "a.service"), firing("ServiceDown", "b.service")
	mustDeliver(t, r, first, second, firing("Drift", ""))
	calls := s.got()
	if len(calls) != 2 {
		t.Fatalf("%d requests, want one for each condition", len(calls))
	}
	var m webhook.Message
	if err := json.Unmarshal(calls[0].body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Receiver != "a" || m.Status != "firing" || len(m.Alerts) != 2 || m.GroupKey == "" || m.ExternalURL != "http://nakama-1:9735/" ||
		m.GroupLabels["alertname"] != "NakamaWardenServiceDown" || m.GroupLabels["cluster"] != "eu" || len(m.GroupLabels) != 2 {
		t.Errorf("message %+v", m.Data)
	}

	// Of two, one is well again: the incident is not over, until the other is.
	mustDeliver(t, r, resolved(first))
	if m := decode[webhook.Message](t, s); m.Status != "firing" || len(m.Alerts) != 2 || m.Alerts[0].Labels["subject"] != "b.service" || m.Alerts[1].Status != "resolved" {
		t.Errorf("one is resolved: %+v", m.Data)
	}
	mustDeliver(t, r, resolved(second))
	if m := decode[webhook.Message](t, s); m.Status != "resolved" || len(m.Alerts) != 1 {
		t.Errorf("both are resolved: %+v", m.Data)
	}

	// What fired and ended while nobody listened is told in that order.
	mustDeliver(t, r, first, resolved(first))
	if calls := s.got(); len(calls) != 2 || !strings.Contains(string(calls[0].body), `"status":"firing"`) || strings.Contains(string(calls[1].body), `"status":"firing"`) {
		t.Errorf("%d requests", len(calls))
	}
}

// Names from the world are text, of a length that fits, wherever they arrive.
func TestHostileText(t *testing.T) {
	s := serve(t, answering(200, "ok"))
	a := firing("ServiceDown", "{{ .Secret }} <script>\r\nBcc: x@y\xff\x00\u202e\"'</script>"+strings.Repeat("é", 50_000))
	a.Labels["bad-name"], a.Labels["host"] = "x", "h\nost"
	a.Summary = a.Subject
	for kind, build := range httpReceivers() {
		if kind == "telegram" {
			continue // answers in JSON only
		}
		mustDeliver(t, build(t, s.URL), a)
		calls := s.got()
		if len(calls) == 0 {
			t.Errorf("%s: nothing was sent", kind)
		}
		for _, c := range calls {
			var any any
			if err := json.Unmarshal(c.body, &any); err != nil || len(c.body) > 16<<10 {
				t.Errorf("%s: %d bytes, %v", kind, len(c.body), err)
			}
			checkStrings(t, kind, any)
		}
	}
}

// checkStrings: newlines are the templates' own; what else is not text came from the alert.
func checkStrings(t testing.TB, kind string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if name == "bad-name" {
				t.Errorf("%s: an invalid label name", kind)
			}
			checkStrings(t, kind, value)
		}
	case []any:
		for _, value := range v {
			checkStrings(t, kind, value)
		}
	case string:
		if strings.ContainsAny(v, "\x00\r\u202e") || strings.Contains(v, "\nBcc") || strings.Contains(v, "\nost") {
			t.Errorf("%s: %q", kind, v)
		}
		if kind == "slack" && strings.ContainsAny(v, "<>") {
			t.Errorf("slack: markup in %q", v)
		}
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " a ": "a", "a\nb\tc\x00d": "a b c d", "é": "é", "\xff": "\uFFFD", "a\u202eb": "a b",
		strings.Repeat("a", 12): "aaaaaaaaaa…", strings.Repeat("é", 6): "ééééé…", "123456789é12": "123456789…", "12345678€9999": "12345678…",
		"1234567😀99": "1234567…", strings.Repeat("\xff", 30): "\uFFFD…", strings.Repeat("\x80", 30): "\uFFFD…",
	} {
		if got := harmless(in, 10); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
}
