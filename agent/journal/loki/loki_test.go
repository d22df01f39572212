package loki

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

func TestEventsArrive(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	hostile := "a\n\"}b\x00\x1b[31m` ' \u2028 <script> {job=\"x\"}"
	r.keep(status.Event{Time: noon().Add(time.Nanosecond), Kind: status.KindDrift, Summary: hostile,
		Fields: map[string]string{"by": "nft", "argv0": hostile, hostile: "x"}})
	target := targetOf(s)
	target.TenantID, target.Labels = "games", map[string]string{"host": "n1", "role": "nakama", "cluster": "eu", "kind": "mine", "bad-name": "x", "none": ""}
	_, stop := r.run(target)
	s.awaitEntries(t, 1)
	stop()

	e := s.got()[0]
	if want := `{cluster="eu", host="n1", job="nakama-warden", kind="drift", role="nakama"}`; e.labels != want {
		t.Errorf("labels %s, want %s", e.labels, want)
	}
	if !e.time.Equal(noon().Add(time.Nanosecond)) {
		t.Errorf("time %v", e.time)
	}
	var l line
	if err := json.Unmarshal([]byte(e.line), &l); err != nil || strings.ContainsAny(e.line, "\n\x00\x1b") {
		t.Fatalf("line %q: %v", e.line, err)
	}
	if want := map[string]string{"by": "nft", "argv0": hostile, hostile: "x"}; l.Sequence != 1 || l.Summary != hostile || !maps.Equal(l.Fields, want) {
		t.Errorf("line %+v", l)
	}
	if s.headers.Get("X-Scope-OrgID") != "games" {
		t.Errorf("headers %v", s.headers)
	}
}

// A restart goes on where Loki got to; nothing is sent twice.
func TestARestartGoesOn(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	r.happen(status.KindDrift, 1, 10)
	_, stop := r.run(targetOf(s))
	s.awaitEntries(t, 10)
	r.happen(status.KindRefused, 11, 10)
	s.awaitEntries(t, 20)
	stop()
	if r.cursor() != 20 {
		t.Fatalf("the cursor is %d, want 20", r.cursor())
	}
	r.happen(status.KindDrift, 21, 10)
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.openStore(store.Options{})
	r.run(targetOf(s))
	s.awaitEntries(t, 30)
	wantSequences(t, s.got(), 1, 30)
	if n, _ := s.count(); n != 30 || r.lost.Load() != 0 {
		t.Errorf("%d entries, %d lost", n, r.lost.Load())
	}
}

