package application

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// node serves as CockroachDB does: its readiness, and its metrics where page is not empty.
func node(page string, ready int) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("ready") == "1" {
			w.WriteHeader(ready)
		}
	})
	mux.HandleFunc("/_status/vars", func(w http.ResponseWriter, _ *http.Request) {
		if page == "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		io.WriteString(w, page)
	})
	return mux
}

func TestCockroach(t *testing.T) {
	app, err := client(t, Target{Base: serve(t, node(read(t, "cockroach.txt"), http.StatusOK)).URL}).Cockroach(t.Context())
	if err != nil || app.Problem != "" {
		t.Fatal(err, app.Problem)
	}
	if app.Ready == nil || !*app.Ready || app.Sessions != nil {
		t.Errorf("application %+v", app)
	}
	want := map[string]float64{
		"sys_uptime": 5400, "sys_rss": 740294656, "sys_fd_open": 180, "sys_fd_softlimit": 1048576, "liveness_livenodes": 3,
		"ranges_unavailable": 2, "ranges_underreplicated": 5, "capacity": 4e11, "capacity_available": 1.5e11, "sql_conns": 42,
		"storage_write_stalls": 7, "clock_offset_meannanos": -1.25e6,
		"security_certificate_expiration_ca": 2.1e9, "security_certificate_expiration_node": 1.8e9,
	}
	if !maps.Equal(app.Values, want) {
		t.Errorf("values %v\n  want %v", app.Values, want)
	}
}

func TestCockroachStates(t *testing.T) {
	const page = "sys_uptime 5\n"
	for _, test := range []struct {
		name    string
		handler http.Handler
		ready   string
		values  int
		problem string
		failed  bool
	}{
		{name: "draining", handler: node(page, http.StatusServiceUnavailable), ready: "false", values: 1},
		{name: "no metrics", handler: node("", http.StatusOK), ready: "true", problem: "read CockroachDB's metrics: GET"},
		{name: "no readiness", handler: node(page, http.StatusTeapot), ready: "unknown", values: 1, problem: "answered 418"},
		{name: "lies", handler: node("sys_rss -5\nclock_offset_meannanos NaN\n", http.StatusOK), ready: "true", problem: "clock_offset_meannanos cannot be NaN; sys_rss cannot be -5"},
		{name: "another program", handler: node("go_threads 5\n", http.StatusOK), ready: "true", problem: "no metric of CockroachDB's"},
		{name: "neither", handler: http.NotFoundHandler(), ready: "unknown", problem: "answered 404", failed: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, err := client(t, Target{Base: serve(t, test.handler).URL}).Cockroach(t.Context())
			ready := "unknown"
			if app.Ready != nil {
				ready = map[bool]string{true: "true", false: "false"}[*app.Ready]
			}
			if ready != test.ready || len(app.Values) != test.values || (err != nil) != test.failed {
				t.Errorf("ready %s, values %v, error %v", ready, app.Values, err)
			}
			if (app.Problem == "") != (test.problem == "") || !strings.Contains(app.Problem, test.problem) {
				t.Errorf("problem %q, want %q", app.Problem, test.problem)
			}
		})
	}
}

// Go's server refuses plain HTTP on a TLS port with 400 and a sentence.
func TestCockroachOverTLS(t *testing.T) {
	server := serveTLS(t, node("sys_uptime 5\n", http.StatusOK))
	app, err := client(t, Target{Base: strings.Replace(server.URL, "https:", "http:", 1)}).Cockroach(t.Context())
	if err != nil || app.Problem != "" || app.Ready == nil || app.Values["sys_uptime"] != 5 {
		t.Errorf("application %+v, %v", app, err)
	}
}

// A CockroachDB with certificates answers plain and TLS on one port: plain /health is answered, the rest redirected.
func TestCockroachRedirectsToTLS(t *testing.T) {
	secure := serveTLS(t, node("sys_uptime 5\n", http.StatusOK))
	plain := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.RequestURI, http.StatusTemporaryRedirect)
	}))
	at := both(t, plain.Listener.Addr().String(), secure.Listener.Addr().String())
	app, err := client(t, Target{Base: "http://" + at}).Cockroach(t.Context())
	if err != nil || app.Problem != "" || app.Ready == nil || app.Values["sys_uptime"] != 5 {
		t.Errorf("application %+v, %v", app, err)
	}
}

// both listens on one port and leads each connection on by its first byte, which in TLS is 22 (handshake).
func both(t *testing.T, plain, secure string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var leading sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		leading.Wait()
	})
	leading.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			leading.Go(func() { lead(conn, plain, secure) })
		}
	})
	return listener.Addr().String()
}

func lead(conn net.Conn, plain, secure string) {
	defer conn.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return
	}
	to := plain
	if first[0] == 22 {
		to = secure
	}
	on, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer on.Close()
	on.Write(first)
	back := make(chan struct{})
	go func() {
		defer close(back)
		io.Copy(conn, on)
		conn.Close() // ends the other direction
	}()
	io.Copy(on, conn)
	on.Close()
	<-back
}

// Only towards loopback is a certificate of an unknown authority good enough.
func TestCertificates(t *testing.T) {
	server := serveTLS(t, node("sys_uptime 5\n", http.StatusOK))
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	_, err := client(t, Target{Base: "https://192.0.2.7:8080", Dial: dial}).Cockroach(t.Context())
	if err == nil || !strings.Contains(err.Error(), "certificate authority") {
		t.Errorf("error %v, want one about the certificate authority", err)
	}
	for _, base := range []string{"https://[::1]:8080", "https://127.1.2.3:8080"} {
		if _, err := client(t, Target{Base: base, Dial: dial}).Cockroach(t.Context()); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
	if loopback("localhost") || loopback("10.0.0.1") || !loopback("::ffff:127.0.0.1") {
		t.Error("what is loopback is a literal address of it")
	}
}
