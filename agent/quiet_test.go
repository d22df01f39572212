package agent

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/status"
)

func TestWhatAPersonMayNotSilence(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		request status.SilenceRequest
		want    string
	}{
		{"without a reason", status.SilenceRequest{Condition: "Drift", For: time.Hour}, "--why"},
		{"what does not exist", status.SilenceRequest{Condition: "Drfit", For: time.Hour, Why: "x"}, "unknown condition"},
		{"for no time", status.SilenceRequest{Condition: "Drift", Why: "x"}, "above 0"},
		{"for ever", status.SilenceRequest{Condition: alerting.All, Why: "x", For: 8760 * time.Hour}, "at most"},
		{"the end of none", status.SilenceRequest{End: "s7"}, `no silence "s7"`},
	} {
		if _, _, err := silence(alerting.Quiet{}, c.request, "ada", now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q in it", c.name, err, c.want)
		}
	}
	for _, request := range []status.MaintenanceRequest{{For: time.Hour}, {Why: "x"}, {End: true}} {
		if _, _, err := maintain(alerting.Quiet{}, request, "", now); err == nil {
			t.Errorf("%+v was taken", request)
		}
	}
}

// A silence that was asked for while no daemon ran is there for the next one, and for who asks after it.
func TestSilenceWithoutADaemon(t *testing.T) {
	dir := t.TempDir()
	local := NewLocal(Options{StateDir: dir})
	first, err := local.Silence(t.Context(), status.SilenceRequest{Condition: "ServiceDown", For: time.Hour, Why: "moving"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := local.Maintenance(t.Context(), status.MaintenanceRequest{For: time.Hour, Why: "moving"}); err != nil {
		t.Fatal(err)
	}
	second, err := local.Silence(t.Context(), status.SilenceRequest{Condition: alerting.All, For: time.Minute, Why: "noise"})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Silences) != 1 || len(second.Silences) != 2 || second.Maintenance == nil {
		t.Fatalf("after the first %+v, after the last %+v", first, second)
	}
	ended, err := local.Silence(t.Context(), status.SilenceRequest{End: first.Silences[0].ID})
	if err != nil || len(ended.Silences) != 1 || ended.Silences[0].Condition != alerting.All {
		t.Errorf("ended: %+v, %v", ended, err)
	}
	s, err := store.Open(filepath.Join(dir, storeFile), store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var quiet alerting.Quiet
	if _, err := s.Get(alertingBucket, quietKey, &quiet); err != nil || len(quiet.Silences) != 1 || quiet.Maintenance == nil {
		t.Errorf("stored: %+v, %v", quiet, err)
	}
	if events, err := s.Events(status.EventQuery{Kinds: []string{status.KindSilence, status.KindMaintenance}}); err != nil || len(events) != 4 {
		t.Errorf("events: %+v, %v", events, err)
	}
}
