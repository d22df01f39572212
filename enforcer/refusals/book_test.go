package refusals

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

const console = "nakama-console"

func start() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }

// by is a refusal of the console.
func by(source string, at time.Time, port uint16) Refusal {
	return Refusal{Time: at, Service: console, Verdict: Refused, Source: netip.MustParseAddr(source), Port: port, Protocol: "tcp"}
}

// madeUp returns one random source after the other, the same in every run.
func madeUp() func() netip.Addr {
	random := rand.New(rand.NewPCG(1, 2))
	return func() netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, random.Uint32())))
	}
}

// names lists service, source and verdict, in order.
func names(found []status.RefusedSource) string {
	var lines []string
	for _, s := range found {
		lines = append(lines, strings.Join([]string{s.Service, s.Source, s.Verdict}, " "))
	}
	return strings.Join(lines, "; ")
}

func TestBookRemembersASource(t *testing.T) {
	b := NewBook(BookOptions{})
	for i := range 20 {
		b.Note(by("203.0.113.7", start().Add(time.Duration(i)*time.Minute), uint16(7360-i)))
	}
	b.Note(by("203.0.113.7", start().Add(-time.Minute), 0)) // the clock was set back
	want := []status.RefusedSource{{Service: console, Source: "203.0.113.7", Verdict: Refused,
		First: start().Add(-time.Minute), Last: start().Add(19 * time.Minute), Count: 21,
		Ports: []uint16{7353, 7354, 7355, 7356, 7357, 7358, 7359, 7360}}}
	if got := b.Sources(console); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := b.Sources("nakama-api"); len(got) != 0 {
		t.Errorf("another service: %+v", got)
	}
}

func TestBookAnswers(t *testing.T) {
	b := NewBook(BookOptions{Remember: time.Hour})
	old, later, audited := by("10.0.0.1", start(), 1), by("10.0.0.2", start().Add(time.Minute), 1), by("10.0.0.1", start().Add(time.Minute), 1)
	audited.Verdict = WouldRefuse
	sql := by("fd00::1", start().Add(2*time.Minute), 1)
	sql.Service, sql.Verdict = "cockroachdb-sql", WouldRefuse
	for _, r := range []Refusal{old, sql, audited, later} {
		b.Note(r)
	}
	for name, c := range map[string]struct {
		got  []status.RefusedSource
		want string
	}{
		"all":     {b.All(), "cockroachdb-sql fd00::1 would_refuse; nakama-console 10.0.0.1 would_refuse; nakama-console 10.0.0.2 refused; nakama-console 10.0.0.1 refused"},
		"service": {b.Sources(console), "nakama-console 10.0.0.1 would_refuse; nakama-console 10.0.0.2 refused; nakama-console 10.0.0.1 refused"},
		"audit":   {b.Since(start(), WouldRefuse), "cockroachdb-sql fd00::1 would_refuse; nakama-console 10.0.0.1 would_refuse"},
		"from":    {b.Since(start().Add(2*time.Minute), WouldRefuse), "cockroachdb-sql fd00::1 would_refuse"},
		"after":   {b.Since(start().Add(3*time.Minute), WouldRefuse), ""},
	} {
		if got := names(c.got); got != c.want {
			t.Errorf("%s: %s; want %s", name, got, c.want)
		}
	}
	if got, want := b.Counts(), map[string]int{console: 2, "cockroachdb-sql": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("counts %v; want %v", got, want)
	}
	b.Prune(start().Add(time.Hour + time.Minute))
	if got, want := names(b.All()), "cockroachdb-sql fd00::1 would_refuse; nakama-console 10.0.0.1 would_refuse; nakama-console 10.0.0.2 refused"; got != want {
		t.Errorf("after an hour and a minute: %s; want %s", got, want)
	}
}

// A flood of made-up sources leaves those that really come, however rarely, and its own last ones.
func TestAFloodDoesNotPushOutWhoComesBack(t *testing.T) {
	b := NewBook(BookOptions{})
	random, now := madeUp(), start()
	for night := range 3 {
		b.Note(by("10.0.0.1", start().AddDate(0, 0, night), 7351)) // the backup
	}
	for i := range 1_000_000 { // 50 a second, for more than five hours
		now = now.Add(20 * time.Millisecond)
		b.Note(Refusal{Time: now, Service: console, Verdict: Refused, Source: random(), Port: 7351})
		if i%100 == 0 {
			b.Note(by("10.0.0.2", now, 7351)) // hammers all the while
		}
		if i == 500_000 || i == 500_060 {
			b.Note(by("10.0.0.3", now, 7351)) // a client that began in the flood: SYN and its repetition
		}
	}
	found := b.Sources(console)
	if len(found) != 1000 || b.Counts()[console] != 1000 {
		t.Errorf("%d sources, %d counted; want 1000", len(found), b.Counts()[console])
	}
	for source, count := range map[string]uint64{"10.0.0.1": 3, "10.0.0.2": 10_000, "10.0.0.3": 2} {
		i := slices.IndexFunc(found, func(s status.RefusedSource) bool { return s.Source == source })
		if i < 0 {
			t.Errorf("%s is forgotten", source)
		} else if found[i].Count != count {
			t.Errorf("%s came %d times; want %d", source, found[i].Count, count)
		}
	}
	// Of the million some are equal by chance: those count once while they are remembered.
	if forgotten := b.Forgotten(Refused)[console]; forgotten < 998_000 || forgotten > 999_003 {
		t.Errorf("%d sources are said to be forgotten", forgotten)
	}
	if forgotten := b.Forgotten(WouldRefuse); len(forgotten) != 0 {
		t.Errorf("forgotten with another verdict: %v", forgotten)
	}
}

