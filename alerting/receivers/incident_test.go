package receivers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/notify/webhook"

	"github.com/nakama-warden/nakama-warden/status"
)

// One incident that is refused holds up no other, and the others are not told twice when all of them come again.
func TestOneIncidentFails(t *testing.T) {
	broken := true
	var s *server
	s = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		last := string(s.calls[len(s.calls)-1].body)
		s.mu.Unlock()
		if broken && strings.Contains(last, "NakamaWardenDrift\"") {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r := httpReceivers()["webhook"](t, s.URL)
	alerts := []status.Alert{firing("Drift", ""), firing("ServiceDown", "a.service"), firing("Paused", "")}
	if retry, _, err := r.Deliver(t.Context(), alerts); err == nil || !retry {
		t.Fatalf("%t, %v", retry, err)
	}
	if n := len(s.got()); n != 3 {
		t.Errorf("%d requests, want each", n)
	}
	broken = false
	mustDeliver(t, r, alerts...)
	if calls := s.got(); len(calls) != 1 || !strings.Contains(string(calls[0].body), "NakamaWardenDrift") {
		t.Errorf("%d requests, want the one that had failed", len(calls))
	}
	mustDeliver(t, r, alerts...) // a repeat is none of that
	if n := len(s.got()); n != 3 {
		t.Errorf("%d requests to repeat", n)
	}
}

func TestSendResolved(t *testing.T) {
	s := serve(t, answering(200, ""))
	r := mustBuild(t, "[{name: a, webhook_configs: [{url: '"+s.URL+"', send_resolved: false}]}]")[0]
	first, second := firing("ServiceDown", "a.service"), firing("ServiceDown", "b.service")
	mustDeliver(t, r, first)
	s.got()
	mustDeliver(t, r, resolved(first))
	if calls := s.got(); len(calls) != 0 {
		t.Errorf("told of an end: %s", calls[0].body)
	}
	mustDeliver(t, r, second)
	if m := decode[webhook.Message](t, s); len(m.Alerts) != 1 || m.Alerts[0].Labels["subject"] != "b.service" {
		t.Errorf("message %+v", m.Data)
	}
}

// What nobody repeats any more has ended unheard: it must not keep an incident open for ever.
func TestForgotten(t *testing.T) {
	var m memory
	now := fixed()
	lost, known := firing("ServiceDown", "lost.service"), firing("ServiceDown", "known.service")
	m.learn([]status.Alert{lost}, now)
	m.learn([]status.Alert{known}, now.Add(10*time.Minute))
	for after, want := range map[time.Duration]int{11 * time.Minute: 3, 16 * time.Minute: 2, 26 * time.Minute: 1, -time.Hour: 1} {
		got := m.incident([]status.Alert{resolved(firing("ServiceDown", "other.service"))}, now.Add(after), 15*time.Minute)
		if len(got) != want || got[len(got)-1].State != status.AlertResolved {
			t.Errorf("after %s: %d alerts, want %d", after, len(got), want)
		}
	}
	m.learn([]status.Alert{resolved(lost), resolved(known)}, now)
	m.store(groupKey(lost))
	m.learn([]status.Alert{resolved(lost)}, now)
	if len(m.groups)+len(m.stores) != 0 {
		t.Errorf("left: %v, %v", m.groups, m.stores)
	}
}

// A test is told, and changes nothing.
func TestTest(t *testing.T) {
	s := serve(t, answering(200, ""))
	r := httpReceivers()["webhook"](t, s.URL)
	a := firing("ServiceDown", "a.service")
	mustDeliver(t, r, a)
	real := decode[webhook.Message](t, s)
	a.Test = true
	for range 2 {
		mustDeliver(t, r, resolved(a))
		m := decode[webhook.Message](t, s)
		if m.GroupKey == real.GroupKey || len(m.Alerts) != 1 || m.Alerts[0].Labels["test"] != "true" || !strings.Contains(m.Alerts[0].Annotations["description"], "This is a test") {
			t.Errorf("test: %+v", m)
		}
	}
}
