package demo

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The host of the demo, in connections and descriptors.
const (
	fewFiles    = 1000 // descriptors that the server may open
	nearlyFull  = 850  // connections: above 80 % of them
	calmCrowd   = 100
	holdScale   = 0.01 // minutes become a second or two
	pagerPort   = 9099
	clusterName = "demo"
)

// Alerts is one host with a daemon and a Nakama that things happen to, players, and a pager that hears of it.
type Alerts struct {
	stage
	options Options
	lab     *lab.Lab
	daemon  *agent
	server  *lab.Process
	crowd   *crowd
	pager   *pager

	cause   cause   // of what comes now
	shown   int     // notices that were printed
	slowest latency // of all that were measured
}

// StartAlerts makes the hosts and the pager; neither daemon nor server run yet. It needs a program inside lab.Isolate.
func StartAlerts(o Options, audience Audience) (*Alerts, error) {
	if err := enoughDescriptors(nearlyFull + 300); err != nil {
		return nil, err
	}
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	a := &Alerts{stage: newStage(audience), options: o, lab: l}
	if err := a.build(); err != nil {
		_ = l.Close() // the first error is the one to tell
		return nil, fmt.Errorf("build the hosts: %w", err)
	}
	return a, nil
}

func (a *Alerts) build() error {
	hosts := map[string]*lab.Host{}
	for _, name := range []string{"nakama-1", "players", "on-call"} {
		h, err := a.lab.Host(name)
		if err != nil {
			return err
		}
		hosts[name] = h
	}
	guarded := hosts["nakama-1"]
	a.crowd = &crowd{from: hosts["players"], to: netip.AddrPortFrom(guarded.V4, apiPort)}
	var err error
	if a.daemon, err = prepareAgent(a.options, guarded, alertsConfiguration(netip.AddrPortFrom(hosts["on-call"].V4, pagerPort))); err != nil {
		return err
	}
	for _, name := range []string{a.nakama(), a.culprit()} { // what the kernel calls a process is the name of its file
		if err := os.Symlink(a.options.Program, name); err != nil {
			return err
		}
	}
	a.pager, err = listenPager(hosts["on-call"], pagerPort)
	return err
}

// alertsConfiguration is what an operator would write, but for the scale: nobody waits five minutes for a demo.
func alertsConfiguration(pager netip.AddrPort) any {
	type keys = map[string]any
	return keys{
		"roles":       []string{"nakama"},
		"environment": "testing",
		"firewall":    keys{"mode": "enforce", "grip": "watched"},
		"alerting": keys{
			"hold_scale": holdScale,
			"labels":     keys{"cluster": clusterName},
			"receivers":  []any{keys{"name": "on-call", "webhook_configs": []any{keys{"url": fmt.Sprintf("http://%s/", pager)}}}},
		},
	}
}

func (a *Alerts) nakama() string  { return filepath.Join(a.options.Dir, "nakama") }
func (a *Alerts) culprit() string { return filepath.Join(a.options.Dir, culpritName) }

// Close ends the players, the pager, the hosts and all their processes.
func (a *Alerts) Close() error {
	a.crowd.shrink(0)
	a.pager.close()
	return a.lab.Close()
}

// Play plays all acts. Whatever keeps an act from being played ends the demo, as the summary's problem.
func (a *Alerts) Play(ctx context.Context) Summary {
	a.say("One host with the daemon, whose receiver \"on-call\" is a webhook on another host. Below stands what arrives there, as it")
	a.say("arrives: seconds after the cause, severity, condition, summary, runbook. Hold times are a hundredth of the usual ones.")
	return a.perform(ctx, []act{
		{"a test", a.test},
		{"the host fills up", a.fillUp},
		{"its table is emptied, three times", a.emptyTable},
		{"its Nakama dies", a.dies},
		{"it dies again while nobody wants to hear of it", a.diesQuietly},
		{"the daemon is killed while that fires", a.killDaemon},
	})
}

// Sights are what is worth looking at afterwards; as many as AlertsDoors.
func (a *Alerts) Sights() []Sight {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return []Sight{
		{Text: a.daemon.host.Name + ", its own page", From: a.daemon.host, To: netip.AddrPortFrom(loopback, webPort),
			Scrape: Scrape{Job: agentsJob, Host: a.daemon.host.Name}},
		{Text: "what arrived at on-call", From: a.pager.host, To: netip.AddrPortFrom(loopback, pagerPort)},
	}
}

// Live waits for the end of the context: after the last act nothing happens.
func (a *Alerts) Live(ctx context.Context) { <-ctx.Done() }

// AlertsDoors is the number of Sights, known before there is a host.
func AlertsDoors() int { return 2 }
