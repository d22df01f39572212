package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestWhatWaitsOutlivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		slack.fails(errDown)
		r.start(Options{}, slack, pager)
		r.put("A B!")
		r.put("a")
		equal(t, "the pager heard", pager.took(), "A B!|a")
		r.stop()

		slack.fails(nil)
		r.start(Options{}, slack, pager)
		equal(t, "slack heard", slack.took(), "A B!|a")
		equal(t, "the pager heard", pager.took(), "")
		equal(t, "stored", r.disk.entries(), 0)
		r.stop()

		r.start(Options{}, slack, pager)
		equal(t, "slack heard, after another restart", slack.took(), "")
		r.put("C c")
		equal(t, "slack heard", slack.took(), "C|c")
	})
}

// An attempt that is under way when the daemon is stopped is given the time to be answered: else it would be made again.
func TestTheAnswerIsAwaitedAtTheEnd(t *testing.T) {
	for _, test := range []struct {
		name  string
		takes time.Duration
		ends  time.Duration
		again string
	}{
		{"answered in time", time.Second, time.Second, ""},
		{"not answered", time.Hour, 2 * time.Second, "A"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				slack := newEar("slack")
				slack.answers(func(ctx context.Context, _ string) error {
					select {
					case <-time.After(test.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				r.start(Options{}, slack)
				r.put("A")
				begun := time.Now()
				r.stop()
				equal(t, "the end took", time.Since(begun), test.ends)
				equal(t, "problem", r.delivery("slack").Problem, "")
				slack.fails(nil)
				slack.took()
				r.start(Options{}, slack)
				equal(t, "heard again", slack.took(), test.again)
			})
		})
	}
}

func TestReceiversComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		slack.fails(errDown)
		r.start(Options{}, slack)
		r.put("A B")
		r.fires("A B")
		if err := r.Replace(receivers([]*ear{slack, pager})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		equal(t, "one that came hears what fires", pager.took(), "A B")
		equal(t, "events", r.told(), "delivery_failed failed")

		mended := newEar("slack")
		if err := r.Replace(receivers([]*ear{pager, mended})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		equal(t, "one that was mended is tried at once", mended.took(), "A B")
		equal(t, "and its counts go on", r.delivery("slack").Results[resultFailed] > 0, true)
		equal(t, "the order", r.Deliveries()[0].Receiver, "pager")
		equal(t, "events", r.told(), "delivery_back")

		pager.fails(errDown)
		r.put("C D")
		r.told()
		if err := r.Replace(receivers([]*ear{mended})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		equal(t, "events of one that went", r.told(), "delivery_failed dropped")
		equal(t, "stored", r.disk.entries(), 0)
		pager.attempts(time.Now())
		pass(time.Hour)
		equal(t, "attempts at one that went", len(pager.attempts(time.Now())), 0)
		if err := r.Replace(receivers([]*ear{slack, mended})); err == nil {
			t.Error("two of one name were taken")
		}
	})
}

func TestReceiversComeAndGoOverARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		slack.fails(errDown)
		r.start(Options{}, slack)
		r.put("A B")
		r.stop()
		r.fires("A B")
		r.told()
		r.start(Options{}, pager)
		equal(t, "heard", pager.took(), "A B")
		equal(t, "events", r.told(), "delivery_failed dropped")
		equal(t, "stored", r.disk.entries(), 0)
		r.stop()
		r.start(Options{}, pager)
		equal(t, "heard after another restart", pager.took(), "")
	})
}

