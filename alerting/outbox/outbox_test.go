package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

var errDown = errors.New("connection refused")

func TestAlertsReachEveryReceiverOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		r.start(Options{}, slack, pager)
		r.put("A B!", Change{"alerts", "state", 1})
		r.put("a C")
		for _, e := range []*ear{slack, pager} {
			equal(t, e.name, e.took(), "A B!|a C")
		}
		r.wantCounts("slack", 0, 4, 0, 0, 0)
		equal(t, "stored", r.disk.entries(), 0)
		equal(t, "state", r.disk.values[place{"alerts", "state"}], "1")
		equal(t, "events", r.told(), "")
		pass(time.Hour)
		equal(t, "an hour later", slack.took(), "")
	})
}

func TestPutIsOneTransaction(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(Options{}, newEar("slack"), newEar("pager"))
		before, _ := r.disk.read(place{"alerts", "state"})
		var complete atomic.Int32
		for _, e := range r.receivers() {
			e.(*ear).answers(func(context.Context, string) error {
				writes, state := r.disk.read(place{"alerts", "state"})
				if writes == before+1 && r.disk.entries() == 4 && state != "" {
					complete.Add(1)
				}
				return errDown
			})
		}
		r.put("A B", Change{"alerts", "state", 1})
		equal(t, "receivers that were asked when all was stored, at once", complete.Load(), 2)
	})
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		jitter float64
		err    error
		want   string
	}{
		{1, errDown, "[0s 1s 3s 7s 15s 31s 1m3s 2m7s 4m15s 8m31s 13m31s 18m31s]"},
		{0, errDown, "[0s 500ms 1.5s 3.5s 7.5s 15.5s 31.5s 1m3.5s 2m7.5s 4m15.5s 6m45.5s 9m15.5s 11m45.5s 14m15.5s 16m45.5s 19m15.5s]"},
		{1, busy(time.Minute), "[0s 1m0s 2m0s 3m0s 4m0s 5m0s 6m0s 7m4s 9m12s 13m28s 18m28s]"},
		{1, busy(999 * time.Hour), "[0s 5m0s 10m0s 15m0s]"},
		{1, busy(-time.Hour), "[0s 1s 3s 7s 15s 31s 1m3s 2m7s 4m15s 8m31s 13m31s 18m31s]"},
	} {
		t.Run(fmt.Sprint(test.jitter, test.err), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				slack := newEar("slack")
				slack.fails(test.err)
				r.start(Options{Jitter: func() float64 { return test.jitter }}, slack)
				begun := time.Now()
				r.put("A")
				pass(19*time.Minute + 30*time.Second)
				equal(t, "attempts", fmt.Sprint(slack.attempts(begun)), test.want)

				slack.fails(nil)
				pass(5 * time.Minute)
				equal(t, "heard", slack.took(), "A")
				slack.fails(errDown)
				slack.attempts(begun)
				begun = time.Now()
				r.put("B")
				equal(t, "after a success", fmt.Sprint(slack.attempts(begun)), "[0s]")
				pass(time.Second)
				if test.err == errDown {
					equal(t, "and then", len(slack.attempts(begun)), 1)
				}
			})
		})
	}
}

func TestHowAReceiverIsDoing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		r.start(Options{}, slack)
		begun := time.Now()
		slack.fails(errDown)
		r.put("A")
		pass(10 * time.Second)
		d := r.delivery("slack")
		equal(t, "failing since", d.FailingFrom, begun)
		equal(t, "problem", d.Problem, "connection refused")
		equal(t, "never succeeded", d.LastSuccess.IsZero(), true)
		r.wantCounts("slack", 1, 0, 4, 0, 0)
		equal(t, "events", r.told(), "delivery_failed failed")

		slack.fails(errors.New("500: " + strings.Repeat("é", 1000)))
		pass(10 * time.Second)
		if d := r.delivery("slack"); !strings.HasPrefix(d.Problem, "500: é") || len(d.Problem) > longestAnswer+3 {
			t.Errorf("problem of %d bytes: %s", len(d.Problem), d.Problem)
		}
		equal(t, "events", r.told(), "")

		slack.fails(nil)
		pass(time.Minute)
		d = r.delivery("slack")
		equal(t, "problem", fmt.Sprint(d.Problem, d.FailingFrom), fmt.Sprint("", time.Time{}))
		equal(t, "succeeded", d.LastSuccess.After(begun), true)
		equal(t, "events", r.told(), "delivery_back")
	})
}

