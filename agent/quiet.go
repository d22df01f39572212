package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/status"
)

// Silence keeps a condition from being told for a while, or ends such a silence.
func (d *daemon) Silence(ctx context.Context, r status.SilenceRequest) (status.Silenced, error) {
	return d.changeQuiet(func(q alerting.Quiet) (alerting.Quiet, status.Event, error) {
		return silence(q, r, by(ctx), time.Now())
	})
}

// Maintenance begins a maintenance, or ends it.
func (d *daemon) Maintenance(ctx context.Context, r status.MaintenanceRequest) (status.Silenced, error) {
	return d.changeQuiet(func(q alerting.Quiet) (alerting.Quiet, status.Event, error) {
		return maintain(q, r, by(ctx), time.Now())
	})
}

func (d *daemon) changeQuiet(change func(alerting.Quiet) (alerting.Quiet, status.Event, error)) (status.Silenced, error) {
	a := &d.alerts
	a.mu.Lock()
	quiet, event, err := change(a.quiet)
	if err == nil {
		a.quiet = quiet
		d.storeQuiet(quiet)
	}
	a.mu.Unlock()
	if err != nil {
		return status.Silenced{}, err
	}
	d.journal.Tell(event)
	d.wake()
	return silenced(quiet, event.Summary), nil
}

func (d *daemon) storeQuiet(q alerting.Quiet) {
	if err := d.store.Put(alertingBucket, quietKey, q); err != nil {
		d.o.Log.Warn("what is silenced is not known after a restart", "error", err)
	}
}

func silenced(q alerting.Quiet, summary string) status.Silenced {
	return status.Silenced{Summary: summary, Silences: append([]status.Silence{}, q.Silences...), Maintenance: q.Maintenance}
}

// errNoReason: whoever wonders why nobody was told should find out.
var errNoReason = errors.New("the reason is missing: give it as --why")

// silence is what a request makes of what is quiet, and the event that tells it.
func silence(q alerting.Quiet, r status.SilenceRequest, by string, now time.Time) (alerting.Quiet, status.Event, error) {
	if r.End != "" {
		left, ended, found := q.End(r.End)
		if !found {
			return q, status.Event{}, fmt.Errorf("there is no silence %q: `nakama-warden status` lists them", r.End)
		}
		return left, silenceEvent(ended, "is ended"+byName(by)), nil
	}
	switch {
	case r.Why == "":
		return q, status.Event{}, errNoReason
	case r.Condition != alerting.All && !slices.ContainsFunc(alerting.Catalogue(), func(c alerting.Definition) bool { return c.Name == r.Condition }):
		return q, status.Event{}, fmt.Errorf("unknown condition %q: docs/conditions.md lists them, and %s is every one", r.Condition, alerting.All)
	}
	q, s, err := q.Silence(status.Silence{Condition: r.Condition, From: now, Until: now.Add(r.For), Why: r.Why, By: by})
	return q, silenceEvent(s, fmt.Sprintf("until %s%s (%s)", s.Until.Local().Format("2006-01-02 15:04"), byName(by), s.Why)), err
}

func silenceEvent(s status.Silence, what string) status.Event {
	return status.Event{Kind: status.KindSilence, Summary: fmt.Sprintf("silence %s of %s %s", s.ID, s.Condition, what),
		Fields: map[string]string{"id": s.ID, "condition": s.Condition, "why": s.Why}}
}

// maintain is what a request makes of what is quiet, and the event that tells it.
func maintain(q alerting.Quiet, r status.MaintenanceRequest, by string, now time.Time) (alerting.Quiet, status.Event, error) {
	if r.End {
		left, ended := q.EndMaintenance()
		if ended == nil {
			return q, status.Event{}, errors.New("there is no maintenance to end")
		}
		return left, maintenanceEvent(*ended, "ended"+byName(by)), nil
	}
	if r.Why == "" {
		return q, status.Event{}, errNoReason
	}
	m := status.Maintenance{From: now, Until: now.Add(r.For), Why: r.Why, By: by}
	q, err := q.Maintain(m)
	return q, maintenanceEvent(m, fmt.Sprintf("until %s%s (%s)", m.Until.Local().Format("2006-01-02 15:04"), byName(by), m.Why)), err
}

func maintenanceEvent(m status.Maintenance, what string) status.Event {
	return status.Event{Kind: status.KindMaintenance, Summary: "maintenance " + what, Fields: map[string]string{"why": m.Why}}
}

func byName(by string) string {
	if by == "" {
		return ""
	}
	return " by " + by
}

// tellEnded tells what ended by itself.
func (d *daemon) tellEnded(ended alerting.Quiet) {
	for _, s := range ended.Silences {
		d.journal.Tell(silenceEvent(s, "is over"))
	}
	if ended.Maintenance != nil {
		d.journal.Tell(maintenanceEvent(*ended.Maintenance, "is over"))
	}
}

// Silence is for the next daemon: it finds the silence in the store.
func (l Local) Silence(_ context.Context, r status.SilenceRequest) (status.Silenced, error) {
	return l.changeQuiet(func(q alerting.Quiet) (alerting.Quiet, status.Event, error) { return silence(q, r, "", time.Now()) })
}

// Maintenance is for the next daemon, as Silence is.
func (l Local) Maintenance(_ context.Context, r status.MaintenanceRequest) (status.Silenced, error) {
	return l.changeQuiet(func(q alerting.Quiet) (alerting.Quiet, status.Event, error) { return maintain(q, r, "", time.Now()) })
}

func (l Local) changeQuiet(change func(alerting.Quiet) (alerting.Quiet, status.Event, error)) (answer status.Silenced, err error) {
	s, err := store.Open(filepath.Join(l.o.StateDir, storeFile), store.Options{})
	if err != nil {
		return answer, fmt.Errorf("open store: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var quiet alerting.Quiet
	if _, err := s.Get(alertingBucket, quietKey, &quiet); err != nil {
		return answer, err
	}
	quiet, _ = quiet.Expire(time.Now())
	quiet, event, err := change(quiet)
	if err != nil {
		return answer, err
	}
	return silenced(quiet, event.Summary), errors.Join(s.Put(alertingBucket, quietKey, quiet), s.AppendEvents([]status.Event{event}))
}
