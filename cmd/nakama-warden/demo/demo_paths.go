package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// What an answer may take, and what is waited for none: a first SYN that is lost is sent again after a second, so a path
// that is wrongly open is seen at once, and one that is slow is not taken for hidden.
const (
	answerLimit  = 5 * time.Second
	silenceLimit = 400 * time.Millisecond
)

// path is one way through the fleet and what should become of it.
type path struct {
	from, to string
	port     uint16
	want     lab.Outcome
}

func (p path) String() string { return fmt.Sprintf("%s → %s:%d", p.from, p.to, p.port) }

// paths is the topology as a table, written by hand and not derived from the policy: it is what the policy is for.
func paths() []path {
	type ports = []uint16
	var all []path
	add := func(from, to string, open, hidden, refused ports) {
		for _, p := range open {
			all = append(all, path{from, to, p, lab.Open})
		}
		for _, p := range hidden {
			all = append(all, path{from, to, p, lab.Hidden})
		}
		for _, p := range refused {
			all = append(all, path{from, to, p, lab.Refused})
		}
	}
	const api, console, consoleGRPC, grpc = apiPort, consolePort, consoleGRPCPort, grpcPort
	for _, to := range []string{"nakama-1", "nakama-2"} {
		add("player", to, ports{api}, ports{consoleGRPC, grpc, console, metricsPort, webPort}, nil)
		add("load-balancer", to, ports{api}, ports{consoleGRPC, grpc, console, metricsPort}, nil)
		add("admin", to, ports{api, consoleGRPC, console, webPort}, ports{grpc, metricsPort}, nil)
		add("prometheus", to, ports{api, metricsPort, webPort}, ports{console}, nil)
		add("cockroachdb-1", to, ports{api}, ports{console}, nil)
	}
	add("nakama-1", "nakama-2", ports{api}, ports{console}, nil)

	add("player", "nakama-3", ports{api}, ports{console, publishedPort}, nil)
	add("load-balancer", "nakama-3", ports{api}, ports{console, publishedPort}, nil)
	add("admin", "nakama-3", ports{api, console, publishedPort}, nil, nil)
	add("player", "container", ports{api}, ports{consoleGRPC, grpc, console}, nil)
	add("admin", "container", ports{api, console}, nil, nil)

	for _, to := range []string{"cockroachdb-1", "cockroachdb-2", "cockroachdb-3"} {
		add("player", to, nil, ports{databaseWebPort, webPort}, ports{sqlPort})
		add("load-balancer", to, nil, ports{databaseWebPort}, ports{sqlPort})
		add("nakama-1", to, ports{sqlPort}, ports{databaseWebPort}, nil)
		add("admin", to, ports{sqlPort, databaseWebPort}, nil, nil)
		add("prometheus", to, ports{databaseWebPort, webPort}, nil, ports{sqlPort})
		add("container", to, ports{sqlPort}, nil, nil)
	}
	add("cockroachdb-2", "cockroachdb-1", ports{sqlPort}, nil, nil)
	add("cockroachdb-3", "cockroachdb-1", ports{sqlPort}, nil, nil)
	return all
}

// seen is what became of a path over both families.
type seen struct{ v4, v6 lab.Outcome }

func (s seen) is(want lab.Outcome) bool { return s.v4 == want && s.v6 == want }

func (s seen) String() string {
	if s.v4 == s.v6 {
		return string(s.v4)
	}
	return fmt.Sprintf("%s (IPv4), %s (IPv6)", s.v4, s.v6)
}

// try takes all paths, many at once, and returns what became of each.
func (f *fleet) try(ctx context.Context, all []path) []seen {
	results := make([]seen, len(all))
	places := make(chan struct{}, 32) // each try holds a thread
	var tries sync.WaitGroup
	for i, p := range all {
		for _, six := range []bool{false, true} {
			tries.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				outcome := f.take(ctx, p, six)
				if six {
					results[i].v6 = outcome
				} else {
					results[i].v4 = outcome
				}
			})
		}
	}
	tries.Wait()
	return results
}

// take takes one path over one family.
func (f *fleet) take(ctx context.Context, p path, six bool) lab.Outcome {
	limit := answerLimit
	if p.want == lab.Hidden {
		limit = silenceLimit
	}
	from, to := f.host(p.from), netip.AddrPortFrom(f.host(p.to).Addr(six), p.port)
	switch p.port {
	case webPort, metricsPort, databaseWebPort:
		return askWeb(ctx, from, to, limit)
	}
	return from.Reach(ctx, to, limit)
}

// askWeb is Reach for ports of HTTP, which has to be asked before it answers.
func askWeb(ctx context.Context, from *lab.Host, to netip.AddrPort, limit time.Duration) lab.Outcome {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := from.Dial(ctx, to)
	if err != nil {
		return lab.OutcomeOf(err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // fails on a closed connection only, as the read then does
	}
	if _, err := io.WriteString(conn, "GET /-/healthy HTTP/1.0\r\n\r\n"); err != nil {
		return lab.OutcomeOf(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return lab.OutcomeOf(err)
	}
	if !strings.HasPrefix(line, "HTTP/") {
		return lab.Outcome("not HTTP: " + line)
	}
	return lab.Open
}

// withoutRules is the control: what the demo shows to be hidden later can be reached now.
func (d *Demo) withoutRules(ctx context.Context) error {
	var all []path
	for _, p := range paths() {
		if p.port != webPort { // the daemons are not there yet
			p.want = lab.Open
			all = append(all, p)
		}
	}
	open, closed := 0, ""
	for i, s := range d.fleet.try(ctx, all) {
		if s.is(lab.Open) {
			open++
		} else {
			closed = fmt.Sprintf("; %s: %s", all[i], s)
		}
	}
	d.expect("every path of the table below", fmt.Sprintf("%d of %d open", len(all), len(all)),
		fmt.Sprintf("%d of %d open%s", open, len(all), closed))
	return nil
}

func (d *Demo) whoReachesWhat(ctx context.Context) error {
	all := paths()
	for i, s := range d.fleet.try(ctx, all) {
		d.check(Check{Name: all[i].String(), Expected: string(all[i].want), SeenV4: string(s.v4), SeenV6: string(s.v6),
			Held: s.is(all[i].want)})
	}
	return nil
}
