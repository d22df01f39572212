package loki

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
)

// received is one entry as a server got it.
type received struct {
	labels string
	time   time.Time
	line   string
}

// server is a push endpoint that takes what it is sent, or does what it was told instead.
type server struct {
	*httptest.Server
	came  chan struct{} // a request came; one at most is noted
	taken chan struct{} // a request was answered; one at most is noted

	mu       sync.Mutex // guards what follows
	entries  []received
	requests int
	headers  http.Header
	refuse   func(n int, r push.PushRequest) int // the status for the nth request, 0 to take it
	hang     chan struct{}                       // requests wait for it to close, if there is one
}

func newServer(t testing.TB) *server {
	s := &server{came: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	note(s.came)
	status := s.take(r)
	if status != 0 {
		http.Error(w, "told to\x1b[31m refuse", status)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
	note(s.taken)
}

func note(what chan<- struct{}) {
	select {
	case what <- struct{}{}:
	default:
	}
}

func (s *server) take(r *http.Request) int {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	got, err := decode(r.Body)
	if err != nil {
		return http.StatusUnsupportedMediaType
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.headers = r.Header.Clone()
	if s.refuse != nil {
		if status := s.refuse(s.requests, got); status != 0 {
			return status
		}
	}
	for _, stream := range got.Streams {
		ascending := slices.IsSortedFunc(stream.Entries, func(a, b push.Entry) int { return a.Timestamp.Compare(b.Timestamp) })
		if !ascending {
			return http.StatusTeapot // which Loki is not: a disorder within a stream is seen as a refusal that lasts
		}
	}
	s.entries = append(s.entries, merged(got)...)
	return 0
}

// merged are the entries of all streams of a request by their time, as a query shows them.
func merged(r push.PushRequest) (all []received) {
	for _, stream := range r.Streams {
		for _, e := range stream.Entries {
			all = append(all, received{stream.Labels, e.Timestamp, e.Line})
		}
	}
	slices.SortStableFunc(all, func(a, b received) int { return a.time.Compare(b.time) })
	return all
}

func decode(body io.Reader) (got push.PushRequest, err error) {
	packed, err := io.ReadAll(body)
	if err != nil {
		return got, err
	}
	raw, err := snappy.Decode(nil, packed)
	if err != nil {
		return got, fmt.Errorf("snappy: %w", err)
	}
	return got, proto.Unmarshal(raw, &got)
}

// behave changes how requests are answered from now on.
func (s *server) behave(refuse func(n int, r push.PushRequest) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

func always(status int) func(int, push.PushRequest) int {
	return func(int, push.PushRequest) int { return status }
}

// hold makes requests hang until release is called, which the end of the test does too.
func (s *server) hold(t testing.TB) (release func()) {
	hang := make(chan struct{})
	s.mu.Lock()
	s.hang = hang
	s.mu.Unlock()
	release = sync.OnceFunc(func() {
		s.mu.Lock()
		s.hang = nil
		s.mu.Unlock()
		close(hang)
	})
	t.Cleanup(release)
	return release
}

func (s *server) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received{}, s.entries...)
}

func (s *server) count() (entries, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries), s.requests
}

// await waits until the server has answered so that the condition holds.
func (s *server) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !holds() {
		select {
		case <-s.taken:
		case <-deadline.C:
			entries, requests := s.count()
			t.Fatalf("never came: %s (%d entries of %d requests)", what, entries, requests)
		}
	}
}

func (s *server) awaitEntries(t testing.TB, n int) {
	t.Helper()
	s.await(t, fmt.Sprintf("%d entries", n), func() bool { got, _ := s.count(); return got >= n })
}

func (s *server) awaitRequests(t testing.TB, n int) {
	t.Helper()
	s.await(t, fmt.Sprintf("%d requests", n), func() bool { _, got := s.count(); return got >= n })
}
