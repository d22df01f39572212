package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/status"
)

// recorder is a Backend whose answers are recognisable. A failing one answers every verb with its error.
type recorder struct {
	failure error
	peers   chan control.Credentials // who asked for the status, if not nil
	events  chan status.Event        // what Follow tells
	ended   chan struct{}            // closed when Follow returns
}

func (r *recorder) Status(ctx context.Context) (status.Host, error) {
	if r.peers != nil {
		peer, _ := control.Peer(ctx)
		r.peers <- peer
	}
	return status.Host{Hostname: "nakama-1"}, r.failure
}

func (r *recorder) Plan(context.Context, status.PlanRequest) (status.Plan, error) {
	return status.Plan{Changes: []string{"+ add table"}}, r.failure
}

func (r *recorder) Apply(context.Context, status.ApplyRequest) (status.Applied, error) {
	return status.Applied{Enforced: true, Summary: "applied"}, r.failure
}

func (r *recorder) Remove(context.Context, status.RemoveRequest) (status.Applied, error) {
	return status.Applied{Summary: "removed"}, r.failure
}

func (r *recorder) Confirm(context.Context) (status.Applied, error) {
	return status.Applied{Summary: "confirmed"}, r.failure
}

func (r *recorder) Pause(_ context.Context, p status.PauseRequest) (status.Applied, error) {
	return status.Applied{Summary: "paused " + p.For.String() + p.Why}, r.failure
}

func (r *recorder) Revoke(_ context.Context, q status.RevokeRequest) (status.Applied, error) {
	return status.Applied{Summary: "revoked " + q.Prefix.String()}, r.failure
}

func (r *recorder) Forecast(_ context.Context, q status.ForecastRequest) (status.Forecast, error) {
	return status.Forecast{Connections: q.Connections, Reason: q.Unit}, r.failure
}

func (r *recorder) Silence(_ context.Context, q status.SilenceRequest) (status.Silenced, error) {
	return status.Silenced{Summary: "silenced " + q.Condition + q.For.String() + q.Why + q.End}, r.failure
}

func (r *recorder) Maintenance(_ context.Context, q status.MaintenanceRequest) (status.Silenced, error) {
	return status.Silenced{Summary: "maintenance " + q.For.String() + q.Why}, r.failure
}

func (r *recorder) TestAlert(context.Context) ([]status.ReceiverTest, error) {
	return []status.ReceiverTest{{Receiver: "webhook/a/0", OK: true}}, r.failure
}

func (r *recorder) Reload(context.Context) error { return r.failure }

func (r *recorder) Explain(_ context.Context, source netip.Addr, port uint16) (status.Explanation, error) {
	return status.Explanation{Source: source.String(), Port: port}, r.failure
}

func (r *recorder) Events(_ context.Context, q status.EventQuery) ([]status.Event, error) {
	return []status.Event{{Sequence: q.After + uint64(q.Limit), Kind: strings.Join(q.Kinds, "+")}}, r.failure
}

func (r *recorder) AcceptShrink(_ context.Context, group string) (status.Applied, error) {
	return status.Applied{Summary: "shrunk " + group}, r.failure
}

func (r *recorder) Follow(ctx context.Context, after uint64, each func(status.Event) error) error {
	if r.ended != nil {
		defer close(r.ended)
	}
	if r.failure != nil {
		return r.failure
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-r.events:
			e.Sequence += after
			if err := each(e); err != nil {
				return err
			}
		}
	}
}

// serve runs b on a socket of its own and returns its path and how to end it.
func serve(t testing.TB, b control.Backend) (path string, end func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "control.sock")
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- control.Serve(ctx, l, b) }()
	done := false
	end = func() {
		if done {
			return
		}
		done = true
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(end)
	return path, end
}

