package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// start runs the journal; stop ends it and waits.
func start(t *testing.T, j *Journal) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// lines decodes a JSON log. It must not be called while the journal runs.
func lines(t *testing.T, log *bytes.Buffer) []map[string]string {
	t.Helper()
	var all []map[string]string
	for line := range strings.Lines(log.String()) {
		var fields map[string]string
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

func TestAnEventIsLoggedAndStored(t *testing.T) {
	var log bytes.Buffer
	j := New(slog.New(slog.NewJSONHandler(&log, nil)), openStore(t), noon)
	stop := start(t, j)
	stored := j.Changed()
	j.Tell(status.Event{Kind: status.KindDrift, Summary: "somebody flushed the table", Fields: map[string]string{"by": "nft", "a": "1"}})
	<-stored
	early := noon().Add(-time.Hour)
	stored = j.Changed()
	j.Sink() <- status.Event{Time: early, Kind: status.KindStarted}
	<-stored
	stop()

	events, err := j.Events(status.EventQuery{})
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events, error %v", len(events), err)
	}
	if e := events[0]; e.Sequence != 1 || !e.Time.Equal(noon()) || e.Fields["by"] != "nft" {
		t.Errorf("first event: %+v", e)
	}
	if e := events[1]; e.Sequence != 2 || !e.Time.Equal(early) {
		t.Errorf("second event: %+v", e)
	}
	want := []map[string]string{
		{"time": "2030-01-02T12:00:00Z", "level": "WARN", "msg": "somebody flushed the table", "kind": "drift", "by": "nft", "a": "1"},
		{"time": "2030-01-02T11:00:00Z", "level": "INFO", "msg": "", "kind": "started"},
	}
	if got := lines(t, &log); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("log:\n%v\nwant:\n%v", got, want)
	}
	told, dropped := j.Counts()
	if !maps.Equal(told, map[string]uint64{"drift": 1, "started": 1}) || len(dropped) != 0 {
		t.Errorf("told %v, dropped %v", told, dropped)
	}
}

func TestLevels(t *testing.T) {
	for kind, want := range map[string]slog.Level{
		status.KindDeliveryFailed: slog.LevelWarn, status.KindDeliveryBack: slog.LevelInfo,
		status.KindServiceDown: slog.LevelWarn, status.KindServiceBack: slog.LevelInfo,
		status.KindDrift: slog.LevelWarn, status.KindDriftFight: slog.LevelWarn,
		status.KindCommitFailed: slog.LevelError, status.KindConfigInvalid: slog.LevelError,
		status.KindStarted: slog.LevelInfo, status.KindRosterChanged: slog.LevelInfo, "unheard of": slog.LevelInfo,
	} {
		if got := levelOf(status.Event{Kind: kind}); got != want {
			t.Errorf("%s is logged as %v, want %v", kind, got, want)
		}
	}
	for severity, want := range map[string]slog.Level{
		status.SeverityCritical: slog.LevelWarn, status.SeverityWarning: slog.LevelWarn, status.SeverityInfo: slog.LevelInfo,
	} {
		alert := status.Event{Kind: status.KindAlertFiring, Fields: map[string]string{"severity": severity}}
		if got := levelOf(alert); got != want {
			t.Errorf("an alert of severity %s is logged as %v, want %v", severity, got, want)
		}
	}
}

func TestWhatWasToldBeforeTheEndIsWritten(t *testing.T) {
	j := New(slog.New(slog.DiscardHandler), openStore(t), noon)
	for range buffered + 7 {
		j.Tell(status.Event{Kind: status.KindDrift})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Run(ctx); err != nil {
		t.Fatal(err)
	}
	told, dropped := j.Counts()
	if told[status.KindDrift] != buffered || dropped[SinkChannel] != 7 {
		t.Errorf("told %v, dropped %v; want %d and 7", told, dropped, buffered)
	}
	if events, _ := j.Events(status.EventQuery{}); len(events) != buffered {
		t.Errorf("%d events stored, want %d", len(events), buffered)
	}
}

// moody is a storage that fails as long as it is told to.
type moody struct {
	Storage
	failing chan bool
	fails   bool
}

func (m *moody) AppendEvents(events []status.Event) error {
	select {
	case m.fails = <-m.failing:
	default:
	}
	if m.fails {
		return errors.New("no space left on device")
	}
	return m.Storage.AppendEvents(events)
}

func TestAFailingStoreIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	storage := &moody{Storage: openStore(t), failing: make(chan bool, 1)}
	j := New(slog.New(slog.NewJSONHandler(&log, nil)), storage, noon)
	write := func(n int) {
		for range n {
			j.write(t.Context(), []status.Event{{Kind: status.KindDrift}})
		}
	}
	storage.failing <- true
	before := j.Changed()
	write(3)
	select {
	case <-before:
		t.Error("Changed told of an event that was not stored")
	default:
	}
	storage.failing <- false
	write(2)

	counts := map[string]int{}
	for _, line := range lines(t, &log) {
		counts[line["level"]+" "+line["msg"]]++
	}
	want := map[string]int{"WARN ": 5, "ERROR events are not stored, only logged": 1, "INFO events are stored again": 1}
	if !maps.Equal(counts, want) {
		t.Errorf("log %v, want %v", counts, want)
	}
	if told, dropped := j.Counts(); told[status.KindDrift] != 5 || dropped[SinkStore] != 3 {
		t.Errorf("told %v, dropped %v", told, dropped)
	}
}

// A follower that takes the channel before it queries sees every event.
func TestFollow(t *testing.T) {
	j := New(slog.New(slog.DiscardHandler), openStore(t), noon)
	stop := start(t, j)
	defer stop()
	const n = 200
	go func() {
		for range n {
			j.Tell(status.Event{Kind: status.KindDrift})
		}
	}()
	var last uint64
	for last < n {
		changed := j.Changed()
		events, err := j.Events(status.EventQuery{After: last})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Sequence != last+1 {
				t.Fatalf("sequence %d after %d", e.Sequence, last)
			}
			last = e.Sequence
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			return
		}
	}
}
