package alerting

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func silence(condition string, length time.Duration) status.Silence {
	return status.Silence{Condition: condition, From: start, Until: start.Add(length), Why: "upgrade", By: "ops"}
}

func quietOf(t *testing.T, silences ...status.Silence) Quiet {
	t.Helper()
	var q Quiet
	for _, s := range silences {
		var err error
		if q, _, err = q.Silence(s); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func TestReason(t *testing.T) {
	q := quietOf(t, silence("Drift", time.Hour), silence(All, 30*time.Minute), silence("Drift", 40*time.Minute))
	q, err := q.Maintain(status.Maintenance{From: start, Until: start.Add(2 * time.Hour), Why: "rack\nmove"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		condition, about string
		at               time.Duration
		why              string
	}{
		{"Drift", AboutFence, 0, "silence s1 until 2026-03-01 13:00 UTC by ops: upgrade"},
		{"Drift", AboutFence, 59 * time.Minute, "silence s1 until 2026-03-01 13:00 UTC by ops: upgrade"},
		{"Drift", AboutFence, time.Hour, ""},
		{"NotEnforced", AboutFence, 0, "silence s2 until 2026-03-01 12:30 UTC by ops: upgrade"},
		{"NotEnforced", AboutFence, 30 * time.Minute, ""},
		{"ServiceDown", AboutAvailability, 0, "maintenance until 2026-03-01 14:00 UTC: rack move"},
		{"ServiceDown", AboutAvailability, 2 * time.Hour, ""},
		{"Unknown", "", 35 * time.Minute, ""},
	} {
		why, until := q.Reason(test.condition, test.about, start.Add(test.at))
		if why != test.why || until.IsZero() != (why == "") || why != "" && !strings.Contains(why, clock(until)) {
			t.Errorf("%s after %v: %q until %v", test.condition, test.at, why, until)
		}
	}
}

func TestSilencesComeAndGo(t *testing.T) {
	first := quietOf(t, silence("Drift", time.Hour), silence(All, time.Minute))
	ended, s, ok := first.End("s1")
	if !ok || s.Condition != "Drift" || first.Silences[0].ID != "s1" || len(ended.Silences) != 1 {
		t.Errorf("%+v, %v; before %+v, after %+v", s, ok, first, ended)
	}
	if again, _, ok := ended.End("s1"); ok || !reflect.DeepEqual(again, ended) {
		t.Error("it ended twice")
	}
	if _, s, err := ended.Silence(silence("Drift", time.Hour)); err != nil || s.ID != "s3" {
		t.Errorf("an ID of one that ended is given again: %+v, %v", s, err)
	}
	own := silence("Drift", time.Hour)
	own.ID = "s4"
	q := quietOf(t, silence("A", time.Hour), own, silence("B", time.Hour), silence("C", time.Hour), silence("D", time.Hour))
	if ids := []string{q.Silences[0].ID, q.Silences[1].ID, q.Silences[2].ID, q.Silences[3].ID, q.Silences[4].ID}; strings.Join(ids, " ") != "s1 s4 s2 s3 s5" {
		t.Error(ids)
	}
	if _, _, err := q.Silence(own); err == nil || !strings.Contains(err.Error(), "end it first") {
		t.Errorf("the same ID twice: %v", err)
	}
}

func TestSilencesThatAreRefused(t *testing.T) {
	full := Quiet{Silences: make([]status.Silence, silencesMost)}
	for _, test := range []struct {
		quiet   Quiet
		silence status.Silence
		says    string
	}{
		{Quiet{}, silence("", time.Hour), "name one"},
		{Quiet{}, silence("Drift", 0), "above 0"},
		{Quiet{}, silence("Drift", -time.Hour), "above 0"},
		{Quiet{}, silence("Drift", longestQuiet+1), "alerting.overrides"},
		{full, silence("Drift", time.Hour), "end one"},
	} {
		q, _, err := test.quiet.Silence(test.silence)
		if err == nil || !strings.Contains(err.Error(), test.says) || !reflect.DeepEqual(q, test.quiet) {
			t.Errorf("%+v: %v", test.silence, err)
		}
	}
	if _, err := (Quiet{}).Maintain(status.Maintenance{From: start, Until: start}); err == nil {
		t.Error("a maintenance of no length begins")
	}
}

func TestExpire(t *testing.T) {
	q := quietOf(t, silence("Drift", time.Hour), silence(All, 2*time.Hour))
	q.Maintenance = &status.Maintenance{From: start, Until: start.Add(90 * time.Minute)}

	left, ended := q.Expire(start.Add(time.Hour))
	if len(left.Silences) != 1 || left.Maintenance == nil || len(ended.Silences) != 1 || ended.Silences[0].ID != "s1" || ended.Maintenance != nil {
		t.Errorf("after an hour %+v, ended %+v", left, ended)
	}
	left, ended = left.Expire(start.Add(90 * time.Minute))
	if len(left.Silences) != 1 || left.Maintenance != nil || len(ended.Silences) != 0 || ended.Maintenance == nil {
		t.Errorf("after an hour and a half %+v, ended %+v", left, ended)
	}
	if left.LastID != 2 {
		t.Error("the counter is lost")
	}

	// A clock set back: each goes on for its own length.
	past := start.AddDate(-10, 0, 0)
	left, ended = q.Expire(past)
	if len(ended.Silences) != 0 || !left.Silences[0].Until.Equal(past.Add(time.Hour)) || !left.Maintenance.Until.Equal(past.Add(90*time.Minute)) {
		t.Errorf("ten years earlier: %+v, ended %+v", left, ended)
	}
	if !q.Silences[0].From.Equal(start) || !q.Maintenance.From.Equal(start) {
		t.Error("it changed what it was given")
	}

	// Garbage from disk ends: what has no end, and what would never end.
	var stored Quiet
	if err := json.Unmarshal([]byte(`{"silences":[{"id":"a","condition":"all"},{"id":"b","condition":"all","from":"2026-03-01T12:00:00Z",
		"until":"9999-01-01T00:00:00Z"}],"maintenance":{}}`), &stored); err != nil {
		t.Fatal(err)
	}
	left, _ = stored.Expire(start)
	if len(left.Silences) != 1 || left.Maintenance != nil || !left.Silences[0].Until.Equal(start.Add(longestQuiet)) {
		t.Errorf("%+v", left)
	}
}

func TestMaintenanceEnds(t *testing.T) {
	q, err := Quiet{}.Maintain(status.Maintenance{From: start, Until: start.Add(time.Hour), Why: "first"})
	if err != nil {
		t.Fatal(err)
	}
	if q, err = q.Maintain(status.Maintenance{From: start, Until: start.Add(time.Hour), Why: "second"}); err != nil {
		t.Fatal(err)
	}
	over, m := q.EndMaintenance()
	if m == nil || m.Why != "second" || over.Maintenance != nil || q.Maintenance == nil {
		t.Errorf("%+v ended, %+v is left of %+v", m, over, q)
	}
	if _, m = over.EndMaintenance(); m != nil {
		t.Errorf("%+v ended twice", m)
	}
}

func TestQuietSurvivesARestart(t *testing.T) {
	q := quietOf(t, silence("Drift", time.Hour))
	q, err := q.Maintain(status.Maintenance{From: start, Until: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var read Quiet
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, q) {
		t.Errorf("%v: %+v", err, read)
	}
}
