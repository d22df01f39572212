package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	urlpath "path"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// noticeLimit is how long a page may take to arrive, on a machine that does other things too. The longest way is a service that is
// looked for every ten seconds.
const noticeLimit = 25 * time.Second

// run runs a command of the program on the guarded host, as an operator would.
func (a *Alerts) run(ctx context.Context, args ...string) ([]byte, error) {
	return a.daemon.host.Output(ctx, a.options.Program, append(args, "--state", a.daemon.state(), "--config", a.daemon.config())...)
}

// silenced runs a command that changes what is silent, and returns what is then.
func (a *Alerts) silenced(ctx context.Context, args ...string) (status.Silenced, error) {
	var s status.Silenced
	text, err := a.run(ctx, append(args, "-o", "json")...)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

func (a *Alerts) startDaemon(ctx context.Context) error {
	if err := a.daemon.start(); err != nil {
		return err
	}
	return a.daemon.awaitReady(ctx)
}

func (a *Alerts) startNakama() (err error) {
	a.server, err = startServer(a.daemon.host, a.nakama(), a.options.Serve, fewFiles)
	return err
}

// ask asks the daemon by its socket: a command takes longer than what is measured.
func (a *Alerts) ask(ctx context.Context) (status.Host, error) {
	client, err := a.daemon.client()
	if err != nil {
		return status.Host{}, err
	}
	return client.Status(ctx)
}

// alert is what the daemon says of an alert; not found is an error.
func (a *Alerts) alert(ctx context.Context, name string) (status.Alert, error) {
	h, err := a.ask(ctx)
	if err != nil {
		return status.Alert{}, err
	}
	i := slices.IndexFunc(h.Alerts, func(found status.Alert) bool { return found.Name == name })
	if i < 0 {
		return status.Alert{}, fmt.Errorf("%s is no alert now", name)
	}
	return h.Alerts[i], nil
}

// awaitStatus waits until what the daemon says is as wanted. Otherwise it is an error.
func (a *Alerts) awaitStatus(ctx context.Context, wanted string, is func(status.Host) bool) error {
	var err error
	if await(ctx, noticeLimit, func() bool {
		var h status.Host
		h, err = a.ask(ctx)
		return err == nil && is(h)
	}) {
		return nil
	}
	return errors.Join(fmt.Errorf("not within %s: %s\n%s", noticeLimit, wanted, a.daemon.lastWords()), err)
}

// awaitQuiet waits until an alert fires and nobody is told of it for a reason that begins so, and returns what the daemon says.
func (a *Alerts) awaitQuiet(ctx context.Context, name, reason string) string {
	last := "no answer"
	await(ctx, noticeLimit, func() bool {
		found, err := a.alert(ctx, name)
		switch {
		case err != nil:
			last = err.Error()
		case found.Silenced == "":
			last = found.State + ", not silenced"
		default:
			last = found.State + ", " + found.Silenced
		}
		return strings.HasPrefix(last, status.AlertFiring+", "+reason)
	})
	return last
}

// cause is what notices are told by: when it happened, and how many notices had come before.
type cause struct {
	at   time.Time
	seen int
}

func (a *Alerts) now() cause { return cause{time.Now(), a.pager.count()} }

// awaitNotice waits for a page after a cause and shows all that came. Without one it is the zero page.
func (a *Alerts) awaitNotice(ctx context.Context, since cause, name, state string) notice {
	var found notice
	await(ctx, noticeLimit, func() bool {
		came := a.pager.since(since.seen)
		i := slices.IndexFunc(came, func(p notice) bool { return p.is(name, state) })
		if i >= 0 {
			found = came[i]
		}
		return i >= 0
	})
	a.show(since)
	return found
}

// show prints what came since it was called last.
func (a *Alerts) show(since cause) {
	for _, p := range a.pager.since(a.shown) {
		a.shown++
		severity := p.Labels["severity"]
		if p.Status != status.AlertFiring {
			severity = p.Status
		}
		a.say("%5.1f s  %-8s  %s: %s", p.at.Sub(since.at).Seconds(), severity, strings.TrimPrefix(p.Labels["alertname"], alertPrefix), p.Annotations["summary"])
		if runbook := p.Annotations["runbook_url"]; runbook != "" {
			a.say("%19s%s", "", runbook)
		}
	}
}

// expectFiring is the check of a page that tells of something: its severity, its runbook, whose it is, and what it must say.
func (a *Alerts) expectFiring(ctx context.Context, since cause, name, severity, word string) notice {
	p := a.awaitNotice(ctx, since, name, status.AlertFiring)
	a.checkFiring(p, name, severity)
	a.check(Check{Name: name + " says what it is about", Expected: "…" + word + "…", Seen: orNothing(p.Annotations["summary"]),
		Held: strings.Contains(p.Annotations["summary"], word)})
	return p
}

func (a *Alerts) checkFiring(p notice, name, severity string) {
	a.expect(name+" arrives", fmt.Sprintf("%s, %s.md", severity, name), arrived(p))
	a.expect(name+" says whose it is", clusterName+", nakama-1", p.Labels["cluster"]+", "+p.Labels["host"])
}

// arrived is the severity of a page and the file that its runbook's link leads to.
func arrived(p notice) string {
	if p.at.IsZero() {
		return orNothing("")
	}
	return p.Labels["severity"] + ", " + urlpath.Base(p.Annotations["runbook_url"])
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// expectResolved is the check of a page that tells the end of something.
func (a *Alerts) expectResolved(ctx context.Context, since cause, name string) {
	p := a.awaitNotice(ctx, since, name, status.AlertResolved)
	a.expect(name+" is resolved", status.AlertResolved, orNothing(p.Status))
}

// expectSilence is the check that nobody was told of a condition since then.
func (a *Alerts) expectSilence(since cause, what, name string) {
	told := 0
	for _, p := range a.pager.since(since.seen) {
		if p.is(name, status.AlertFiring) {
			told++
		}
	}
	a.expect(what, "0 notices", fmt.Sprintf("%d notices", told))
}

// latency is how long a page took beyond the hold time of its condition.
type latency struct {
	name string
	took time.Duration
}

// measure compares when a page arrived with when it was due: when the daemon's facts first showed the condition, and its hold.
func (a *Alerts) measure(ctx context.Context, name string, p notice) error {
	found, err := a.alert(ctx, name)
	if err != nil || p.at.IsZero() {
		return err
	}
	if took := p.at.Sub(found.Since.Add(found.For)); took > a.slowest.took {
		a.slowest = latency{name, took}
	}
	return nil
}
