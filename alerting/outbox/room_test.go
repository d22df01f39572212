package outbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestWhatGoesFirst(t *testing.T) {
	for _, test := range []struct {
		name, known, put string
		limit            int
		want             string
		dropped          int
	}{
		{"there is room", "", "A B. C!", 3, "A B. C!", 0},
		{"info before warnings, the oldest first", "", "A B. C! D. E", 3, "A C! E", 2},
		{"then warnings, the oldest first", "", "A B. C! D E", 2, "C! E", 3},
		{"critical ones last", "", "A! B C! D", 1, "C!", 3},
		{"what has come last goes if it is the least", "", "A! B! C", 2, "A! B!", 1},
		{"a pair that nobody knows of goes first", "", "A B. a C. D", 3, "B. C. D", 2},
		{"the oldest pair first", "", "A B a b C", 3, "B b C", 2},
		{"no more than is needed", "", "A a B b", 3, "B b", 2},
		{"a critical pair after all that is not", "", "A! B. C a! D", 3, "A! a! D", 2},
		{"but before what is critical and fires", "", "A! B! a! C!", 3, "B! C!", 2},
		{"an end whose beginning was heard is no pair", "A", "B a C. D.", 3, "B a D.", 1},
		{"another word of what was heard is no pair", "A", "A! B. a! C", 3, "A! a! C", 1},
		{"the oldest critical pair first", "", "A! B! a! b! C!", 3, "B! b! C!", 2},
		{"a heard alert's later word goes alone", "A", "A B! a C!", 3, "B! a C!", 1},
		{"a later pair of one that was heard", "A", "a A a B", 2, "a B", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQueue("slack", &ledger{})
			for _, a := range alerts(test.known) {
				q.heard[a.Key()] = true
			}
			_, dropped := q.put(alerts(test.put), test.limit)
			if got := waiting(&q); got != test.want || dropped != test.dropped {
				t.Errorf("%q waits, %d dropped; want %q, %d", got, dropped, test.want, test.dropped)
			}
		})
	}
}

func waiting(q *queue) string {
	var all []string
	for _, e := range q.waiting {
		all = append(all, short([]status.Alert{e.alert}))
	}
	return strings.Join(all, " ")
}

// The receiver may have an alert that was tried, whatever came of it: its end is no news of nothing.
func TestWhatWasTriedIsNoPair(t *testing.T) {
	q := newQueue("slack", &ledger{})
	q.put(alerts("A"), 9)
	q.waiting[0].unsynced = false
	q.land(q.batch(9))
	q.put(alerts("B a b C."), 9)
	equal(t, "dropped", q.shrink(4), 2)
	equal(t, "waiting", waiting(&q), "A a C.")
}

func TestWhatIsUnderWayStays(t *testing.T) {
	q := newQueue("slack", &ledger{})
	q.put(alerts("A. B."), 9)
	for _, e := range q.waiting {
		e.unsynced = false
	}
	flying := q.batch(9)
	_, dropped := q.put(alerts("C! a."), 1)
	equal(t, "dropped", dropped, 2)
	equal(t, "waiting", waiting(&q), "A. B.")
	q.delivered(flying)
	q.put(alerts("a. c!"), 9)
	equal(t, "waiting", waiting(&q), "a.")
}

// An alert whose beginning was dropped is not heard of until it begins again, also over a restart.
func TestTheEndOfWhatWasDropped(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				slack := newEar("slack")
				slack.fails(errDown)
				again := func() {
					if restart {
						r.stop()
						r.start(Options{Limit: 2}, slack)
					}
				}
				r.start(Options{Limit: 2}, slack)
				r.put("X!")
				r.put("A B!") // A goes
				again()
				r.put("a")
				slack.fails(nil)
				again()
				pass(time.Minute)
				equal(t, "heard", strings.ReplaceAll(slack.took(), "|", " "), "X! B!")
				equal(t, "stored", r.disk.entries(), 0)
				again()
				r.put("A a")
				equal(t, "heard", slack.took(), "A|a")
				if !strings.Contains(r.told(), "delivery_failed dropped") {
					t.Error("what was dropped was not told")
				}
			})
		})
	}
}

// Whatever comes, goes and fails: what waits is bounded, no end is heard without its beginning, and what is stored is what
// waits.
func TestRoomForEver(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) { comeAndGo(t, r, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func comeAndGo(t *testing.T, r *rig, random *rand.Rand) {
	slack := newEar("slack")
	r.start(Options{Limit: 10}, slack)
	fires, heard, ends := map[string]bool{}, map[string]bool{}, 0
	for range 2000 {
		slack.fails([]error{nil, nil, errDown, refusal{errDown}}[random.IntN(4)])
		trouble(r, random.IntN(50), slack)
		word := change(random, fires)
		r.fires(strings.Join(slices.Sorted(maps.Keys(fires)), " "))
		_ = r.Put(alerts(word))
		synctest.Wait()
		for _, a := range alerts(strings.ReplaceAll(slack.took(), "|", " ")) {
			if a.State == status.AlertResolved {
				ends++
				if !heard[a.Name] {
					t.Fatalf("the end of %s without its beginning", a.Name)
				}
			}
			heard[a.Name] = a.State != status.AlertResolved
		}
		if waits := r.delivery("slack").Queued; waits > 10 {
			t.Fatalf("%d wait", waits)
		}
	}
	slack.fails(nil)
	r.disk.setFull(false)
	pass(10 * time.Minute)
	r.put("Z")
	equal(t, "stored: what began unheard", r.disk.entries(), len(r.lanes[0].queue.unheard))
	if ends < 50 {
		t.Errorf("only %d ends were heard", ends)
	}
}

// trouble may start the outbox again, fill or free the disk, or let time pass.
func trouble(r *rig, which int, slack *ear) {
	switch which {
	case 0:
		r.disk.setFull(false)
		r.stop()
		r.start(Options{Limit: 10}, slack)
	case 1, 2:
		r.disk.setFull(which == 1)
	case 3, 4:
		pass(time.Minute)
	}
}

// change begins or ends an alert, or says another word of one that fires.
func change(random *rand.Rand, fires map[string]bool) (word string) {
	word = string(rune('A' + random.IntN(20)))
	ends := fires[word] && random.IntN(3) > 0
	fires[word] = true
	if ends {
		delete(fires, word)
		word = strings.ToLower(word)
	}
	return word + []string{"", ".", "!"}[random.IntN(3)]
}