func TestRepeats(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		manager, pager := newEar("manager"), newEar("pager")
		manager.repeat = time.Minute
		r.start(Options{}, manager, pager)
		r.fires("A B")
		r.put("A B")
		pass(2*time.Minute + 1500*time.Millisecond)
		equal(t, "repeated", manager.took(), "A B|A B|A B")
		r.fires("B")
		r.put("a")
		pass(time.Minute)
		equal(t, "repeated", manager.took(), "a|B")

		manager.fails(errDown)
		pass(59 * time.Second) // the next attempt is in half a second
		equal(t, "failing", r.delivery("manager").Problem, "connection refused")
		equal(t, "stored", r.disk.entries(), 0)
		r.wantCounts("manager", 0, 8, 1, 0, 0)
		r.fires("B C")
		r.put("C")
		pass(1500 * time.Millisecond)
		manager.fails(nil)
		pass(10 * time.Second)
		equal(t, "what waits goes first", manager.took(), "C|B C")
		equal(t, "events", r.told(), "delivery_failed failed, delivery_back")

		r.fires("")
		r.put("b c")
		pass(time.Hour)
		equal(t, "when nothing fires", manager.took(), "b c")
		r.fires("D")
		r.put("D")
		pass(time.Minute)
		equal(t, "later", manager.took(), "D|D")
		equal(t, "without repeats", pager.took(), "A B|a|C|b c|D")
	})
}

func TestARefusedRepeat(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		manager := newEar("manager")
		manager.repeat = time.Minute
		manager.answers(func(_ context.Context, alerts string) error {
			if strings.Contains(alerts, "B") {
				return refusal{errors.New("400")}
			}
			return nil
		})
		r.start(Options{}, manager)
		r.fires("A B C")
		pass(time.Minute)
		equal(t, "repeated", manager.took(), "A|C")
		pass(time.Minute)
		equal(t, "repeated", manager.took(), "A|C")
		r.wantCounts("manager", 0, 4, 2, 2, 0)
	})
}

// A repeat that comes through tells the beginning that was refused: so the end is told too.
func TestARepeatMakesUpForARefusal(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		manager := newEar("manager")
		manager.repeat = time.Minute
		manager.fails(refusal{errors.New("400")})
		r.start(Options{}, manager)
		r.fires("A")
		r.put("A")
		manager.fails(nil)
		pass(time.Minute)
		r.fires("")
		r.put("a")
		equal(t, "heard", manager.took(), "A|a")
		equal(t, "stored", r.disk.entries(), 0)
	})
}

// What fires may change while it is repeated: then the rest of the repeat is out of date.
func TestAnEndDuringARepeat(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		manager := newEar("manager")
		manager.repeat = time.Minute
		answer := make(chan error)
		manager.answers(func(context.Context, string) error { return <-answer })
		r.start(Options{}, manager)
		r.fires(strings.Repeat("A ", batched) + "B")
		pass(time.Minute)
		r.fires("A")
		r.put("b")
		for range 3 {
			answer <- nil
			synctest.Wait()
		}
		equal(t, "heard", manager.took(), strings.Repeat("A ", batched-1)+"A|b|A")
	})
}

// What is told is stored before: else a crash would tell it again, and not know that it must tell its end.
func TestNothingIsToldBeforeItIsSynced(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		slack.fails(errDown)
		r.start(Options{}, slack)
		begun := time.Now()
		r.put("A")
		gate := make(chan struct{})
		r.disk.setGate(gate)
		stored := make(chan error)
		go func() { stored <- r.Put(alerts("A! B")) }()
		pass(1500 * time.Millisecond) // the second attempt would be after one
		equal(t, "attempts", fmt.Sprint(slack.attempts(begun)), "[0s]")
		r.disk.setGate(nil)
		slack.fails(nil)
		close(gate)
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		equal(t, "attempts", fmt.Sprint(slack.attempts(begun)), "[1.5s 1.5s]")
		equal(t, "heard", slack.took(), "A!|B")
	})
}

func TestWhatWasOvertakenIsNotOwedAgain(t *testing.T) {
	var l ledger
	l.owe(Change{"alerts", "state", 1})
	l.owe(Change{"alerts", "other", 1})
	failed := l.take()
	l.owe(Change{"alerts", "state", 2})
	l.giveBack(failed, 0)
	equal(t, "owed", fmt.Sprint(l.owed), fmt.Sprint(map[place]any{{"alerts", "state"}: 2, {"alerts", "other"}: 1}))
}

func TestAFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack, pager := newEar("slack"), newEar("pager")
		r.start(Options{}, slack, pager)
		r.disk.setFull(true)
		pager.fails(errDown)
		for i := range 100 {
			err := r.Put(alerts("A B"), Change{"alerts", "state", i})
			if !errors.Is(err, errFull) {
				t.Fatalf("Put: %v", err)
			}
			synctest.Wait()
			equal(t, "heard all the same", slack.took(), "A B")
		}
		if owed := len(r.ledger.owed); owed > 4 {
			t.Errorf("%d changes are owed", owed)
		}
		r.disk.setFull(false)
		r.put("C")
		equal(t, "stored for the pager", r.disk.entries(), 3)
		equal(t, "state", r.disk.values[place{"alerts", "state"}], "99")
		r.stop()
		pager.fails(nil)
		r.start(Options{}, slack, pager)
		equal(t, "the pager heard", pager.took(), "A B C")
		equal(t, "slack heard", slack.took(), "C")
	})
}

// Success is noted on disk later where the disk was full at that moment.
func TestADiskThatIsFullWhenTheAnswerComes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		slack.answers(func(context.Context, string) error { r.disk.setFull(true); return nil })
		r.start(Options{}, slack)
		r.put("A")
		equal(t, "stored", r.disk.entries(), 1)
		slack.fails(nil)
		r.disk.setFull(false)
		r.put("B")
		equal(t, "stored", r.disk.entries(), 0)
		equal(t, "heard", slack.took(), "A|B")
	})
}

func TestWhatCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slack := newEar("slack")
		sound := `{"receiver":"slack","alert":{"name":"A","severity":"warning","state":"firing"}}`
		for key, value := range map[string]string{
			"0000000000000001": sound, "2": sound, "000000000000000G": sound, "": sound,
			"0000000000000003": `{"receiver":"slack","alert":[]}`, "0000000000000004": `{}`, "0000000000000005": `null`,
			receiversKey: `{}`,
		} {
			r.disk.values[place{bucket, key}] = value
		}
		r.start(Options{}, slack)
		equal(t, "heard", slack.took(), "A")
		equal(t, "stored", r.disk.entries(), 0)
		equal(t, "events", r.told(), "delivery_failed dropped")
	})
}

type brokenDisk struct{ *disk }

func (brokenDisk) All(string, func(string, json.RawMessage) error) error { return errFull }

func TestADiskThatCannotBeRead(t *testing.T) {
	var told []status.Event
	x, err := New(brokenDisk{newRig(t).disk}, receivers([]*ear{newEar("slack")}), Options{Tell: func(e status.Event) { told = append(told, e) }})
	if err != nil || len(x.Deliveries()) != 1 || len(told) != 1 || !strings.Contains(fmt.Sprint(told), errFull.Error()) {
		t.Errorf("New: %v, told %v", err, told)
	}
}

// FuzzStored: whatever is stored, the outbox starts, tells what fires, and stores no more than that.
func FuzzStored(f *testing.F) {
	f.Add("0000000000000001", `{"receiver":"slack","alert":{"name":"A","state":"firing"}}`, "0000000000000001", `{"receiver":"slack","alert":{"name":"A"},"lost":true}`)
	f.Add("receivers", `["slack","slack",""]`, "ffffffffffffffff", `{"receiver":"pager","alert":{"name":"A","state":"resolved"}}`)
	f.Add("receivers", `[1]`, "fffffffffffffffe", `{"receiver":"slack","alert":{"name":"Z","state":"resolved"}}`)
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		bubble(t, func(t *testing.T, r *rig) {
			r.disk.values[place{bucket, key1}] = value1
			r.disk.values[place{bucket, key2}] = value2
			slack := newEar("slack")
			r.start(Options{}, slack)
			slack.took()
			r.put("Z! Y")
			r.put("Z")
			if heard := slack.took(); !strings.HasSuffix(heard, "Z! Y|Z") {
				t.Errorf("heard %q", heard)
			}
			equal(t, "queued", r.delivery("slack").Queued, 0)
			if stored := r.disk.entries(); stored > 2 {
				t.Errorf("%d are stored", stored)
			}
		})
	})
}
