package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func get(o Options, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	Handler(o).ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		method, target string
		code           int
		has            string
	}{
		{"GET", "/", 200, `<a href="/metrics">`},
		{"GET", "/metrics", 200, "nakama_warden_build_info{"},
		{"GET", "/api/v1/status", 200, `"hostname":"nakama-1"`},
		{"GET", "/api/v1/events", 200, `[]`},
		{"GET", "/api/v1/history", 200, `"units":`},
		{"HEAD", "/api/v1/history", 200, ""},
		{"POST", "/api/v1/history", 405, ""},
		{"GET", "/api/v1/history?sinse=24h", 400, `{"error":"bad query: unknown parameter \"sinse\"; want since, until, step or unit"}`},
		{"GET", "/-/healthy", 200, "healthy"},
		{"GET", "/-/ready", 200, "ready"},
		{"HEAD", "/metrics", 200, ""},
		{"POST", "/metrics", 405, ""},
		{"PUT", "/api/v1/status", 405, ""},
		{"DELETE", "/api/v1/events", 405, ""},
		{"POST", "/-/ready", 405, ""},
		{"GET", "/apply", 404, ""},
		{"GET", "/api/v1/status/", 404, ""},
		{"GET", "/api/v1/events?limit=x", 400, `{"error":"bad query: limit=\"x\"; want a number, 0 for all"}`},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			w := get(fixed(), test.method, test.target)
			if w.Code != test.code || !strings.Contains(w.Body.String(), test.has) {
				t.Errorf("got %d %q; want %d with %q", w.Code, w.Body, test.code, test.has)
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options":  "nosniff",
				"Content-Security-Policy": "default-src 'none'",
			} {
				if got := w.Header().Get(header); !strings.HasPrefix(got, want) {
					t.Errorf("%s: got %q; want %q", header, got, want)
				}
			}
		})
	}
}

func TestStatusIsTheSnapshot(t *testing.T) {
	var got status.Host
	if err := json.Unmarshal(get(fixed(), "GET", "/api/v1/status").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if want := fixed().Host(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func TestEvents(t *testing.T) {
	o := fixed()
	var asked status.EventQuery
	o.Events = func(q status.EventQuery) ([]status.Event, error) {
		asked = q
		return []status.Event{{Sequence: 8, Kind: status.KindDrift}}, nil
	}
	w := get(o, "GET", "/api/v1/events?after=7&kind=drift&kind=drift_fight&limit=3")
	want := status.EventQuery{After: 7, Kinds: []string{"drift", "drift_fight"}, Limit: 3}
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %+v; want %+v", asked, want)
	}
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"sequence":8`) {
		t.Errorf("got %d %q", w.Code, w.Body)
	}

	o.Events = func(status.EventQuery) ([]status.Event, error) {
		return nil, errors.New("open /var/lib/state.db: secret")
	}
	w = get(o, "GET", "/api/v1/events")
	if w.Code != 500 || strings.Contains(w.Body.String(), "state.db") || !strings.Contains(w.Body.String(), `{"error":`) {
		t.Errorf("got %d %q; want 500 and no path", w.Code, w.Body)
	}
}

func TestNotReadySaysWhy(t *testing.T) {
	o := fixed()
	o.Ready = func() bool { return false }
	host := o.Host()
	host.Firewall.State, host.Firewall.Problem = "failed", "needs CAP_NET_ADMIN"
	o.Host = func() status.Host { return host }
	w := get(o, "GET", "/-/ready")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "(failed: needs CAP_NET_ADMIN)") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestIndexEscapes(t *testing.T) {
	o := fixed()
	o.Host = func() status.Host { return status.Host{Hostname: "<script>"} }
	if body := get(o, "GET", "/").Body.String(); strings.Contains(body, "<script>") {
		t.Error(body)
	}
}

func TestParseEventQuery(t *testing.T) {
	now := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		raw  string
		want status.EventQuery
		bad  bool
	}{
		{raw: "", want: status.EventQuery{Limit: manyEvents}},
		{raw: "after=18446744073709551615", want: status.EventQuery{After: 1<<64 - 1, Limit: manyEvents}},
		{raw: "since=2h&limit=1", want: status.EventQuery{Since: now.Add(-2 * time.Hour), Limit: 1}},
		{raw: "since=2029-01-02T03:04:05Z&limit=1", want: status.EventQuery{Since: time.Date(2029, 1, 2, 3, 4, 5, 0, time.UTC), Limit: 1}},
		{raw: "since=yesterday", bad: true},
		{raw: "since=1h&since=2h", bad: true},
		{raw: "kind=drift&limit=0", want: status.EventQuery{Kinds: []string{"drift"}}},
		{raw: "after=-1", bad: true},
		{raw: "after=", bad: true},
		{raw: "after=1&after=2", bad: true},
		{raw: "limit=-1", bad: true},
		{raw: "limit=99999999999999999999", bad: true},
		{raw: "kinds=drift", bad: true},
		{raw: "after=%zz", bad: true},
		{raw: "a;b", bad: true},
	} {
		got, err := parseEventQuery(test.raw, now)
		if (err != nil) != test.bad || !test.bad && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %+v, %v; want %+v, bad %v", test.raw, got, err, test.want, test.bad)
		}
	}
}

func FuzzParseEventQuery(f *testing.F) {
	f.Add("after=7&kind=drift&limit=3&since=2h")
	f.Add("kind=%1b[31m&limit=-1")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := parseEventQuery(raw, time.Unix(0, 0))
		if err == nil && query.Limit < 0 {
			t.Errorf("%q: limit %d", raw, query.Limit)
		}
	})
}
