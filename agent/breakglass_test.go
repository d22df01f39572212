package agent

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestCheckPause(t *testing.T) {
	for _, tt := range []struct {
		request status.PauseRequest
		want    string // part of the error; empty: none
	}{
		{status.PauseRequest{For: time.Minute, Why: "is it us?"}, ""},
		{status.PauseRequest{For: longestPause, Why: "is it us?"}, ""},
		{status.PauseRequest{For: time.Minute}, "--why"},
		{status.PauseRequest{For: longestPause + 1, Why: "is it us?"}, "at most 24h"},
		{status.PauseRequest{Why: "is it us?"}, "cannot pause for 0s"},
		{status.PauseRequest{For: -time.Minute, Why: "is it us?"}, "cannot pause for -1m"},
	} {
		err := CheckPause(tt.request)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v; want %q", tt.request, err, tt.want)
		}
	}
}

func TestAPauseSaysWhoAsked(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for by, want := range map[string]string{"ada": "everybody gets in by ada (is it us?)", "": "everybody gets in (is it us?)"} {
		if text := PauseText(&status.Pause{Until: until, Why: "is it us?", By: by}); text != "PAUSED until 2026-01-02T03:04:05Z: "+want {
			t.Errorf("%q; want %q", text, want)
		}
	}
}

func TestAPauseOutlivesTheProcess(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if p := readPause(dir, now); p != nil {
		t.Errorf("%+v; want none before the first", p)
	}
	want := status.Pause{Until: now.Add(time.Minute), Why: "is it us?", By: "ops"}
	if err := WritePause(dir, want); err != nil {
		t.Fatal(err)
	}
	if p := readPause(dir, now); p == nil || !p.Until.Equal(want.Until) || p.Why != want.Why || p.By != want.By {
		t.Errorf("%+v; want %+v", p, want)
	}
	if p := readPause(dir, want.Until); p != nil {
		t.Errorf("%+v; want none when its time is over", p)
	}
	for range 2 { // the second time there is nothing to end
		if err := endPause(dir); err != nil {
			t.Error(err)
		}
	}
	if p := readPause(dir, now); p != nil {
		t.Errorf("%+v; want none after its end", p)
	}
}

func TestAPauseWrittenByRootIsTheDaemons(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to write for somebody else")
	}
	const daemon = 65534
	dir := t.TempDir()
	if err := os.Chown(dir, daemon, daemon); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "of-root")
	if err := os.Symlink(elsewhere, filepath.Join(dir, pauseFile)); err != nil {
		t.Fatal(err)
	}
	if err := WritePause(dir, status.Pause{Why: "is it us?"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, pauseFile))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; !info.Mode().IsRegular() || owner != daemon {
		t.Errorf("%s of %d; want a file of %d", info.Mode(), owner, daemon)
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("a link in the daemon's folder was followed")
	}
}

func TestAPauseThatCannotBeBelievedIsNone(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, text := range []string{"", "{", `{"until":"tomorrow"}`, `{"until":"2126-01-01T00:00:00Z"}`, `{"until":"2026-01-02T03:04:04Z"}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, pauseFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p := readPause(dir, now); p != nil {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

func TestTheNextDeadlineIsTheFirst(t *testing.T) {
	soon, later := time.Unix(100, 0), time.Unix(200, 0)
	pauseTill := func(at time.Time) *status.Pause { return &status.Pause{Until: at} }
	for _, tt := range []struct {
		name   string
		pause  *status.Pause
		change *unconfirmed
		want   time.Time
		wantOK bool
	}{
		{"nothing waits", nil, nil, time.Time{}, false},
		{"a pause", pauseTill(soon), nil, soon, true},
		{"a change", nil, &unconfirmed{At: soon}, soon, true},
		{"the pause is first", pauseTill(soon), &unconfirmed{At: later}, soon, true},
		{"the change is first", pauseTill(later), &unconfirmed{At: soon}, soon, true},
	} {
		d := &daemon{}
		d.pause, d.unconfirmed = tt.pause, tt.change
		if at, ok := d.nextDeadline(); !at.Equal(tt.want) || ok != tt.wantOK {
			t.Errorf("%s: %s, %t; want %s, %t", tt.name, at, ok, tt.want, tt.wantOK)
		}
	}
}

func TestRevocationsAreOneForEachPrefix(t *testing.T) {
	a, b := netip.MustParsePrefix("10.0.1.11/32"), netip.MustParsePrefix("10.0.1.0/24")
	revoked := []status.Revocation{{Prefix: a}, {Prefix: b}, {Prefix: a}}
	if left := withoutPrefix(revoked, a); len(left) != 1 || left[0].Prefix != b || len(revoked) != 3 {
		t.Errorf("%+v left; want %s", left, b)
	}
}

func TestWhoAskedIsUnknownWithoutASocket(t *testing.T) {
	if who, text := by(context.Background()), byText(context.Background()); who != "" || text != "" {
		t.Errorf("%q, %q; want nobody", who, text)
	}
	if name := userName("4000000123"); name != "uid 4000000123" {
		t.Errorf("%q; want the number of a user without a name", name)
	}
}
