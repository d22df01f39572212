package application

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func instant() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// answer serves one text on one path.
func answer(path, text string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	return mux
}

func serve(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// serveTLS says nothing of the handshakes that its clients break off.
func serveTLS(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func client(t testing.TB, target Target) *Client {
	t.Helper()
	c, err := New(target, instant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func nakama(t testing.TB, page string) (status.Application, error) {
	t.Helper()
	return client(t, Target{Base: serve(t, answer("/metrics", page)).URL}).Nakama(t.Context())
}

func number(n *uint64) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}

func TestNakama(t *testing.T) {
	app, err := nakama(t, read(t, "nakama.txt"))
	if err != nil || app.Problem != "" {
		t.Fatal(err, app.Problem)
	}
	if number(app.Sessions) != "100" || number(app.Presences) != "300" || !app.Time.Equal(instant()) || app.Ready != nil {
		t.Errorf("%s sessions, %s presences at %s", number(app.Sessions), number(app.Presences), app.Time)
	}
	if !strings.HasPrefix(app.URL, "http://127.0.0.1:") || !strings.HasSuffix(app.URL, "/metrics") {
		t.Errorf("URL %s", app.URL)
	}
	want := map[string]float64{
		"nakama_socket_ws_opened": 100, heapInUse: 12845056, stackInUse: 3014656, nextGC: 17453914,
		"process_resident_memory_bytes": 67792896, "process_open_fds": 125, "process_max_fds": 20000,
		"go_memstats_mspan_inuse_bytes": 200320, "go_memstats_mcache_inuse_bytes": 4592,
		"go_memstats_buck_hash_sys_bytes": 1457713, "go_memstats_gc_sys_bytes": 3749104, "go_memstats_other_sys_bytes": 698975,
	}
	if !maps.Equal(app.Values, want) {
		t.Errorf("values %v\n  want %v", app.Values, want)
	}
}

func TestNakamaPages(t *testing.T) {
	const fresh = "nakama_overall_count 1\n"
	for _, test := range []struct {
		name, page, prefix  string
		sessions, presences string
		problem             string
	}{
		{name: "no session yet", page: fresh, sessions: "0", presences: "0"},
		{name: "own prefix", page: "my_game_sessions 5\nnakama_sessions 7\n", prefix: "my-game", sessions: "5", presences: "0"},
		{name: "no prefix", page: "overall_count 1\nsessions{node_name=\"a\"} 6\n", sessions: "6", presences: "0"},
		{name: "wrong prefix", page: "game_sessions 5\n" + nextGC + " 5\n", sessions: "unknown", presences: "unknown",
			problem: "no metric begins with nakama_"},
		{name: "not a number", page: "nakama_sessions NaN\n", sessions: "unknown", presences: "0", problem: "nakama_sessions cannot be NaN"},
		{name: "negative", page: "nakama_sessions -1\nnakama_sessions{a=\"b\"} 4\n", sessions: "unknown", presences: "0", problem: "cannot be -1"},
		{name: "absurd", page: "nakama_presences 1e300\n", sessions: "0", presences: "unknown", problem: "cannot be 1e+300"},
		{name: "infinite", page: fresh + nextGC + " +Inf\n", sessions: "0", presences: "0", problem: nextGC + " cannot be +Inf"},
		{name: "two lies", page: "nakama_sessions -1\n" + nextGC + " NaN\n", sessions: "unknown", presences: "0", problem: "cannot be NaN; nakama_sessions"},
		{name: "no newline at the end of another metric", page: "nakama_sessions 3\nnakama_x 1", sessions: "3", presences: "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, answer("/metrics", test.page))
			app, err := client(t, Target{Base: server.URL, Prefix: test.prefix}).Nakama(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if number(app.Sessions) != test.sessions || number(app.Presences) != test.presences {
				t.Errorf("%s sessions, %s presences; want %s, %s", number(app.Sessions), number(app.Presences), test.sessions, test.presences)
			}
			if (app.Problem == "") != (test.problem == "") || !strings.Contains(app.Problem, test.problem) {
				t.Errorf("problem %q, want %q", app.Problem, test.problem)
			}
			for name, value := range app.Values {
				if value != value || value < 0 || value > maxValue {
					t.Errorf("%s is %g", name, value)
				}
			}
		})
	}
}

// repeat is an endless page.
type repeat string

func (r repeat) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	text := strings.Repeat(string(r), 4096)
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

func TestNakamaRefusesPages(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.Handler
		problem string
	}{
		{"page of a browser", answer("/metrics", "<!DOCTYPE html>\n<html>"), `line 1 is no metric: "<!DOCTYPE html>"`},
		{"JSON", answer("/metrics", `{"a": 1}`), "is no metric"},
		{"bytes", answer("/metrics", "a 1\n\x00\x1b[31m\xff 1\n"), `line 2 is no metric: "\x00\x1b[31m\xff 1"`},
		{"empty", answer("/metrics", ""), "holds no metrics"},
		{"comments only", answer("/metrics", "# TYPE a gauge\n"), "holds no metrics"},
		{"value that is none", answer("/metrics", "nakama_sessions many\n"), "parsing error"},
		{"cut off", answer("/metrics", "nakama_sessions 5"), "unexpected end"},
		{"endless", repeat("a 1\n"), "larger than 8 MiB"},
		{"endless line", repeat("a"), "longer than 64 KiB"},
		{"endless series", repeat("nakama_sessions{a=\"b\"} 1\n"), "more than 256 KiB"},
		{"not found", answer("/other", ""), "answered 404"},
		{"redirect elsewhere", http.RedirectHandler("http://192.0.2.1/metrics", http.StatusFound), "answered 302"},
		{"redirect to TLS elsewhere", http.RedirectHandler("https://192.0.2.1/metrics", http.StatusTemporaryRedirect), "answered 307"},
		{"bad request", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }), "answered 400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, err := client(t, Target{Base: serve(t, test.handler).URL}).Nakama(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Fatalf("error %v, want %q", err, test.problem)
			}
			if app.Problem != err.Error() || app.Sessions != nil || app.Values != nil || app.URL == "" {
				t.Errorf("application %+v", app)
			}
		})
	}
}