// Who keeps up more addresses than fit pushes out only what was known for a shorter time.
func TestReturningFloodPushesOutTheShortestKnown(t *testing.T) {
	b := NewBook(BookOptions{SourcesPerService: 100})
	for day := range 2 {
		for i := range 50 {
			b.Note(by(fmt.Sprintf("10.0.0.%d", i), start().AddDate(0, 0, day), 7351))
		}
	}
	now := start().AddDate(0, 0, 2)
	for wave := range 20 { // of 20 sources that come three times each
		for range 3 {
			now = now.Add(time.Second)
			for i := range 20 {
				b.Note(by(fmt.Sprintf("192.0.%d.%d", wave, i), now, 7351))
			}
		}
	}
	known := names(b.Sources(console))
	if left := strings.Count(known, " 10.0.0."); left != 50 {
		t.Errorf("%d of 50 who came for a day are left", left)
	}
	if last := strings.Count(known, " 192.0.19."); last != 20 {
		t.Errorf("%d of the last 20 are listed", last)
	}
}

// A newcomer that is seen again, if too soon to be a regular, goes to the end of the queue.
func TestNewcomersGoInTheOrderInWhichTheyWereSeen(t *testing.T) {
	b := NewBook(BookOptions{SourcesPerService: 10})
	random, now := madeUp(), start()
	for range 4 {
		b.Note(by("10.0.0.1", now, 7351))
		for range 9 {
			b.Note(Refusal{Time: now, Service: console, Verdict: Refused, Source: random(), Port: 7351})
		}
		now = now.Add(200 * time.Millisecond)
	}
	b.Note(by("10.0.0.1", now, 7351))
	if got := b.Sources(console)[0]; got.Source != "10.0.0.1" || got.Count != 5 {
		t.Errorf("seen last: %+v; want 10.0.0.1, five times", got)
	}
}

// What is stored survives a restart, also one with a smaller book, and joins what was noted meanwhile.
func TestBookIsRestored(t *testing.T) {
	before := NewBook(BookOptions{SourcesPerService: 100})
	random := madeUp()
	for i := range 300 {
		at := start().Add(time.Duration(i) * time.Second)
		before.Note(Refusal{Time: at, Service: console, Verdict: Refused, Source: random(), Port: 7351})
		before.Note(by("10.0.0.1", at, 7351))
	}
	after := NewBook(BookOptions{SourcesPerService: 100})
	after.Restore(before.Dump())
	if !reflect.DeepEqual(after.All(), before.All()) {
		t.Errorf("restored %+v\nwant %+v", after.All(), before.All())
	}
	oldest := before.All()[99].Source
	after.Note(by("10.0.0.2", start().Add(time.Hour), 7351))
	if got := names(after.All()); strings.Contains(got, oldest) {
		t.Errorf("%s, the oldest, did not make room: %s", oldest, got)
	}

	small := NewBook(BookOptions{SourcesPerService: 1})
	small.Restore(before.Dump())
	if got := len(small.All()); got != 1 {
		t.Errorf("%d sources in a book for one", got)
	}

	merged := NewBook(BookOptions{})
	merged.Note(by("10.0.0.1", start().Add(time.Hour), 7352))
	merged.Restore(append(before.Dump(), status.RefusedSource{Service: console, Source: "example.org", Verdict: Refused, Count: 1}))
	i := slices.IndexFunc(merged.All(), func(s status.RefusedSource) bool { return s.Source == "10.0.0.1" })
	want := status.RefusedSource{Service: console, Source: "10.0.0.1", Verdict: Refused, First: start(),
		Last: start().Add(time.Hour), Count: 301, Ports: []uint16{7351, 7352}}
	if got := merged.All(); len(got) != 100 || !reflect.DeepEqual(got[i], want) {
		t.Errorf("of %d sources %+v; want 100 and %+v", len(got), got[i], want)
	}
}

// A host whose clock was ahead must not list what came then for ever.
func TestPruneMendsTheFuture(t *testing.T) {
	b := NewBook(BookOptions{Remember: time.Hour})
	b.Note(by("10.0.0.1", start().AddDate(50, 0, 0), 7351))
	b.Prune(start())
	if got := b.All(); len(got) != 1 || !got[0].Last.Equal(start()) || !got[0].First.Equal(start()) {
		t.Errorf("%+v; want it at %s", got, start())
	}
	b.Prune(start().Add(2 * time.Hour))
	if got := b.All(); len(got) != 0 {
		t.Errorf("two hours later: %+v", got)
	}
}
