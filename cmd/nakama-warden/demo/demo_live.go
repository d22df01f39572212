package demo

import (
	"context"
	"math"
	"net/netip"
	"os"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// beat is how often something happens while a fleet is kept up.
const beat = 5 * time.Second

// Live lets life go on in the fleet that was played, until the context ends: players come and go, somebody knocks, somebody tampers,
// an operator changes the policy. Of a fleet at rest a dashboard has little to show. What cannot be done is told once.
func (d *Demo) Live(ctx context.Context) {
	l, err := newLife(d)
	if err != nil {
		d.say("nothing happens here: %v", err)
		return
	}
	d.say("meanwhile players come and go, strangers knock, and every now and then:")
	for _, h := range l.habits() {
		if h.text != "" {
			d.say("  %s", h.text)
		}
	}
	l.goOn(ctx)
}

// goOn lives until the context ends.
func (l *life) goOn(ctx context.Context) {
	defer l.end()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	failed := map[int]bool{}
	for n := 0; ; n++ {
		for i, h := range l.habits() {
			if !h.due(n) {
				continue
			}
			if err := h.do(ctx, (n-h.first)/h.every); err != nil && ctx.Err() == nil && !failed[i] {
				failed[i] = true
				l.demo.say("while kept up: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// habit is something that happens again and again.
type habit struct {
	text  string // what people are told of it
	first int    // the beat at which it happens first
	every int    // beats
	do    func(ctx context.Context, nth int) error
}

func (h habit) due(beat int) bool { return beat >= h.first && (beat-h.first)%h.every == 0 }

const (
	eachBeat      = 1
	eachMinute    = int(time.Minute / beat)
	each10Minutes = int(10 * time.Minute / beat)
	onlyOnce      = math.MaxInt
)

func (l *life) habits() []habit {
	return []habit{
		{every: eachBeat, do: l.players},
		{every: eachBeat, do: l.knock},
		{text: auditHost + " only counts whom it would refuse, and a stranger is connected to it", every: onlyOnce, do: l.audit},
		{first: 2, every: eachBeat, do: func(ctx context.Context, _ int) error { return l.stranger.grow(ctx, 1) }},
		{text: "the inventory of the database's clients breaks off in the middle", first: 1, every: onlyOnce, do: l.breakInventory},
		{text: watchedHost + " tells a second receiver, where nobody listens", first: 2, every: onlyOnce, do: l.tellChat},
		{text: "another process changes the rules of " + watchedHost + " or " + watchedDatabase + ", every minute", first: 3, every: eachMinute, do: l.tamper},
		{text: "the policy is another: who may reach Nakama's gRPC API and CockroachDB's pages, every 10 minutes", first: 6, every: each10Minutes, do: l.changePolicy},
	}
}

// auditHost is in audit from then on.
const auditHost = "cockroachdb-3"

// life is what goes on in a fleet that is kept up.
type life struct {
	demo     *Demo
	crowds   []*crowd // of players, one at each node
	stranger *crowd   // at the database of the host in audit
	declared map[string]declared
}

func newLife(d *Demo) (*life, error) {
	f, nodes := d.fleet, nakamaNodes()
	if err := enoughDescriptors(uint64(len(nodes)*(quiet+swing)*11/10) + 300); err != nil {
		return nil, err
	}
	player := f.host("player")
	l := &life{demo: d, stranger: &crowd{from: player, to: netip.AddrPortFrom(f.host(auditHost).V4, sqlPort)}, declared: map[string]declared{}}
	for _, name := range nodes {
		l.crowds = append(l.crowds, &crowd{from: player, to: netip.AddrPortFrom(f.host(name).V4, apiPort)})
	}
	return l, nil
}

func (l *life) end() {
	for _, c := range append(l.crowds, l.stranger) {
		c.shrink(0)
	}
}

// The players of a node swing between quiet and quiet + swing. The tide is slow: the daemon learns from loads that stay for a while.
const (
	quiet = 100
	swing = 500
	tide  = int(5 * time.Minute / beat)
)

// playersAt is how many players a node has at a beat. The nodes are not quite equal, as with any load balancer.
func playersAt(beat, node int) uint64 {
	high := (1 - math.Cos(2*math.Pi*float64(beat)/float64(tide))) / 2
	return uint64((quiet + swing*high) * (1 + 0.04*float64(node-1)))
}

func (l *life) players(ctx context.Context, nth int) error {
	for i, c := range l.crowds {
		n := playersAt(nth, i)
		c.shrink(n)
		if err := c.grow(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// knock is somebody who tries what is hidden from him, and a stranger who is let in where nobody is refused.
func (l *life) knock(ctx context.Context, _ int) error {
	l.demo.fleet.try(ctx, []path{
		{"player", watchedHost, consolePort, lab.Hidden},
		{"load-balancer", ownedHost, consolePort, lab.Hidden},
		{"player", watchedDatabase, sqlPort, lab.Refused},
		{"player", "cockroachdb-2", databaseWebPort, lab.Hidden},
		{"player", auditHost, databaseWebPort, lab.Open},
	})
	return nil
}

func (l *life) audit(context.Context, int) error {
	return l.declare(auditHost, func(d *declared) { d.audit = true })
}

// breakInventory leaves half of a file. What was known of the group stays in force.
func (l *life) breakInventory(context.Context, int) error {
	return os.WriteFile(l.demo.fleet.clients, []byte(`[{"targets": [`), 0o644)
}

func (l *life) tellChat(context.Context, int) error {
	return l.declare(watchedHost, func(d *declared) { d.chat = true })
}

// tamper takes turns with two hosts, so that each meets every way.
func (l *life) tamper(ctx context.Context, nth int) error {
	host := []string{watchedHost, watchedDatabase}[nth%2]
	return l.demo.tamper(ctx, l.demo.fleet.agent(host), ways()[nth/2%len(ways())])
}

// changePolicy is of all hosts, as a rollout is.
func (l *life) changePolicy(_ context.Context, nth int) error {
	for _, g := range guardedHosts() {
		if err := l.declare(g.name, func(d *declared) { d.policy = nth + 1 }); err != nil {
			return err
		}
	}
	return nil
}

// declare changes what is declared for a host, and has its daemon read it.
func (l *life) declare(name string, change func(*declared)) error {
	d := l.declared[name]
	change(&d)
	l.declared[name] = d
	return l.demo.fleet.declare(name, d)
}
