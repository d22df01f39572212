package web

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/web/page"
	"github.com/nakama-warden/nakama-warden/status"
)

func TestWhatAPageIsMadeOf(t *testing.T) {
	for target, kind := range map[string]string{"/": "text/html; charset=utf-8", "/static/page.css": "text/css; charset=utf-8",
		"/static/page.js": "text/javascript; charset=utf-8", "/static/icon.svg": "image/svg+xml"} {
		w := get(fixed(), "GET", target)
		if got := w.Header().Get("Content-Type"); w.Code != 200 || got != kind {
			t.Errorf("%s: got %d %q; want 200 %q", target, w.Code, got, kind)
		}
		const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
		if got := w.Header().Get("Content-Security-Policy"); got != policy {
			t.Errorf("%s: the policy is %q; want %q", target, got, policy)
		}
		if got := w.Header().Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s: the referrer policy is %q", target, got)
		}
	}
	for _, target := range []string{"/static/", "/static/page.go", "/static/..%2fpage.go"} {
		if w := get(fixed(), "GET", target); w.Code != 404 {
			t.Errorf("%s: got %d; want 404", target, w.Code)
		}
	}
}

// What cannot be read is named, without its error, and the rest is shown.
func TestPageOfAStoreThatCannotBeRead(t *testing.T) {
	o := fixed()
	o.History = func(status.HistoryQuery) (status.History, error) {
		return status.History{}, errors.New("secret/state.db")
	}
	o.Events = func(status.EventQuery) ([]status.Event, error) { return nil, errors.New("secret/state.db") }
	w := get(o, "GET", "/")
	for _, want := range []string{"nakama-1", "The last 24 hours cannot be read", "The last 30 days cannot be read", "What happened cannot be read"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if w.Code != 200 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// A page that is looked at all night reads the month now and then, and the rest each time.
func TestTheMonthIsKept(t *testing.T) {
	o, now, read := fixed(), time.Unix(1e9, 0), map[time.Duration]int{}
	o.Now = func() time.Time { return now }
	o.History = func(q status.HistoryQuery) (status.History, error) {
		if want := map[time.Duration]time.Duration{page.DayStep: 24 * time.Hour, page.MonthStep: 30 * 24 * time.Hour}[q.Step]; now.Sub(q.Since) != want {
			t.Errorf("steps of %v since %v; want since %v ago", q.Step, q.Since, want)
		}
		read[q.Step]++
		return status.History{}, nil
	}
	handler := Handler(o)
	for _, step := range []time.Duration{0, time.Second, monthKept, time.Second, -time.Hour} {
		now = now.Add(step)
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if read[page.DayStep] != 5 || read[page.MonthStep] != 3 {
		t.Errorf("read %v; want the day 5 times and the month 3", read)
	}
}

func TestThePageAsksForOneUnit(t *testing.T) {
	o := fixed()
	host := o.Host()
	sample := status.Sample{}
	for i := range 5 {
		sample.Units = append(sample.Units, status.Unit{Name: fmt.Sprintf("nakama-%d", i), Capacity: &status.Capacity{}})
	}
	host.Sample = &sample
	o.Host = func() status.Host { return host }
	for query, want := range map[string]string{"": "nakama-0", "?unit=nakama-4": "nakama-4", "?unit=nobody": "nakama-0", "?unit=%22%3E%3Cscript": "nakama-0"} {
		body := get(o, "GET", "/"+query).Body.String()
		_, after, _ := strings.Cut(body, `<h3 id="unit-0">`)
		if !strings.HasPrefix(after, want) {
			t.Errorf("%q: the first is not %s: %.60s", query, want, after)
		}
	}
}

// refusing is a host with so many refused sources.
func refusing(sources int) Options {
	o := fixed()
	host := o.Host()
	for i := range 50 {
		s := status.Service{Name: fmt.Sprintf("service-%d", i), Mode: "enforce", RefusedSources: sources / 50, Traffic: map[string]status.Count{"refused": {Packets: 5}}}
		for j := range sources / 50 {
			s.Refused = append(s.Refused, status.RefusedSource{Source: fmt.Sprintf("10.%d.%d.%d", i, j/250, j%250), Verdict: "refused"})
		}
		host.Services = append(host.Services, s)
	}
	o.Host = func() status.Host { return host }
	return o
}

// How many were refused changes no number of series.
func TestSeriesAreBounded(t *testing.T) {
	few, many := get(refusing(50), "GET", "/metrics").Body.String(), get(refusing(10_000), "GET", "/metrics").Body.String()
	if a, b := strings.Count(own(few), "\n"), strings.Count(own(many), "\n"); a != b {
		t.Errorf("%d lines of 50 sources, %d of 10,000; want the same", a, b)
	}
}

func BenchmarkMetrics(b *testing.B) {
	handler := Handler(refusing(10_000))
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		_, _ = io.Copy(io.Discard, w.Body)
	}
}