// Whatever is wrong with Loki, everything arrives in order once it is not.
func TestOutages(t *testing.T) {
	for name, refuse := range map[string]func(n int, r push.PushRequest) int{
		"429":                         always(http.StatusTooManyRequests),
		"500":                         always(http.StatusInternalServerError),
		"503":                         always(http.StatusServiceUnavailable),
		"401, as a wrong tenant gets": always(http.StatusUnauthorized),
		"404, as a wrong path gets":   always(http.StatusNotFound),
		"a redirect":                  always(http.StatusFound),
	} {
		t.Run(name, func(t *testing.T) {
			s, r := newServer(t), newRig(t, store.Options{})
			s.behave(refuse)
			r.happen(status.KindDrift, 1, 1) // alone, so that it would be lost if it were taken for the culprit
			r.run(targetOf(s))
			s.awaitRequests(t, 3)
			r.happen(status.KindDrift, 2, 49)
			r.happen(status.KindRefused, 51, 50)
			s.behave(nil)
			s.awaitEntries(t, 100)
			wantSequences(t, s.got(), 1, 100)
			if r.lost.Load() != 0 {
				t.Errorf("%d lost", r.lost.Load())
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	dead := newServer(t)
	dead.Close()
	r.pace.Patience = 0
	r.happen(status.KindDrift, 1, 5)
	shipper, _ := r.run(targetOf(dead))
	e := r.hear()
	if e.Kind != status.KindDeliveryFailed || e.Fields["receiver"] != "loki" || !strings.Contains(e.Fields["problem"], "refused") {
		t.Errorf("told %+v", e)
	}
	if strings.Contains(e.Summary, "/push") {
		t.Errorf("the URL is shown: %s", e.Summary)
	}
	shipper.Replace(targetOf(s))
	s.awaitEntries(t, 5)
	if e := r.hear(); e.Kind != status.KindDeliveryBack || e.Fields["lost"] != "0" {
		t.Errorf("told %+v", e)
	}
	shipper.Replace(targetOf(dead))
	r.happen(status.KindDrift, 6, 1)
	if e := r.hear(); e.Kind != status.KindDeliveryFailed {
		t.Errorf("told %+v", e)
	}
}

// An entry that Loki does not take must not keep back those around it, and is counted.
func TestOneBadStream(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	s.behave(func(_ int, got push.PushRequest) int {
		for _, stream := range got.Streams {
			if strings.Contains(stream.Labels, `kind="bad"`) {
				return http.StatusBadRequest
			}
		}
		return 0
	})
	r.happen(status.KindDrift, 1, 30)
	r.happen("bad", 31, 2)
	r.happen(status.KindDrift, 33, 30)
	r.run(targetOf(s))
	s.awaitEntries(t, 60)
	all := sequences(t, s.got())
	if !slices.IsSorted(all) || slices.Contains(all, 31) || slices.Contains(all, 32) || r.lost.Load() != 2 {
		t.Errorf("%d lost; arrived: %v", r.lost.Load(), all)
	}
}

// What the bound of the list drops before Loki had it is counted, once; all else arrives.
func TestTheBoundOfTheList(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{EventLimit: 100})
	s.behave(always(http.StatusServiceUnavailable))
	r.happen(status.KindDrift, 1, 10)
	r.run(targetOf(s))
	s.awaitRequests(t, 1)
	r.happen(status.KindDrift, 11, 240) // 151 to 250 are kept
	s.awaitRequests(t, 4)
	s.behave(nil)
	s.awaitEntries(t, 100)
	wantSequences(t, s.got()[len(s.got())-100:], 151, 250)
	if r.lost.Load() != 150 {
		t.Errorf("%d lost, want 150", r.lost.Load())
	}
}

func TestWhatIsTooOldIsPassedBy(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	r.happen(status.KindDrift, 1, 7)
	r.advance(maxAge + time.Second)
	r.keep(status.Event{Time: r.clock(), Kind: status.KindDrift, Summary: "young"}) // 8
	r.happen(status.KindDrift, 9, 1)                                                // as old as the first
	r.keep(status.Event{Time: r.clock(), Kind: status.KindDrift, Summary: "younger"})
	r.run(targetOf(s))
	s.awaitEntries(t, 2)
	if all := sequences(t, s.got()); !slices.Equal(all, []uint64{8, 10}) || r.lost.Load() != 8 {
		t.Errorf("%d lost, arrived %v", r.lost.Load(), all)
	}
}

// A list that is all too old must not end the looking.
func TestAPageOfTheTooOld(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	r.happen(status.KindDrift, 1, maxBatch+5)
	r.advance(maxAge + time.Minute)
	r.keep(status.Event{Time: r.clock(), Kind: status.KindDrift, Summary: "young"})
	r.run(targetOf(s))
	s.awaitEntries(t, 1)
	if r.lost.Load() != maxBatch+5 {
		t.Errorf("%d lost", r.lost.Load())
	}
}

// Loki that comes to a list that lost much already has lost nothing; one that is named again begins anew.
func TestTheFirstTime(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{EventLimit: 10})
	r.happen(status.KindDrift, 1, 25)
	shipper, _ := r.run(targetOf(s))
	s.awaitEntries(t, 10)
	if r.lost.Load() != 0 {
		t.Errorf("%d lost", r.lost.Load())
	}
	shipper.Replace(Target{})
	shipper.Replace(targetOf(s)) // at once: the shipper may not have seen the former
	r.happen(status.KindDrift, 26, 1)
	s.await(t, "the last event", func() bool { return slices.Contains(sequences(t, s.got()), 26) })
	if r.lost.Load() != 0 {
		t.Errorf("%d lost", r.lost.Load())
	}
}

// The library's counters are found, and are not ours to serve.
func TestTheLedger(t *testing.T) {
	before, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledgerOf("ledger.test")
	if err != nil {
		t.Fatal(err)
	}
	was := l.read()
	l.sent.Add(2)
	l.dropped.Inc()
	if got := l.read(); got != (tally{was.sent + 2, was.dropped + 1}) {
		t.Errorf("read %+v", got)
	}
	after, err := prometheus.DefaultGatherer.Gather()
	if err != nil || len(after) != len(before) {
		t.Errorf("%d metrics became %d: %v", len(before), len(after), err)
	}
	if _, err := counter("no_such_total", "None.", "h"); err == nil {
		t.Error("a counter that is not there was found")
	}
	if again, err := prometheus.DefaultGatherer.Gather(); err != nil || len(again) != len(before) {
		t.Errorf("the search left something behind: %v", err)
	}
}
