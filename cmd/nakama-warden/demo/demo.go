// Package demo plays `nakama-warden demo`: a guarded fleet of Nakama and CockroachDB hosts, attacked and repaired.
//
// The one idea: nothing is claimed that was not seen. Who reaches what is tried by real TCP between the hosts of a lab,
// first without rules, so that "hidden" means something; on each guarded host runs the real daemon, asked through its own
// commands; tampering is done by another process, and the daemon must put it right and name the culprit. Only what is guarded
// is played: Nakama and CockroachDB are stand-ins (StandIn), in real processes of their names.
package demo

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// Options are what the demo needs of its surroundings.
type Options struct {
	Program string   // the nakama-warden that is shown
	Tamper  []string // the arguments that make Program call Tamper, with those that follow
	Serve   []string // the arguments that make Program call Serve, with the one that follows
	Machine []string // the arguments that make Program call Machine
	StandIn []string // the arguments that make Program call StandIn, with those that follow
	Dir     string   // an empty directory for configurations and state
}

// Check is one thing that was expected and looked at. Paths have what was seen over IPv4 and over IPv6, all else has
// Seen.
type Check struct {
	Act      string `json:"act"`
	Name     string `json:"check"`
	Expected string `json:"expected"`
	Seen     string `json:"seen,omitempty"`
	SeenV4   string `json:"seen_v4,omitempty"`
	SeenV6   string `json:"seen_v6,omitempty"`
	Held     bool   `json:"held"`
}

// Summary is how it went.
type Summary struct {
	Checks  int     `json:"checks"`
	Held    int     `json:"held"`
	Seconds float64 `json:"seconds"`
	Problem string  `json:"problem,omitempty"` // why the demo ended early
}

// OK says that the demo went to its end and every check held.
func (s Summary) OK() bool { return s.Problem == "" && s.Checks > 0 && s.Held == s.Checks }

// Audience is told what happens, in order.
type Audience interface {
	Act(title string) // what follows belongs to this act
	Progress(line string)
	Check(Check)
}

// Demo is a fleet that is up.
type Demo struct {
	stage
	fleet *fleet
}

// Start builds the fleet, still without rules. It needs a program inside lab.Isolate.
func Start(o Options, audience Audience) (*Demo, error) {
	d := &Demo{stage: newStage(audience)}
	f, err := buildFleet(o)
	if err != nil {
		return nil, fmt.Errorf("build the fleet: %w", err)
	}
	d.fleet = f
	return d, nil
}

// Close ends the fleet and all its processes.
func (d *Demo) Close() error { return d.fleet.close() }

// Play plays all acts. Whatever keeps an act from being played ends the demo, as the summary's problem.
func (d *Demo) Play(ctx context.Context) Summary {
	return d.perform(ctx, []act{
		{"without rules, everybody reaches everything", d.withoutRules},
		{"a daemon on each guarded host", d.startAgents},
		{"who reaches what", d.whoReachesWhat},
		{"tampering with a table that is owned", d.tamperOwned},
		{"tampering with a table that is watched", d.tamperWatched},
		{"a Nakama node joins and leaves", d.joinAndLeave},
		{"kill -9", d.killAgents},
	})
}

// Sight is an address worth looking at, and from where in the fleet.
type Sight struct {
	Text string
	From *lab.Host
	To   netip.AddrPort
	Scrape
}

// Scrape says how a Prometheus scrapes a sight. The zero value is that it does not.
type Scrape struct {
	Job  string
	Host string // whose metrics they are
	Path string // empty: /metrics
}

// The jobs of a Prometheus that scrapes a demo. The daemons' is the one that `export rules` and `export scrape-config` know.
const (
	agentsJob    = "nakama-warden"
	databasesJob = "cockroachdb"
)

// Sights are as many as Doors says.
func (d *Demo) Sights() []Sight {
	f := d.fleet
	var sights []Sight
	for _, a := range f.agents {
		sights = append(sights, Sight{Text: a.host.Name + ", as its admin sees it", From: f.host("admin"),
			To: netip.AddrPortFrom(a.host.V4, webPort), Scrape: Scrape{Job: agentsJob, Host: a.host.Name}})
	}
	sights = append(sights, Sight{Text: "what arrived at on-call", From: f.pager.host, To: netip.AddrPortFrom(f.pager.host.V4, pagerPort)})
	for _, name := range databases() {
		const vars = "/_status/vars"
		sights = append(sights, Sight{Text: vars + " of the CockroachDB of " + name + ", as Prometheus sees it", From: f.host("prometheus"),
			To: netip.AddrPortFrom(f.host(name).V4, databaseWebPort), Scrape: Scrape{Job: databasesJob, Host: name, Path: vars}})
	}
	return sights
}

// Doors is the number of Sights, known before there is a fleet.
func Doors() int { return len(guardedHosts()) + 1 + len(databases()) }

// await asks until the answer is yes, the time is up or the context ends, and returns the last answer.
func await(ctx context.Context, limit time.Duration, answer func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}
