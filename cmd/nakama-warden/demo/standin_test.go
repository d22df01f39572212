package demo

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// metrics reads a page of metrics from a host of the fleet, without what is labelled.
func (f *fleet) metrics(t *testing.T, from string, to netip.AddrPort, path string) map[string]string {
	t.Helper()
	client := http.Client{Timeout: readyLimit, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return f.host(from).Dial(ctx, to) },
	}}
	answer, err := client.Get(fmt.Sprintf("http://%s%s", to, path))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	values := map[string]string{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), " "); found {
			values[name] = value
		}
	}
	return values
}

// awaitMetric waits until a metric has a value.
func (f *fleet) awaitMetric(t *testing.T, host string, port uint16, path, name, want string) {
	t.Helper()
	last := ""
	if !await(t.Context(), readyLimit, func() bool {
		last = f.metrics(t, "prometheus", netip.AddrPortFrom(f.host(host).V4, port), path)[name]
		return last == want
	}) {
		t.Errorf("%s of %s is %q; want %s", name, host, last, want)
	}
}

func TestAStandInOfNakamaTellsOfItsPlayers(t *testing.T) {
	f := start(t, &recorder{}).fleet
	players := &crowd{from: f.host("player"), to: netip.AddrPortFrom(f.host("nakama-1").V4, apiPort)}
	defer players.shrink(0)
	for _, n := range []uint64{30, 7} {
		players.shrink(n)
		if err := players.grow(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		f.awaitMetric(t, "nakama-1", metricsPort, "/metrics", "nakama_sessions", fmt.Sprint(n))
		f.awaitMetric(t, "nakama-1", metricsPort, "/metrics", "nakama_presences", fmt.Sprint(2*n))
	}
}

// Each database is connected to its two peers, and each Nakama to every database.
func TestStandInsAreConnectedAsTheirOriginalsAre(t *testing.T) {
	f := start(t, &recorder{}).fleet
	for _, name := range databases() {
		f.awaitMetric(t, name, databaseWebPort, "/_status/vars", "liveness_livenodes", "3")
		f.awaitMetric(t, name, databaseWebPort, "/_status/vars", "sql_conns", fmt.Sprint(3*poolSize+2))
	}
	// Whose connection is cut comes again.
	f.machines[4].processes[0].Kill()
	f.awaitMetric(t, "cockroachdb-1", databaseWebPort, "/_status/vars", "liveness_livenodes", "2")
	if err := f.startProgram(f.machines[4], guardedHosts()[4]); err != nil {
		t.Fatal(err)
	}
	f.awaitMetric(t, "cockroachdb-1", databaseWebPort, "/_status/vars", "liveness_livenodes", "3")
}

func TestStandInsRefuseWhatTheyAreNot(t *testing.T) {
	for _, args := range [][]string{nil, {"postgres"}, {"nakama", "--shield"}, {"cockroach", "--insecure"}} {
		if err := StandIn(t.Context(), args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if err := Machine(t.Context()); err == nil || !lab.Isolated() {
		t.Errorf("%v; want that this is no machine's first process", err)
	}
}
