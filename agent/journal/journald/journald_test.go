package journald

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

func TestFields(t *testing.T) {
	var message string
	var level journal.Priority
	var fields map[string]string
	log := slog.New(handler{next: slog.DiscardHandler, send: func(m string, p journal.Priority, f map[string]string) error {
		message, level, fields = m, p, f
		return nil
	}})
	log = slog.New(always{log.Handler()}).With("kind", "drift")
	record := slog.NewRecord(time.Date(2030, 1, 2, 12, 0, 0, 5, time.UTC), slog.LevelWarn, "somebody\nflushed", 0)
	record.AddAttrs(slog.String("kind", "table"), slog.String("source_1", "a\nPRIORITY=0"), slog.String("é=\n", "x"), slog.Int("n", 7))
	if err := log.Handler().Handle(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"SYSLOG_IDENTIFIER": "nakama-warden", "NAKAMA_WARDEN_TIME": "2030-01-02T12:00:00.000000005Z",
		"NAKAMA_WARDEN_KIND": "drift", "NAKAMA_WARDEN_KIND_2": "table", "NAKAMA_WARDEN_SOURCE_1": "a\nPRIORITY=0",
		"NAKAMA_WARDEN____": "x", "NAKAMA_WARDEN_N": "7"}
	if message != "somebody\nflushed" || level != journal.PriWarning || !maps.Equal(fields, want) {
		t.Errorf("%q, %v, %q", message, level, fields)
	}
}

// always is a handler for which every level is enabled.
type always struct{ slog.Handler }

func (a always) WithAttrs(attrs []slog.Attr) slog.Handler { return always{a.Handler.WithAttrs(attrs)} }

func TestNames(t *testing.T) {
	for key, want := range map[string]string{
		"by": "NAKAMA_WARDEN_BY", "": "NAKAMA_WARDEN_", "A-9": "NAKAMA_WARDEN_A_9", strings.Repeat("x", 99): "NAKAMA_WARDEN_" + strings.Repeat("X", 46),
	} {
		if got := nameOf(key); got != want {
			t.Errorf("%q is called %s, want %s", key, got, want)
		}
	}
}

// What the journal does not take is logged all the same.
func TestTheJournalFails(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(handler{next: slog.NewTextHandler(&text, nil), send: func(string, journal.Priority, map[string]string) error {
		return errors.New("no such file")
	}})
	log.Info("drift", "by", "nft")
	if !strings.Contains(text.String(), "msg=drift by=nft") {
		t.Errorf("logged %q", text.String())
	}
}

func TestPriorities(t *testing.T) {
	for level, want := range map[slog.Level]journal.Priority{
		slog.LevelDebug: journal.PriDebug, slog.LevelInfo: journal.PriInfo, slog.LevelWarn: journal.PriWarning, slog.LevelError: journal.PriErr, 20: journal.PriErr,
	} {
		if got := priority(level); got != want {
			t.Errorf("level %v is priority %v, want %v", level, got, want)
		}
	}
}

// Without the journal at standard error the log stays what it was.
func TestNoJournal(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "")
	log := slog.New(slog.DiscardHandler)
	if Upgrade(log) != log {
		t.Error("the log was replaced")
	}
}