func dial(t testing.TB, path string) *control.Client {
	t.Helper()
	c, err := control.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask asks every verb but Follow, in the order of the interface.
func ask(ctx context.Context, b control.Backend) (answers []any, errs []error) {
	note := func(answer any, err error) {
		answers, errs = append(answers, answer), append(errs, err)
	}
	host, err := b.Status(ctx)
	note(host, err)
	plan, err := b.Plan(ctx, status.PlanRequest{})
	note(plan, err)
	applied, err := b.Apply(ctx, status.ApplyRequest{})
	note(applied, err)
	removed, err := b.Remove(ctx, status.RemoveRequest{})
	note(removed, err)
	confirmed, err := b.Confirm(ctx)
	note(confirmed, err)
	paused, err := b.Pause(ctx, status.PauseRequest{For: time.Hour, Why: "an outage"})
	note(paused, err)
	revoked, err := b.Revoke(ctx, status.RevokeRequest{Prefix: netip.MustParsePrefix("10.0.0.9/32"), Undo: true})
	note(revoked, err)
	forecast, err := b.Forecast(ctx, status.ForecastRequest{Connections: 12000, Unit: "nakama.service"})
	note(forecast, err)
	silenced, err := b.Silence(ctx, status.SilenceRequest{Condition: "Drift", For: time.Hour, Why: "a test", End: "s1"})
	note(silenced, err)
	maintained, err := b.Maintenance(ctx, status.MaintenanceRequest{For: time.Minute, Why: "an upgrade"})
	note(maintained, err)
	tests, err := b.TestAlert(ctx)
	note(tests, err)
	note(nil, b.Reload(ctx))
	explanation, err := b.Explain(ctx, netip.MustParseAddr("fd00:9::4"), 7351)
	note(explanation, err)
	events, err := b.Events(ctx, status.EventQuery{After: 40, Kinds: []string{status.KindDrift, "x"}, Limit: 2})
	note(events, err)
	shrunk, err := b.AcceptShrink(ctx, "nakama")
	note(shrunk, err)
	return answers, errs
}

func TestClientIsTheBackend(t *testing.T) {
	b := &recorder{}
	path, _ := serve(t, b)
	want, _ := ask(t.Context(), b)
	got, errs := ask(t.Context(), dial(t, path))
	for i := range want {
		if errs[i] != nil || !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("verb %d: got %+v, %v; want %+v", i, got[i], errs[i], want[i])
		}
	}
}

func TestErrorsKeepTheirText(t *testing.T) {
	const text = "apply ruleset: set admins4: no buffer space available"
	path, _ := serve(t, &recorder{failure: errors.New(text)})
	c := dial(t, path)
	_, errs := ask(t.Context(), c)
	errs = append(errs, c.Follow(t.Context(), 0, func(status.Event) error { return nil }))
	for i, err := range errs {
		if err == nil || err.Error() != text {
			t.Errorf("verb %d: got %v; want %q", i, err, text)
		}
	}
}

func TestPeerIsKnown(t *testing.T) {
	b := &recorder{peers: make(chan control.Credentials, 1)}
	path, _ := serve(t, b)
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := control.Credentials{PID: os.Getpid(), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	if got := <-b.peers; got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
	if _, known := control.Peer(t.Context()); known {
		t.Error("a context without a peer has one")
	}
}

func TestBadRequests(t *testing.T) {
	path, _ := serve(t, &recorder{})
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	for _, test := range []struct {
		name, method, verb, body string
		code                     int
	}{
		{"good", "POST", "plan", `{}`, 200},
		{"GET changes nothing", "GET", "apply", ``, 405},
		{"unknown verb", "POST", "reboot", `{}`, 404},
		{"no body", "POST", "plan", ``, 400},
		{"no JSON", "POST", "explain", `source=1`, 400},
		{"unknown argument", "POST", "apply", `{"dry_run":true}`, 400},
		{"bad address", "POST", "explain", `{"source":"nowhere","port":1}`, 400},
		{"bad port", "POST", "explain", `{"source":"10.0.0.1","port":65536}`, 400},
		{"bad follow", "POST", "follow", `{"after":-1}`, 400},
		{"too large", "POST", "accept-shrink", `{"group":"` + strings.Repeat("x", 1<<20) + `"}`, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), test.method, "http://x/v1/"+test.verb, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			if answer.StatusCode != test.code {
				t.Errorf("got %d; want %d", answer.StatusCode, test.code)
			}
			var body struct{ Error string }
			if test.code == 400 && (json.NewDecoder(answer.Body).Decode(&body) != nil || body.Error == "") {
				t.Error("the answer does not say what is wrong")
			}
		})
	}
}

// An older daemon is asked for a verb it has not learnt yet.
func TestUnknownVerbSaysHow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	_, err = dial(t, path).Plan(t.Context(), status.PlanRequest{})
	if err == nil || !strings.Contains(err.Error(), "restart it after an upgrade") {
		t.Errorf("got %v", err)
	}
}

// A daemon that is killed while it is asked is no daemon: the caller acts as if it had not been there.
func TestADaemonThatEndsBeforeItAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	defer func() { _ = listener.Close(); <-ended }()
	client, err := control.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Pause(t.Context(), status.PauseRequest{}); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("%v; want %v", err, control.ErrNoDaemon)
	}
}
