package text

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAwaitTellsWhatTakesLongAndLeavesNothing(t *testing.T) {
	ticks := make(chan time.Time)
	var out strings.Builder
	got, err := await(&out, Style{Width: 40}, "comparing", ticks, func() (int, error) {
		ticks <- time.Time{}
		ticks <- time.Time{}
		return 7, nil
	})
	if got != 7 || err != nil {
		t.Errorf("%d, %v; want 7", got, err)
	}
	want := "\r/ comparing … 1 s" + clearLine + "\r- comparing … 2 s" + clearLine + "\r" + clearLine
	if out.String() != want {
		t.Errorf("%q; want %q", out.String(), want)
	}
}

func TestAwaitSaysNothingOfWhatIsQuick(t *testing.T) {
	var out strings.Builder
	failed := errors.New("failed")
	if _, err := await(&out, Style{}, "comparing", nil, func() (int, error) { return 0, failed }); err != failed || out.Len() > 0 {
		t.Errorf("%v and %q; want the error and no word", err, out.String())
	}
}

func TestAwaitFitsANarrowTerminal(t *testing.T) {
	ticks := make(chan time.Time)
	var out strings.Builder
	_, _ = await(&out, Style{Width: 10}, strings.Repeat("long", 9), ticks, func() (int, error) {
		ticks <- time.Time{}
		return 0, nil
	})
	if first, _, _ := strings.Cut(strings.TrimPrefix(out.String(), "\r"), clearLine); columns(first) > 9 {
		t.Errorf("%q has %d columns; want 9 at most", first, columns(first))
	}
}

func TestAwaitIsSilentInAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got, err := Await(f, "comparing", func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("%d, %v; want 7", got, err)
	}
	if about, err := f.Stat(); err != nil || about.Size() > 0 {
		t.Errorf("%d bytes, %v; want none", about.Size(), err)
	}
}