// A receiver that hangs is given up after the deadline, and delays nobody.
func TestAReceiverThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		slack.answers(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		r.start(Options{}, slack, pager)
		begun := time.Now()
		r.put("A!")
		equal(t, "the pager's attempts", fmt.Sprint(pager.attempts(begun)), "[0s]")
		pass(30 * time.Second)
		equal(t, "the hanging one's attempts", fmt.Sprint(slack.attempts(begun)), "[0s 11s 23s]")
		equal(t, "problem", r.delivery("slack").Problem, context.DeadlineExceeded.Error())
	})
}

func TestARefusedBatchIsTriedOneByOne(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		slack.answers(func(_ context.Context, alerts string) error {
			if strings.Contains(alerts, "B") {
				return refusal{errors.New("400: label \"…\" is invalid")}
			}
			return nil
		})
		r.start(Options{}, slack)
		r.put("A B C!")
		equal(t, "heard", slack.took(), "A|C!")
		equal(t, "stored: that the beginning of B was lost", r.disk.entries(), 1)
		r.wantCounts("slack", 0, 2, 1, 1, 0)
		equal(t, "events", r.told(), "delivery_failed refused, delivery_back")
		r.put("b a D")
		equal(t, "the end of B, that never began, is not told", slack.took(), "a D")
		r.wantCounts("slack", 0, 4, 1, 1, 1)
		equal(t, "stored", r.disk.entries(), 0)
		r.put("B D")
		equal(t, "heard", slack.took(), "D")
		equal(t, "failing", r.delivery("slack").Problem, "")
	})
}

// An alert that makes the receiver answer 500 does not hold up the others for ever.
func TestAnAlertThatTheReceiverStumblesOver(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		slack.answers(func(_ context.Context, alerts string) error {
			if strings.Contains(alerts, "A") {
				return errors.New("500")
			}
			return nil
		})
		r.start(Options{}, slack)
		r.put("A B C a")
		pass(time.Minute)
		equal(t, "heard", slack.took(), "B|C")
		r.wantCounts("slack", 2, 2, int(r.delivery("slack").Results[resultFailed]), 0, 0)
		slack.fails(nil)
		pass(5 * time.Minute)
		equal(t, "heard", slack.took(), "A|a")
	})
}

func TestOrderAndCoalescing(t *testing.T) {
	for _, test := range []struct{ puts, want string }{
		{"A,a,A,a", "A|a|A|a"},
		{"A,B,a,b", "A B|a b"},
		{"A,B,A!", "A! B"}, // at the place of the earlier word
		{"A,A!,a,A", "A!|a|A"},
		{"A,a,a!,A", "A|a!|A"},
		{"a,A", "a|A"}, // it began before this outbox
	} {
		t.Run(test.puts, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				slack := newEar("slack")
				r.start(Options{}, slack)
				slack.fails(errDown)
				r.put("X")
				for put := range strings.SplitSeq(test.puts, ",") {
					r.put(put)
				}
				pass(100 * time.Millisecond)
				slack.fails(nil)
				pass(time.Minute)
				equal(t, "heard", slack.took(), "X|"+test.want)
				equal(t, "stored", r.disk.entries(), 0)
			})
		})
	}
}

