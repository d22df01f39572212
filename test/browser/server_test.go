package browser

import (
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/web"
	"github.com/nakama-warden/nakama-warden/status"
)

// site is the agent's own HTTP side on a port of loopback, showing a state that the test can change.
type site struct {
	address string // http://127.0.0.1:PORT
	end     func() // it does not answer any more

	mu    sync.Mutex // the server reads the state from goroutines of its own
	state state
}

// serve shows a state until the test ends.
func serve(t testing.TB, s state) *site {
	t.Helper()
	shown := &site{state: s}
	server := httptest.NewServer(web.Handler(web.Options{Host: func() status.Host { return shown.get().host }, Ready: func() bool { return true },
		Events: shown.events, History: shown.history, Now: now, Version: s.host.Version}))
	t.Cleanup(server.Close)
	shown.address, shown.end = server.URL, server.Close
	return shown
}

func (s *site) get() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// show makes another state of the site.
func (s *site) show(next state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = next
}

func (s *site) events(q status.EventQuery) ([]status.Event, error) {
	all := slices.DeleteFunc(slices.Clone(s.get().events), func(e status.Event) bool {
		return e.Sequence <= q.After || e.Time.Before(q.Since) || (len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Kind))
	})
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[len(all)-q.Limit:]
	}
	return all, nil
}

func (s *site) history(q status.HistoryQuery) (status.History, error) {
	if q.Until.IsZero() {
		q.Until = now()
	}
	if q.Since.IsZero() {
		q.Since = q.Until.Add(-day)
	}
	for _, step := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute} {
		if q.Step == 0 && q.Until.Sub(q.Since)/step <= 3000 {
			q.Step = step
		}
	}
	q.Since = q.Since.Truncate(q.Step)
	h := status.History{Start: q.Since, Step: q.Step, Units: []status.UnitHistory{}}
	state := s.get()
	for i, g := range state.games {
		if q.Unit != "" && q.Unit != g.unit {
			continue
		}
		u := g.history(q, fits(state.host, i))
		if state.name == "hostile" {
			u.Name = state.host.Sample.Units[i].Name
		}
		h.Units = append(h.Units, u)
	}
	return h, nil
}

func fits(h status.Host, unit int) uint64 {
	if h.Sample == nil || unit >= len(h.Sample.Units) || h.Sample.Units[unit].Capacity == nil || !h.Sample.Units[unit].Capacity.Known {
		return 0
	}
	return h.Sample.Units[unit].Capacity.Fits
}
