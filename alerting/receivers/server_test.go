package receivers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/status"
)

// call is a request that a server got.
type call struct {
	method, path, agent, kind, login string
	body                             []byte
}

// server answers every request the same way and keeps them.
type server struct {
	*httptest.Server
	mu    sync.Mutex // guards calls
	calls []call
}

func serve(t testing.TB, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		user, password, _ := r.BasicAuth()
		s.mu.Lock()
		s.calls = append(s.calls, call{r.Method, r.URL.Path, r.UserAgent(), r.Header.Get("Content-Type"), user + ":" + password, body})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// got returns the requests since it was asked last.
func (s *server) got() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func answering(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// fixed is when everything happens here: the notify packages compare with the clock, so it is past.
func fixed() time.Time { return time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC) }

func parse(t testing.TB, text string) []*yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0].Content
}

// mustBuild returns the receivers of this YAML list.
func mustBuild(t testing.TB, text string, alertmanagers ...string) []Receiver {
	t.Helper()
	o := Options{
		Alertmanagers: alertmanagers, Version: "1.2.3", Now: fixed,
		ExternalURL: &url.URL{Scheme: "http", Host: "nakama-1:9735", Path: "/"},
	}
	if text != "" {
		o.Receivers = parse(t, text)
	}
	all, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func firing(name, subject string) status.Alert {
	return status.Alert{
		Condition: status.Condition{Name: name, Subject: subject, Severity: status.SeverityCritical, Summary: subject + " is down: start it"},
		State:     status.AlertFiring, Since: fixed().Add(-time.Hour), Fired: fixed().Add(-time.Hour + 3*time.Minute),
		Labels:  map[string]string{"cluster": "eu", "host": "nakama-1", "role": "nakama"},
		Runbook: "https://example.org/runbooks/" + name,
	}
}

func resolved(a status.Alert) status.Alert {
	a.State, a.Resolved = status.AlertResolved, fixed().Add(-time.Minute)
	return a
}

func mustDeliver(t testing.TB, r Receiver, alerts ...status.Alert) {
	t.Helper()
	if retry, answer, err := r.Deliver(t.Context(), alerts); err != nil || answer != accepted {
		t.Fatalf("Deliver = %t, %q, %v", retry, answer, err)
	}
}

// within bounds an attempt as the outbox does.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// httpReceivers are those whose wire is spoken to here, each to the address of a server.
func httpReceivers() map[string]func(testing.TB, string) Receiver {
	direct := func(text string) func(testing.TB, string) Receiver {
		return func(t testing.TB, base string) Receiver {
			return mustBuild(t, strings.ReplaceAll(text, "URL", base))[0]
		}
	}
	return map[string]func(testing.TB, string) Receiver{
		"alertmanager": func(t testing.TB, base string) Receiver { return mustBuild(t, "", base)[0] },
		"pagerduty":    direct("[{name: a, pagerduty_configs: [{routing_key: R0UTING, url: 'URL/v2/enqueue'}]}]"),
		"slack":        direct("[{name: a, slack_configs: [{api_url: 'URL/services/T0KENT0KEN', channel: '#ops', send_resolved: true}]}]"),
		"webhook":      direct("[{name: a, webhook_configs: [{url: 'URL/H00KH00K'}]}]"),
		"opsgenie":     direct("[{name: a, opsgenie_configs: [{api_key: K3YK3Y, api_url: 'URL/'}]}]"),
		"victorops":    direct("[{name: a, victorops_configs: [{api_key: K3YK3Y, api_url: 'URL/', routing_key: ops}]}]"),
		"telegram":     direct("[{name: a, telegram_configs: [{bot_token: B0TT0KEN, chat_id: 1, api_url: 'URL'}]}]"),
		"discord":      direct("[{name: a, discord_configs: [{webhook_url: 'URL/D15CORD5'}]}]"),
	}
}

// Every receiver tells a temporary trouble from a refusal, whatever its notifier thinks, and shows no secret.
func TestTroubles(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		for chunk := strings.Repeat("x", 64<<10); ; {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		retry  bool
		says   string
		except string // these receivers are judged by their own package, or its body is in a format of its own
	}{
		{"500", answering(500, "sorry"), true, "500", "telegram"},
		{"503", answering(503, ""), true, "503", "telegram"},
		{"429", answering(429, "slow down"), true, "429", "telegram"},
		{"400", answering(400, "no such\nthing <b>R0UTING T0KENT0KEN H00KH00K K3YK3Y D15CORD5</b>"), false, "400", "telegram"},
		{"404", answering(404, "nobody here"), false, "404", "telegram"},
		{"the body", answering(403, "not \x00you"), false, "not  you", "telegram pagerduty"},
		{"endless", endless, true, "500", "telegram"},
		{"redirected for ever", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, true, "", "telegram alertmanager"},
		{"hang", hang, true, "context deadline exceeded", ""},
		{"hang up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, "", ""},
	} {
		for kind, build := range httpReceivers() {
			if strings.Contains(test.except, kind) {
				continue
			}
			t.Run(test.name+"/"+kind, func(t *testing.T) {
				s := serve(t, test.answer)
				r := build(t, s.URL)
				limit := 5 * time.Second
				if strings.HasPrefix(test.name, "hang") {
					limit = 200 * time.Millisecond
				}
				retry, answer, err := r.Deliver(within(t, limit), []status.Alert{firing("ServiceDown", "nakama.service")})
				if err == nil {
					t.Fatalf("accepted: %q", answer)
				}
				if retry != test.retry || !strings.Contains(answer, test.says) {
					t.Errorf("retry %t, want %t; answer %q, want %q in it; %v", retry, test.retry, answer, test.says, err)
				}
				checkShown(t, kind, answer, err)
			})
		}
	}
}

func checkShown(t testing.TB, kind, answer string, err error) {
	t.Helper()
	secrets := map[string]string{
		"pagerduty": "R0UTING", "slack": "T0KENT0KEN", "webhook": "H00KH00K", "opsgenie": "K3YK3Y", "victorops": "K3YK3Y",
		"telegram": "B0TT0KEN", "discord": "D15CORD5",
	}
	for _, shown := range []string{answer, err.Error()} {
		if secret, ok := secrets[kind]; ok && strings.Contains(shown, secret) {
			t.Errorf("the secret %s is shown: %s", secret, shown)
		}
		if len(shown) > longestAnswer+len("…") || strings.ContainsAny(shown, "\n\x00") {
			t.Errorf("not one short line: %q", shown)
		}
	}
}

// Nobody listens.
func TestRefusedConnection(t *testing.T) {
	s := serve(t, answering(200, ""))
	s.Close()
	for kind, build := range httpReceivers() {
		retry, answer, err := build(t, s.URL).Deliver(within(t, 5*time.Second), []status.Alert{firing("Drift", "")})
		if err == nil || !retry || !strings.Contains(answer, "connection refused") {
			t.Errorf("%s: retry %t, answer %q, %v", kind, retry, answer, err)
			continue
		}
		checkShown(t, kind, answer, err)
	}
}

// A secret that is not there yet is worth another attempt, and is read when it is.
func TestUnreadableSecret(t *testing.T) {
	s := serve(t, answering(202, `{"status":"success"}`))
	path := t.TempDir() + "/key"
	r := mustBuild(t, "[{name: a, pagerduty_configs: [{routing_key_file: "+path+", url: '"+s.URL+"'}]}]")[0]
	alert := firing("Drift", "")
	if retry, answer, err := r.Deliver(t.Context(), []status.Alert{alert}); err == nil || !retry || !strings.Contains(answer, path) {
		t.Errorf("retry %t, answer %q, %v", retry, answer, err)
	}
	write(t, path, "R0UTING\n")
	mustDeliver(t, r, alert)
	if got := s.got(); len(got) != 1 || !strings.Contains(string(got[0].body), `"routing_key":"R0UTING"`) {
		t.Errorf("sent %v", got)
	}
}

// An attempt whose context has ended is one to repeat, and says why.
func TestCancelled(t *testing.T) {
	s := serve(t, answering(200, ""))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the agent stops"))
	for kind, build := range httpReceivers() {
		if retry, _, err := build(t, s.URL).Deliver(ctx, []status.Alert{firing("Drift", "")}); err == nil || !retry {
			t.Errorf("%s: retry %t, %v", kind, retry, err)
		}
	}
}
