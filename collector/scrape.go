package collector

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/application"
	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// scrapeEvery is how often applications are asked: as often as a Prometheus would.
	scrapeEvery = 15 * time.Second
	// scrapeWithin bounds one answer.
	scrapeWithin = 3 * time.Second
	// staleAfter is how old an answer may be and still be shown.
	staleAfter = time.Minute
)

// scrapes asks applications for their metrics, beside the tick: they may be slow.
type scrapes struct {
	now func() time.Time
	ask func(context.Context, target) (status.Application, error)

	mu      sync.Mutex // guards what follows
	targets []target
	answers map[target]status.Application // of targets only
}

// target is an application that can be asked. A successor of the process is another one: an answer is that of whom was
// asked.
type target struct {
	role       string
	pid        int
	startTicks uint64
	address    netip.AddrPort
}

func newScrapes(now func() time.Time) *scrapes {
	return &scrapes{now: now, ask: ask, answers: map[target]status.Application{}}
}

// want names the units to ask from now on.
func (s *scrapes) want(units []*unit) {
	var targets []target
	for _, u := range units {
		if t, ok := targetOf(u.Found); ok {
			targets = append(targets, t)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets = targets
	maps.DeleteFunc(s.answers, func(t target, _ status.Application) bool { return !slices.Contains(targets, t) })
}

// cockroachHTTP is CockroachDB's default port for metrics and health.
const cockroachHTTP = 8080

// targetOf is where an application tells its metrics, if that can be reached from here.
func targetOf(f discovery.Found) (target, bool) {
	port := f.MetricsPort
	if f.Role == discovery.RoleCockroachDB {
		port = cockroachHTTP
	}
	address, reachable := f.Reach(port)
	if port == 0 || !reachable || !f.Own {
		return target{}, false
	}
	return target{role: f.Role, pid: f.PID, startTicks: f.StartTicks, address: address}, true
}

// of is what a process said last.
func (s *scrapes) of(f discovery.Found) (status.Application, bool) {
	t, _ := targetOf(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	a, known := s.answers[t]
	return a, known
}

// run asks until ctx ends.
func (s *scrapes) run(ctx context.Context) {
	ticker := time.NewTicker(scrapeEvery)
	defer ticker.Stop()
	first := time.NewTimer(2 * tick) // after the first search
	defer first.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-first.C:
		case <-ticker.C:
		}
		s.round(ctx)
	}
}

// round asks everybody at once: one that hangs holds up nobody else.
func (s *scrapes) round(ctx context.Context) {
	s.mu.Lock()
	targets := s.targets
	s.mu.Unlock()
	var asking sync.WaitGroup
	for _, t := range targets {
		asking.Go(func() { s.answer(ctx, t) })
	}
	asking.Wait()
}

// answer keeps what an application said; a failure keeps the answer before it for a while, with the problem.
func (s *scrapes) answer(ctx context.Context, t target) {
	ctx, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	a, err := s.ask(ctx, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.targets, t) {
		return // it ended meanwhile
	}
	if err != nil {
		last := s.answers[t]
		if s.now().Sub(last.Time) > staleAfter {
			last = status.Application{URL: a.URL, Time: last.Time}
		}
		last.Problem = err.Error()
		a = last
	}
	s.answers[t] = a
}

func ask(ctx context.Context, t target) (status.Application, error) {
	base := "http://" + net.JoinHostPort(t.address.Addr().String(), strconv.Itoa(int(t.address.Port())))
	client, err := application.New(application.Target{Base: base}, time.Now)
	if err != nil {
		return status.Application{}, err
	}
	switch t.role {
	case discovery.RoleNakama:
		return client.Nakama(ctx)
	case discovery.RoleCockroachDB:
		return client.Cockroach(ctx)
	}
	return status.Application{}, fmt.Errorf("no metrics are known of %s", t.role)
}
