package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

// nakamaAt is a Nakama that tells its metrics at an address.
func nakamaAt(pid int, address netip.AddrPort) *unit {
	return &unit{Found: discovery.Found{Role: discovery.RoleNakama, Unit: "nakama", PID: pid, Own: true,
		Listens: []uint16{address.Port()}, Addr: []netip.AddrPort{address}, MetricsPort: address.Port()}}
}

func at(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv6Unspecified(), port) }

func TestTargetOf(t *testing.T) {
	database := discovery.Found{Role: discovery.RoleCockroachDB, Own: true, Addr: []netip.AddrPort{at(8080), at(26257)}}
	silent := nakamaAt(1, at(9100)).Found
	silent.MetricsPort = 0
	contained := nakamaAt(1, at(9100)).Found
	contained.Own = false
	elsewhere := nakamaAt(1, netip.MustParseAddrPort("10.0.0.5:9100")).Found
	tests := []struct {
		name  string
		found discovery.Found
		want  string // "" is none
	}{
		{"a Nakama", nakamaAt(1, at(9100)).Found, "[::1]:9100"},
		{"a Nakama on one address", elsewhere, "10.0.0.5:9100"},
		{"a Nakama without metrics", silent, ""},
		{"in a container", contained, ""},
		{"a database", database, "[::1]:8080"},
		{"a database without HTTP", discovery.Found{Role: discovery.RoleCockroachDB, Own: true}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := targetOf(test.found)
			if ok != (test.want != "") || ok && got.address.String() != test.want {
				t.Errorf("%v, %v; want %q", got, ok, test.want)
			}
		})
	}
}

// TestHangingApplication: one that never answers keeps nobody else's answer away, and becomes a problem of its own.
func TestHangingApplication(t *testing.T) {
	hangs, answers := nakamaAt(1, at(9100)), nakamaAt(2, at(9200))
	s := newScrapes(time.Now)
	answered, release := make(chan struct{}), make(chan struct{})
	s.ask = func(_ context.Context, asked target) (status.Application, error) {
		if asked.pid == answers.PID {
			defer close(answered)
			return status.Application{Time: time.Now()}, nil
		}
		<-release
		return status.Application{URL: "u"}, context.DeadlineExceeded
	}
	s.want([]*unit{hangs, answers})
	var round sync.WaitGroup
	round.Go(func() { s.round(t.Context()) })
	<-answered
	awaitTrue(t, func() bool { _, known := s.of(answers.Found); return known })
	if a, known := s.of(hangs.Found); known {
		t.Errorf("of the one that hangs %+v is known", a)
	}
	close(release)
	round.Wait()
	if a, _ := s.of(hangs.Found); a.Problem == "" || a.URL != "u" {
		t.Errorf("of the one that hangs %+v; want a problem and its address", a)
	}
}

// TestAnswerEndsInTime: the deadline is real, against a server that accepts and says nothing.
func TestAnswerEndsInTime(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	u := nakamaAt(1, silent.Addr().(*net.TCPAddr).AddrPort())
	s := newScrapes(time.Now)
	s.want([]*unit{u})
	began := time.Now()
	s.round(t.Context())
	if took := time.Since(began); took > 2*scrapeWithin {
		t.Errorf("it took %s; want about %s", took, scrapeWithin)
	}
	a, _ := s.of(u.Found)
	if a.Problem == "" {
		t.Error("a server that says nothing is no problem")
	}
	if text, err := json.Marshal(a); err != nil || strings.Contains(string(text), `"time"`) {
		t.Errorf("%s, %v; want no time of an answer that never came", text, err)
	}
}

// TestStaleAnswers: what was said last stands for a minute of failures, with the problem; then only the problem does.
func TestStaleAnswers(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	u, sessions := nakamaAt(1, at(9100)), uint64(7)
	s := newScrapes(func() time.Time { return now })
	s.want([]*unit{u})
	var fails error
	s.ask = func(context.Context, target) (status.Application, error) {
		if fails != nil {
			return status.Application{URL: "u", Problem: fails.Error()}, fails
		}
		return status.Application{URL: "u", Time: now, Sessions: &sessions}, nil
	}
	steps := []struct {
		name     string
		after    time.Duration
		fails    error
		sessions bool
	}{
		{"answered", 0, nil, true},
		{"fails at once", 15 * time.Second, errors.New("refused"), true},
		{"fails for a minute", 45 * time.Second, errors.New("refused"), true},
		{"fails for longer", time.Second, errors.New("refused"), false},
		{"answers again", 15 * time.Second, nil, true},
	}
	for _, step := range steps {
		now, fails = now.Add(step.after), step.fails
		s.round(t.Context())
		a, known := s.of(u.Found)
		if !known || (a.Sessions != nil) != step.sessions || (a.Problem != "") != (step.fails != nil) || a.URL != "u" {
			t.Errorf("%s: %v, %+v", step.name, known, a)
		}
	}
}

// TestAnswerIsTheProcesss: a successor at the same address is not taken for whom it succeeds, nor one that went for one
// that is there.
func TestAnswerIsTheProcesss(t *testing.T) {
	before, after := nakamaAt(1, at(9100)), nakamaAt(2, at(9100))
	s := newScrapes(time.Now)
	s.ask = func(_ context.Context, asked target) (status.Application, error) {
		if asked.pid == before.PID {
			s.want([]*unit{after}) // the process ends while it is asked
		}
		return status.Application{URL: fmt.Sprint(asked.pid), Time: time.Now()}, nil
	}
	s.want([]*unit{before})
	s.round(t.Context())
	for _, u := range []*unit{before, after} {
		if a, known := s.of(u.Found); known {
			t.Errorf("of process %d is known %+v", u.PID, a)
		}
	}
	s.round(t.Context())
	if a, _ := s.of(after.Found); a.URL != "2" {
		t.Errorf("of the successor %+v", a)
	}
	silent := nakamaAt(2, at(9100))
	silent.MetricsPort = 0
	if s.want([]*unit{silent}); len(s.answers) != 0 {
		t.Errorf("of those that cannot be asked any more, %v", s.answers)
	}
	if a, known := s.of(silent.Found); known {
		t.Errorf("of one without metrics %+v", a)
	}
}

// TestLies: an application is material to judge. What cannot be is named, what can be is taken.
func TestLies(t *testing.T) {
	pages := []struct {
		name, page string
		sessions   bool
		problem    string
	}{
		{"good", "nakama_sessions 12\nnakama_presences 3\n", true, ""},
		{"one lie", "nakama_sessions 12\nnakama_presences -3\n", true, "nakama_presences"},
		{"no text", "\x00\xff\xfe{{{", false, "is no metric"},
		{"another's", "node_load1 4\n", false, "no metric begins with"},
		{"huge", "# " + strings.Repeat("x", 64<<20), false, "x"},
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, p.page) }))
			defer server.Close()
			u := nakamaAt(1, server.Listener.Addr().(*net.TCPAddr).AddrPort())
			s := newScrapes(time.Now)
			s.want([]*unit{u})
			s.round(t.Context())
			a, known := s.of(u.Found)
			if !known || (a.Sessions != nil) != p.sessions {
				t.Errorf("%v, %+v", known, a)
			}
			if p.problem == "" && a.Problem != "" || p.problem == "x" && a.Problem == "" || p.problem != "x" && !strings.Contains(a.Problem, p.problem) {
				t.Errorf("the problem is %q; want %q in it", a.Problem, p.problem)
			}
		})
	}
}
