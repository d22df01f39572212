package loki

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

// stopWithin is what the whole daemon has.
const stopWithin = 5 * time.Second

// Whatever Loki does, a stop keeps its deadline, at a daemon's own pace and in the middle of an attempt.
func TestAStopKeepsItsDeadline(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *server){
		"taken": func(*testing.T, *server) {},
		"hangs": func(t *testing.T, s *server) { s.hold(t) },
		"429":   func(_ *testing.T, s *server) { s.behave(always(http.StatusTooManyRequests)) },
		"500":   func(_ *testing.T, s *server) { s.behave(always(http.StatusInternalServerError)) },
		"400":   func(_ *testing.T, s *server) { s.behave(always(http.StatusBadRequest)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := newServer(t), newRig(t, store.Options{})
			prepare(t, s)
			r.pace = DefaultPace()
			r.happen(status.KindDrift, 1, 100)
			_, stop := r.run(targetOf(s))
			<-s.came
			wantQuick(t, stop())
			if taken, _ := s.count(); r.cursor() != uint64(taken) {
				t.Errorf("the cursor is %d, and %d events were taken", r.cursor(), taken)
			}
		})
	}
}

// A listener that accepts and never reads, as a host behind a dead balancer does; and an address that nothing answers for.
func TestAStopWhileNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := newRig(t, store.Options{})
	r.pace = DefaultPace()
	r.happen(status.KindDrift, 1, 100)
	_, stop := r.run(Target{URL: "http://" + l.Addr().String() + "/loki/api/v1/push"})
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	wantQuick(t, stop())
}

// What is refused at once waits a minute before it is tried again; the stop does not.
func TestAStopBetweenAttempts(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	s.behave(always(http.StatusServiceUnavailable))
	r.pace.Retry, r.pace.RetryMax = time.Hour, time.Hour
	r.pace.Patience = 0
	r.happen(status.KindDrift, 1, 1)
	_, stop := r.run(targetOf(s))
	r.hear()
	wantQuick(t, stop())
}

// An attempt that takes longer than its limit is a failed one, and those that follow arrive.
func TestASlowLoki(t *testing.T) {
	s, r := newServer(t), newRig(t, store.Options{})
	r.pace.Timeout, r.pace.Patience = 50*time.Millisecond, 0
	release := s.hold(t)
	r.happen(status.KindDrift, 1, 10)
	r.run(targetOf(s))
	if e := r.hear(); e.Kind != status.KindDeliveryFailed {
		t.Errorf("told %+v", e)
	}
	release()
	s.await(t, "all", func() bool { return len(sequences(t, s.got())) == 10 })
	wantSequences(t, s.got(), 1, 10)
}

func wantQuick(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("the stop took %v", took)
	if took > stopWithin {
		t.Errorf("the stop took longer than %v", stopWithin)
	}
}