// A large honest page is read, and little of it kept.
func TestLargePage(t *testing.T) {
	var page strings.Builder
	for page.Len() < 4<<20 {
		fmt.Fprintf(&page, "some_latency_bucket{store=\"1\",le=\"%d\"} 1\n", page.Len())
	}
	page.WriteString("nakama_sessions 12\n")
	app, err := nakama(t, page.String())
	if err != nil || number(app.Sessions) != "12" {
		t.Errorf("%s sessions, %v", number(app.Sessions), err)
	}
}

// hang answers nothing, or a part, and then nothing, until its client goes away.
func hang(part string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, part)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func TestSlowAnswers(t *testing.T) {
	for _, part := range []string{"", "nakama_sessions 5\n"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := client(t, Target{Base: serve(t, hang(part)).URL}).Nakama(t.Context())
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*deadline {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
		})
	}
}

func TestContextEndsTheQuestion(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	server := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	go func() {
		<-asked
		cancel()
	}()
	if _, err := client(t, Target{Base: server.URL}).Nakama(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDialElsewhere(t *testing.T) {
	server := serve(t, answer("/metrics", "nakama_sessions 5\n"))
	var asked string
	c := client(t, Target{Base: "http://10.9.9.9:9100", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		asked = address
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}})
	if app, err := c.Nakama(t.Context()); err != nil || number(app.Sessions) != "5" || asked != "10.9.9.9:9100" {
		t.Errorf("%s sessions, %v, dialled %s", number(app.Sessions), err, asked)
	}
}

// Whatever the environment says of proxies or the page of cookies, a request carries nothing but the question.
func TestNothingIsSent(t *testing.T) {
	var headers []http.Header
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers = append(headers, r.Header)
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		io.WriteString(w, "nakama_sessions 5\n")
	}))
	c := client(t, Target{Base: server.URL})
	for range 2 {
		if _, err := c.Nakama(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, header := range headers {
		for _, secret := range []string{"Authorization", "Cookie", "Referer"} {
			if header.Get(secret) != "" {
				t.Errorf("%s: %s", secret, header.Get(secret))
			}
		}
	}
}

func TestNew(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:9100", "ftp://127.0.0.1", "http://", "http://a/metrics", "http://a?b=c", "http://u:secret@a", "http://u:secret@a:b\x7f"} {
		_, err := New(Target{Base: base}, instant)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q): %v", base, err)
		}
	}
}