func TestWordsThatComeDuringAnAttempt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		answer := make(chan error)
		slack.answers(func(context.Context, string) error { return <-answer })
		r.start(Options{}, slack)
		r.put("A")
		r.put("A!")
		r.put("a B")
		answer <- nil
		answer <- nil
		answer <- errDown
		answer <- nil
		synctest.Wait()
		pass(time.Second)
		equal(t, "heard", slack.took(), "A|A! B|a")
	})
}

func TestBatchesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		r.start(Options{}, slack)
		var many []status.Alert
		for i := range 1000 {
			a := alerts("A")[0]
			a.Subject = fmt.Sprint(i)
			many = append(many, a)
		}
		if err := r.Put(many); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		sizes := []int{}
		for batch := range strings.SplitSeq(slack.took(), "|") {
			sizes = append(sizes, len(strings.Fields(batch)))
		}
		equal(t, "attempts", len(sizes), 16)
		equal(t, "the largest", slices.Max(sizes), batched)
		r.wantCounts("slack", 0, 1000, 0, 0, 0)
	})
}

func TestATestGoesPastTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager, mail := newEar("slack"), newEar("pager"), newEar("mail")
		r.start(Options{}, slack, pager, mail)
		slack.fails(refusal{errors.New("403: invalid_token")})
		mail.answers(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		writes, counts := r.disk.writes, r.Deliveries()
		begun := time.Now()
		tests := r.Test(t.Context(), alerts("A")[0])
		equal(t, "took", time.Since(begun), 10*time.Second)
		equal(t, "tests", fmt.Sprint(tests),
			"[{slack false 403: invalid_token 0s} {pager true ok 0s} {mail false context deadline exceeded 10s}]")
		equal(t, "writes", r.disk.writes, writes)
		equal(t, "counts", fmt.Sprint(r.Deliveries()), fmt.Sprint(counts))
	})
}

// After a final refusal nothing is tried again by itself: a test that is taken shows that the receiver is mended.
func TestATestThatIsTakenEndsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		r.start(Options{}, slack, pager)
		slack.fails(refusal{errors.New("400: no_channel")})
		pager.fails(errDown)
		r.put("A!")
		pass(10 * time.Second)
		r.told()
		r.Test(t.Context(), alerts("T")[0])
		equal(t, "a test that is refused mends nothing", r.delivery("slack").Problem, "400: no_channel")
		equal(t, "events", r.told(), "")

		slack.fails(nil)
		pager.fails(nil)
		r.Test(t.Context(), alerts("T")[0])
		synctest.Wait()
		equal(t, "slack fails", !r.delivery("slack").FailingFrom.IsZero(), false)
		equal(t, "slack heard", slack.took(), "T")
		equal(t, "the pager is told at once of what waited", pager.took(), "T|A!")
		equal(t, "events", r.told(), "delivery_back, delivery_back")
		r.wantCounts("slack", 0, 0, 0, 1, 0)
		r.wantCounts("pager", 0, 1, 4, 0, 0)
	})
}

// What fails while the test is under way may be true of the receiver as it is now.
func TestATestEndsNoLaterFailure(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		r.start(Options{}, slack)
		slack.answers(func(_ context.Context, alerts string) error {
			if alerts != "T" {
				return refusal{errors.New("400")}
			}
			time.Sleep(time.Second)
			return nil
		})
		tested := make(chan struct{})
		go func() { defer close(tested); r.Test(t.Context(), alerts("T")[0]) }()
		pass(500 * time.Millisecond)
		r.put("A!")
		<-tested
		equal(t, "problem", r.delivery("slack").Problem, "400")
	})
}

func TestTwoReceiversOfOneName(t *testing.T) {
	if _, err := New(newRig(t).disk, receivers([]*ear{newEar("slack"), newEar("slack")}), Options{}); err == nil {
		t.Error("no error")
	}
}

func TestShorten(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"ok \xff":                "ok �",
		strings.Repeat("x", 600): strings.Repeat("x", 500) + "…",
		strings.Repeat("€", 200): strings.Repeat("€", 166) + "…",
	} {
		equal(t, "shorten", shorten(text), want)
	}
}
