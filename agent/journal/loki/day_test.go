package loki

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

// A day without Loki: its events wait in the real store, a restart between, and then all arrive in order. Events beyond the
// bound are lost and counted.
func TestADayAway(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: writes a day of events to disk")
	}
	const day, bound, beyond = 86_400, 90_000, 1000
	s, r := newServer(t), newRig(t, store.Options{})
	if err := r.store.KeepEvents(bound); err != nil {
		t.Fatal(err)
	}
	s.behave(always(http.StatusServiceUnavailable))
	_, stop := r.run(targetOf(s))

	began := time.Now()
	r.day(1, day)
	wrote := time.Since(began)
	s.awaitRequests(t, 1)
	stop()
	r.restart()
	if kept, err := r.store.EventsAfter(0, 1); err != nil || kept[0].Sequence != 1 {
		t.Fatalf("the first that is kept: %v, %v", kept, err)
	}
	t.Logf("%d events: written in %v, %d bytes of disk", day, wrote.Round(time.Millisecond), r.disk())

	s.behave(nil)
	began = time.Now()
	_, stop = r.run(targetOf(s))
	s.awaitEntries(t, day)
	t.Logf("sent in %v", time.Since(began).Round(time.Millisecond))
	wantSequences(t, s.got(), 1, day)
	if r.lost.Load() != 0 {
		t.Errorf("%d lost within the bound", r.lost.Load())
	}
	stop()

	s.behave(always(http.StatusServiceUnavailable))
	r.day(day+1, bound+beyond)
	_, stop = r.run(targetOf(s))
	s.awaitRequests(t, 1)
	s.behave(nil)
	s.awaitEntries(t, day+bound)
	stop()
	wantSequences(t, s.got()[day:], day+beyond+1, day+bound+beyond)
	if r.lost.Load() != beyond {
		t.Errorf("%d lost, want %d", r.lost.Load(), beyond)
	}
	t.Logf("at the bound of %d events: %d bytes of disk", bound, r.disk())
}

// day stores events such as a busy host tells, in batches as the journal writes them.
func (r *rig) day(first, n int) {
	r.t.Helper()
	kinds := []string{status.KindRefused, status.KindDrift, status.KindRosterChanged, status.KindAlertFiring}
	for done := 0; done < n; {
		batch := make([]status.Event, min(240, n-done))
		for i := range batch {
			number := first + done + i
			batch[i] = status.Event{Time: noon().Add(time.Duration(number) * time.Millisecond), Kind: kinds[number%len(kinds)],
				Summary: fmt.Sprintf("203.0.113.%d was refused at nakama-console: 17 packets in a minute", number%256),
				Fields:  map[string]string{"service": "nakama-console", "source": fmt.Sprintf("203.0.113.%d", number%256), "packets": "17", "ports": "7351", "verdict": "refused"}}
		}
		r.keep(batch...)
		done += len(batch)
	}
}

func (r *rig) restart() {
	r.t.Helper()
	if err := r.store.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.openStore(store.Options{})
}

func (r *rig) disk() int64 {
	r.t.Helper()
	info, err := os.Stat(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	return info.Size()
}
