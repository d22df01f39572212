package agent

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/alerting/outbox"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/status"
)

// alerts is what is wrong, since when, and who hears of it. The alert loop judges; mu guards the outcome for those who read.
type alerts struct {
	outbox *outbox.Outbox
	woken  chan struct{} // something changed that a judgement depends on

	mu         sync.Mutex
	state      alerting.State
	quiet      alerting.Quiet
	conditions []status.Condition
	judged     time.Time
	complete   bool // every fact was there once since the start
}

// Where the state of alerts is stored.
const (
	alertingBucket = "alerting"
	stateKey       = "state"
	quietKey       = "quiet"
)

const (
	// judgeApart is how long the next judgement waits when events come thick and fast: on-call hears within a second after a hold.
	judgeApart = 250 * time.Millisecond
	// judgeEvery is how often conditions are judged though nothing seems to have changed.
	judgeEvery = 2 * time.Second
	// settling is how long after a start facts may be missing, at most: what fired before is not taken to be gone until then.
	settling = 30 * time.Second
)

// runbook is where it can be read.
func runbook(condition string) string { return rules.DefaultRunbookBase + condition + ".md" }

// openAlerts goes on with what was known before the restart.
func (d *daemon) openAlerts(cfg *config.Config) error {
	a := &d.alerts
	a.woken = make(chan struct{}, 1)
	if _, err := d.store.Get(alertingBucket, stateKey, &a.state); err != nil {
		d.o.Log.Warn("what was told of alerts is lost: what is still wrong is told again", "error", err)
		a.state = alerting.State{}
	}
	a.state = a.state.Settle(d.started.Add(settling))
	if _, err := d.store.Get(alertingBucket, quietKey, &a.quiet); err != nil {
		d.o.Log.Warn("silences and maintenance are lost", "error", err)
		a.quiet = alerting.Quiet{}
	}
	all, err := d.buildReceivers(cfg)
	if err != nil {
		d.o.Log.Error("nobody is told of alerts: the receivers cannot be made", "error", err)
	}
	a.outbox, err = outbox.New(d.store, all, outbox.Options{
		Firing: func() []status.Alert { return d.firing() },
		Tell:   d.journal.Tell,
	})
	return err
}

// alert judges until ctx ends: when there is a sample or an event, when a hold or a silence ends, and when a person asked.
func (d *daemon) alert(ctx context.Context) {
	for ctx.Err() == nil {
		measured, told := d.collector.Changed(), d.journal.Changed()
		now := time.Now()
		next := d.judge(now)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next)):
		case <-d.alerts.woken:
		case <-measured:
		case <-told:
			pauseUntil(ctx, now.Add(judgeApart))
		}
	}
}

// pauseUntil returns at a time, or when ctx ends.
func pauseUntil(ctx context.Context, at time.Time) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(at)):
	}
}

// judge takes one step: facts, conditions, alerts. It returns when the next one is due.
func (d *daemon) judge(now time.Time) time.Time {
	cfg := d.configuration()
	facts := d.facts()
	conditions := alerting.Evaluate(facts, settingsOf(cfg.Alerting))
	a := &d.alerts
	a.mu.Lock()
	quiet, ended := a.quiet.Expire(now)
	before := a.state
	if !a.complete && complete(facts) {
		a.complete, before = true, before.Settle(now)
	}
	state, told := before.Step(now, conditions, quiet, alertLabels(cfg, d.hostname), runbook)
	a.state, a.quiet, a.conditions, a.judged = state, quiet, conditions, now
	if len(ended.Silences) > 0 || ended.Maintenance != nil {
		d.storeQuiet(quiet) // their end is told once
	}
	a.mu.Unlock()
	d.tellEnded(ended)
	d.send(told, state, state.Moved(before))
	if next := state.Next(); !next.IsZero() && next.Before(now.Add(judgeEvery)) {
		return next
	}
	return now.Add(judgeEvery)
}

// complete says that no fact is missing for want of time: there is a sample, and the kernel was read back.
func complete(h status.Host) bool { return h.Sample != nil && !h.Firewall.LastVerified.IsZero() }

// send stores what moved and hands over what must be told, in one transaction: after a crash both are known, or neither.
func (d *daemon) send(told []status.Alert, state alerting.State, moved bool) {
	if len(told) == 0 && !moved {
		return
	}
	if err := d.alerts.outbox.Put(told, outbox.Change{Bucket: alertingBucket, Key: stateKey, Value: state}); err != nil {
		d.o.Log.Warn("the state of alerts is not stored: after a restart somebody may be told twice", "error", err)
	}
	for _, alert := range told {
		d.journal.Tell(alertEvent(alert))
	}
}

func alertEvent(a status.Alert) status.Event {
	kind, verb := status.KindAlertFiring, "fires"
	if a.State == status.AlertResolved {
		kind, verb = status.KindAlertResolved, "is over"
	}
	fields := map[string]string{"alert": a.Name, "severity": a.Severity}
	about := a.Name
	if a.Subject != "" {
		fields["subject"] = a.Subject
		about += " (" + a.Subject + ")"
	}
	return status.Event{Kind: kind, Summary: about + " " + verb + ": " + a.Summary, Fields: fields}
}

// firing is what receivers that forget are told again.
func (d *daemon) firing() []status.Alert {
	d.alerts.mu.Lock()
	defer d.alerts.mu.Unlock()
	return d.alerts.state.Firing()
}

// wake has the loop judge at once.
func (d *daemon) wake() {
	select {
	case d.alerts.woken <- struct{}{}:
	default: // it is about to
	}
}

// alertLabels tell this host's alerts from those of others.
func alertLabels(cfg *config.Config, hostname string) map[string]string {
	labels := map[string]string{"host": hostname}
	if len(cfg.Roles) > 0 && !cfg.Auto() {
		labels["role"] = strings.Join(cfg.Roles, ",")
	}
	maps.Copy(labels, cfg.Alerting.Labels) // the operator's word goes before ours
	return labels
}

// settingsOf is what the operator wants to be otherwise, in the words of alerting.
func settingsOf(a config.Alerting) alerting.Settings {
	overrides := make(map[string]alerting.Override, len(a.Overrides))
	for name, o := range a.Overrides {
		overrides[name] = alerting.Override(o)
	}
	return alerting.Settings{Overrides: overrides, HoldScale: a.HoldScale}
}

// addAlerts adds to the facts of a host what was concluded from them.
func (d *daemon) addAlerts(h *status.Host) {
	a := &d.alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	h.Conditions, h.Alerts = a.conditions, a.state.Alerts()
	h.Silences, h.Maintenance = a.quiet.Silences, a.quiet.Maintenance
}
