package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestHistory(t *testing.T) {
	o, n := fixed(), uint64(170)
	var asked status.HistoryQuery
	want := status.History{Start: noon(), Step: 10 * time.Second, Units: []status.UnitHistory{{Name: "nakama.service", Role: "nakama",
		Connections: []*uint64{&n, nil}, Memory: []*uint64{nil, nil}, Limit: []*uint64{nil, nil}, Fits: []*uint64{nil, &n}}}}
	o.Now = noon
	o.History = func(q status.HistoryQuery) (status.History, error) { asked = q; return want, nil }
	w := get(o, "GET", "/api/v1/history?since=24h&step=10s&unit=nakama.service")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d, %s", w.Code, w.Header())
	}
	if q := (status.HistoryQuery{Since: noon().Add(-24 * time.Hour), Step: 10 * time.Second, Unit: "nakama.service"}); asked != q {
		t.Errorf("asked for %+v; want %+v", asked, q)
	}
	var got status.History
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s, %v", w.Body, err)
	}
	o.History = func(status.HistoryQuery) (status.History, error) {
		return status.History{}, errors.New("the step is 1s; want a multiple of 10s")
	}
	w = get(o, "GET", "/api/v1/history?step=1s")
	if want := `{"error":"bad query: the step is 1s; want a multiple of 10s"}`; w.Code != 400 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// One answer at a time, and whoever has gone while they waited gets none.
func TestHistoriesTakeTurns(t *testing.T) {
	o := fixed()
	begun, end := make(chan struct{}), make(chan struct{})
	o.History = func(status.HistoryQuery) (status.History, error) {
		begun <- struct{}{}
		<-end
		return status.History{}, nil
	}
	h := Handler(o)
	answered := make(chan int)
	ask := func(ctx context.Context) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/history", nil).WithContext(ctx))
		answered <- w.Body.Len()
	}
	go ask(t.Context())
	<-begun
	gone, leave := context.WithCancel(t.Context())
	go ask(gone)
	leave()
	if size := <-answered; size != 0 {
		t.Errorf("who has gone gets %d bytes", size)
	}
	go ask(t.Context())
	close(end)
	<-begun // only now
	for range 2 {
		if size := <-answered; size == 0 {
			t.Error("no answer")
		}
	}
}

func TestParseHistoryQuery(t *testing.T) {
	at := time.Date(2026, 2, 27, 8, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		raw  string
		want status.HistoryQuery
		bad  string
	}{
		{raw: ""},
		{raw: "since=24h", want: status.HistoryQuery{Since: noon().Add(-24 * time.Hour)}},
		{raw: "since=30d&until=1d12h", want: status.HistoryQuery{Since: noon().AddDate(0, 0, -30), Until: noon().Add(-36 * time.Hour)}},
		{raw: "since=2026-02-27T08:30:00Z&until=0s", want: status.HistoryQuery{Since: at, Until: noon()}},
		{raw: "step=5m&unit=a%2Fb", want: status.HistoryQuery{Step: 5 * time.Minute, Unit: "a/b"}},
		{raw: "since=", bad: "is no time"},
		{raw: "since=-24h", bad: "is no time"},
		{raw: "since=1772366400", bad: "is no time"},
		{raw: "until=2026-02-27", bad: "is no time"},
		{raw: "since=99999999999999y", bad: "is no time"},
		{raw: "step=", bad: "want one like 10s"},
		{raw: "step=0", bad: "want one like 10s"},
		{raw: "step=10", bad: "want one like 10s"},
		{raw: "step=-10s", bad: "want one like 10s"},
		{raw: "unit=", bad: "want a name"},
		{raw: "unit=a&unit=b", bad: "given 2 times"},
		{raw: "since=1h&since=2h", bad: "given 2 times"},
		{raw: "from=1h", bad: "unknown parameter"},
		{raw: "since=%zz", bad: "bad query"},
	} {
		got, err := parseHistoryQuery(test.raw, noon())
		switch {
		case test.bad == "" && (err != nil || got != test.want):
			t.Errorf("%q: %+v, %v; want %+v", test.raw, got, err, test.want)
		case test.bad != "" && (err == nil || !strings.Contains(err.Error(), test.bad)):
			t.Errorf("%q: %+v, %v; want %q", test.raw, got, err, test.bad)
		}
	}
}

func FuzzParseHistoryQuery(f *testing.F) {
	f.Add("since=24h&until=2026-02-27T08:30:00Z&step=5m&unit=nakama.service")
	f.Add("since=1y2w3d&step=1ms")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := parseHistoryQuery(raw, noon())
		if err == nil && query.Step < 0 {
			t.Errorf("%q: step %s", raw, query.Step)
		}
	})
}
