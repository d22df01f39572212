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

	"github.com/nakama-warden/nakama-warden/alerting"
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

// awaitDelivered waits until the daemon has read the receiver's answers, and had the time to write that down: who is killed between
// the two must deliver again.
func (a *Alerts) awaitDelivered(ctx context.Context) error {
	looks := 0
	return a.awaitStatus(ctx, "nothing waits for on-call", func(h status.Host) bool {
		if looks++; slices.ContainsFunc(h.Agent.Deliveries, func(d status.Delivery) bool { return d.Queued > 0 }) {
			looks = 0
		}
		return looks > 10
	})
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

// now is the cause of what comes from now on.
func (a *Alerts) now() cause {
	a.show()
	a.cause = cause{time.Now(), a.pager.count()}
	return a.cause
}

// awaitNotice waits for a notice since the cause and shows all that came. Without one it is the zero notice.
func (a *Alerts) awaitNotice(ctx context.Context, since cause, name, state string, meanwhile func()) notice {
	var found notice
	await(ctx, noticeLimit, func() bool {
		meanwhile()
		came := a.pager.since(since.seen)
		i := slices.IndexFunc(came, func(n notice) bool { return n.is(name, state) })
		if i >= 0 {
			found = came[i]
		}
		return i >= 0
	})
	a.show()
	return found
}

// show prints what came since it was called last.
func (a *Alerts) show() {
	for _, n := range a.pager.since(a.shown) {
		a.shown++
		severity := n.Labels["severity"]
		if n.Status != status.AlertFiring {
			severity = n.Status
		}
		a.say("%5.1f s  %-8s  %s: %s", n.at.Sub(a.cause.at).Seconds(), severity, strings.TrimPrefix(n.Labels["alertname"], alertPrefix), n.Annotations["summary"])
		if runbook := n.Annotations["runbook_url"]; runbook != "" {
			a.say("%19s%s", "", runbook)
		}
	}
}

// expectFiring is the checks of a notice that tells of something: its severity, its runbook, whose it is, and what it must say. How
// long it took is measured from the first of the daemon's facts that show the condition, as they are asked for meanwhile.
func (a *Alerts) expectFiring(ctx context.Context, since cause, name, severity, word string) {
	var due time.Time
	n := a.awaitNotice(ctx, since, name, status.AlertFiring, func() {
		if h, err := a.ask(ctx); err == nil && due.IsZero() { // nobody may answer just now
			due = dueOf(h, name)
		}
	})
	if took := n.at.Sub(due); !n.at.IsZero() && !due.IsZero() && took > a.slowest.took {
		a.slowest = latency{name, took}
	}
	a.checkFiring(n, name, severity)
	a.expect(name+" says what it is about", word, excerpt(n.Annotations["summary"], word))
}

// dueOf is when a condition that the facts show is to be told; zero if they do not show it.
func dueOf(h status.Host, name string) time.Time {
	for _, c := range alerting.Evaluate(h, alerting.Settings{HoldScale: holdScale}) {
		if c.Name == name {
			return h.Time.Add(c.For)
		}
	}
	return time.Time{}
}

func (a *Alerts) checkFiring(n notice, name, severity string) {
	a.expect(name+" arrives", fmt.Sprintf("%s, %s.md", severity, name), arrived(n))
	a.expect(name+" says whose it is", clusterName+", nakama-1", n.Labels["cluster"]+", "+n.Labels["host"])
}

// arrived is the severity of a notice and the file that its runbook's link leads to.
func arrived(n notice) string {
	if n.at.IsZero() {
		return orNothing("")
	}
	return n.Labels["severity"] + ", " + urlpath.Base(n.Annotations["runbook_url"])
}

// excerpt is the word where the text holds it, else the whole text.
func excerpt(text, word string) string {
	if strings.Contains(text, word) {
		return word
	}
	return orNothing(text)
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// expectResolved is the check of a page that tells the end of something.
func (a *Alerts) expectResolved(ctx context.Context, since cause, name string) {
	n := a.awaitNotice(ctx, since, name, status.AlertResolved, func() {})
	a.expect(name+" is resolved", status.AlertResolved, orNothing(n.Status))
}

// expectTold is the check of how often on-call was told of something since then.
func (a *Alerts) expectTold(since cause, what, name, often string) {
	told := slices.DeleteFunc(a.pager.since(since.seen), func(n notice) bool { return !n.is(name, status.AlertFiring) })
	a.expect(what, often, times(len(told)))
}

const (
	never = "not told"
	once  = "told once"
)

func times(n int) string {
	switch n {
	case 0:
		return never
	case 1:
		return once
	}
	return fmt.Sprintf("told %d times", n)
}

// latency is how long a page took beyond the hold time of its condition.
type latency struct {
	name string
	took time.Duration
}
