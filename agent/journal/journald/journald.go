// Package journald writes log records to systemd's journal as structured fields, so that `journalctl NAKAMA_WARDEN_KIND=drift`
// finds what a text would have to be searched for.
//
// Only events go this way, from the goroutine that writes them down: a journal that hangs must not hold up anything else.
package journald

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// Upgrade returns a log that writes to the journal if standard error is connected to it, and otherwise the log itself. What
// the journal does not take goes to that log too.
func Upgrade(log *slog.Logger) *slog.Logger {
	connected, err := journal.StderrIsJournalStream()
	if err != nil || !connected || !journal.Enabled() {
		return log
	}
	return slog.New(handler{next: log.Handler(), send: journal.Send})
}

// prefix begins the name of every field of ours.
const prefix = "NAKAMA_WARDEN_"

// maxName leaves room for a number in the 64 bytes that journald takes a field's name of.
const maxName = 60

type handler struct {
	next  slog.Handler
	send  func(message string, p journal.Priority, fields map[string]string) error
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler. The library sends values with their length, so that a line break in one ends nothing.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	fields := map[string]string{"SYSLOG_IDENTIFIER": "nakama-warden"}
	if !r.Time.IsZero() {
		fields[prefix+"TIME"] = r.Time.Format(time.RFC3339Nano) // the journal's own time is that of the writing
	}
	add := func(a slog.Attr) bool {
		fields[free(fields, nameOf(a.Key))] = a.Value.Resolve().String()
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	if err := h.send(r.Message, priority(r.Level), fields); err != nil {
		return h.next.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.next, h.attrs = h.next.WithAttrs(attrs), append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return h
}

// WithGroup implements slog.Handler. Fields of the journal have no groups.
func (h handler) WithGroup(name string) slog.Handler {
	h.next = h.next.WithGroup(name)
	return h
}

// nameOf makes a field's name of any text: upper-case letters, digits and _ are all that journald takes.
func nameOf(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	return prefix + name[:min(len(name), maxName-len(prefix))]
}

// free numbers a name that is taken: an event of the kind drift has a field of that name too, and its kind comes first.
func free(fields map[string]string, name string) string {
	numbered := name
	for n := 2; ; n++ {
		if _, taken := fields[numbered]; !taken {
			return numbered
		}
		numbered = fmt.Sprintf("%s_%d", name, n)
	}
}

func priority(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
