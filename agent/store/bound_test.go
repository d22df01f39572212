package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// tell stores n events of so many bytes of text each.
func tell(t *testing.T, s *Store, n, bytes int) {
	t.Helper()
	events := make([]status.Event, n)
	for i := range events {
		events[i] = status.Event{Kind: status.KindDrift, Summary: strings.Repeat("x", bytes)}
	}
	must(t, s.AppendEvents(events))
}

// span is the first and the last sequence that are kept, in a list without gaps.
func span(t *testing.T, s *Store) (first, last uint64) {
	t.Helper()
	all, err := s.EventsAfter(0, 1<<20)
	must(t, err)
	for i, e := range all {
		if e.Sequence != all[0].Sequence+uint64(i) {
			t.Fatalf("sequence %d at %d", e.Sequence, i)
		}
	}
	return all[0].Sequence, all[len(all)-1].Sequence
}

func wantSpan(t *testing.T, s *Store, first, last uint64) {
	t.Helper()
	if f, l := span(t, s); f != first || l != last {
		t.Errorf("events %d to %d are kept, want %d to %d", f, l, first, last)
	}
}

// The limit outlives the process, also for one that has not read the configuration.
func TestKeepEventsIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s, err := Open(path, Options{})
	must(t, err)
	must(t, s.KeepEvents(30))
	tell(t, s, 50, 1)
	wantSpan(t, s, 21, 50)
	must(t, s.Close())

	s, err = Open(path, Options{})
	must(t, err)
	tell(t, s, 5, 1)
	wantSpan(t, s, 26, 55)
	must(t, s.KeepEvents(10))
	tell(t, s, 1, 1)
	wantSpan(t, s, 47, 56)
	if err := s.KeepEvents(0); err == nil {
		t.Error("a list of no events was accepted")
	}
	must(t, s.Close())

	s, err = Open(path, Options{ReadOnly: true})
	must(t, err)
	wantSpan(t, s, 47, 56)
	must(t, s.Close())
}

// Few large events take as little as many small ones; what was kept before a restart counts too.
func TestBytesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	o := Options{EventLimit: 1000, EventBytes: 1 << 20}
	for round := range 5 {
		s, err := Open(path, o)
		must(t, err)
		for range 50 {
			tell(t, s, 10, 6<<10)
		}
		first, last := span(t, s)
		if kept := last - first + 1; kept < 160 || kept > 170 || last != uint64(500*(round+1)) {
			t.Errorf("round %d: events %d to %d are kept", round, first, last)
		}
		must(t, s.Close())
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Size() > 3*o.EventBytes { // a page is 4 KiB, so that an event takes 8
		t.Errorf("the file has %d bytes for %d of events", info.Size(), o.EventBytes)
	}
}

func TestEventsAfterAndSince(t *testing.T) {
	noon := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	fill := func(t *testing.T, s *Store) {
		for i := range 10 {
			must(t, s.AppendEvents([]status.Event{{Kind: status.KindDrift, Time: noon.Add(time.Duration(i) * time.Hour)}}))
		}
		must(t, s.AppendEvents([]status.Event{{Kind: status.KindDrift, Time: noon}})) // told late
	}
	check := func(t *testing.T, s *Store) {
		for _, test := range []struct {
			after uint64
			limit int
			want  []uint64
		}{
			{0, 3, []uint64{1, 2, 3}}, {8, 100, []uint64{9, 10, 11}}, {11, 5, nil}, {1 << 63, 5, nil},
		} {
			events, err := s.EventsAfter(test.after, test.limit)
			if got := sequencesOf(events); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("after %d, at most %d: %v, %v; want %v", test.after, test.limit, got, err, test.want)
			}
		}
		events, err := s.Events(status.EventQuery{Since: noon.Add(7 * time.Hour)})
		if got := sequencesOf(events); err != nil || !slices.Equal(got, []uint64{8, 9, 10}) {
			t.Errorf("since: %v, %v", got, err)
		}
	}
	path := filepath.Join(t.TempDir(), "db")
	s, err := Open(path, Options{})
	must(t, err)
	fill(t, s)
	check(t, s)
	must(t, s.Close())
	s, err = Open(path, Options{ReadOnly: true}) // which works in memory
	must(t, err)
	check(t, s)
	must(t, s.Close())
}

func sequencesOf(events []status.Event) (all []uint64) {
	for _, e := range events {
		all = append(all, e.Sequence)
	}
	return all
}
