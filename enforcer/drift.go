package enforcer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/status"
)

// cause is why a verification runs: the events of other writers, or the clock.
type cause struct {
	at      time.Time
	writers []kernel.Writer
	lost    bool
}

func (c *cause) add(e kernel.Event) {
	c.lost = c.lost || e.Lost
	if e.Table && e.By != (kernel.Writer{}) && !slices.Contains(c.writers, e.By) {
		c.writers = append(c.writers, e.By)
	}
}

// by names the writers; empty if the kernel told of none.
func (c cause) by() string {
	var names []string
	for _, w := range c.writers {
		if !slices.Contains(names, w.Name) {
			names = append(names, w.Name)
		}
	}
	return strings.Join(names, ", ")
}

// verify compares the kernel with the ruleset and puts right what differs: first repair, then describe.
func (e *Enforcer) verify(ctx context.Context, c cause) {
	drift, err := e.compare(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.fail(err)
			e.verifyAt = time.Now().Add(retryAfter)
		}
		return
	}
	if drift.None() {
		e.confirm()
		return
	}
	e.verified = false
	err = e.replace(ctx, drift.Repair())
	if err != nil && !errors.Is(err, kernel.ErrDiffers) {
		e.inForce = false // from the beginning, with what the surroundings are by then
		e.retryAt = time.Now().Add(retryAfter)
		e.fail(fmt.Errorf("repair: %w", err))
		return
	}
	e.record(drift, c)
	if err == nil {
		err = e.readBack(ctx)
	}
	if err != nil {
		e.doubt()
	}
}

// record counts and tells a drift that was repaired.
func (e *Enforcer) record(drift kernel.Drift, c cause) {
	now := time.Now()
	kind, changes := drift.Describe()
	d := status.Drift{Time: now, Kind: kind, Changes: bounded(changes), By: c.by(), Repair: now.Sub(c.at)}
	e.drifts[kind]++
	e.lately.add(now)
	e.repairs.observe(d.Repair.Seconds())
	e.lastDrift = &d
	who := e.identify(c)
	fields := map[string]string{
		"kind":           kind,
		"changes":        strings.Join(d.Changes, "\n"),
		"by":             d.By,
		"repair_seconds": fmt.Sprintf("%.6f", d.Repair.Seconds()),
	}
	maps.Copy(fields, who)
	e.o.Tell(status.Event{Kind: status.KindDrift, Fields: fields,
		Summary: fmt.Sprintf("%s %s; put right after %s", orSomebody(d.By), deed(kind), d.Repair.Round(10*time.Microsecond))})
	if by, news := e.fight.drifted(now, d.By); news {
		e.o.Tell(status.Event{Kind: status.KindDriftFight, Fields: map[string]string{"by": by},
			Summary: fmt.Sprintf("%s takes our table away again and again: stop one of the two (every attempt is put right meanwhile)", orSomebody(by))})
	}
}

// identify describes the writer where there was one: the name always, the rest as far as it can be trusted.
func (e *Enforcer) identify(c cause) map[string]string {
	fields := map[string]string{}
	if len(c.writers) != 1 || e.o.Identify == nil {
		return fields
	}
	p := e.o.Identify(c.writers[0], c.at)
	for key, value := range map[string]string{"argv0": p.Argv0, "user": p.User, "parent": p.Parent} {
		if value != "" {
			fields[key] = value
		}
	}
	if p.PID != 0 {
		fields["pid"] = fmt.Sprint(p.PID)
	}
	if p.ParentPID != 0 {
		fields["parent_pid"] = fmt.Sprint(p.ParentPID)
	}
	return fields
}

// deed says what a drift of this kind is.
func deed(kind string) string {
	switch kind {
	case "table":
		return "took our table away"
	case "flags":
		return "switched our table off"
	}
	return "changed our table (" + kind + ")"
}

func orSomebody(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

// A fight is fightDrifts repairs within fightWindow.
const (
	fightDrifts = 10
	fightWindow = 10 * time.Second
	// fightShare is the part of a core that repairs may take during a fight.
	fightShare = 0.2
)

// fight notices that somebody takes the table away as fast as it is put back.
type fight struct {
	recent []time.Time
	by     string
	on     bool
	cost   time.Duration // of the last round
}

// drifted counts a repair; news is true when it makes a fight.
func (f *fight) drifted(now time.Time, by string) (who string, news bool) {
	f.recent = append(f.recent, now)
	if len(f.recent) > fightDrifts {
		f.recent = f.recent[1:]
	}
	f.by = by
	news = !f.on && len(f.recent) == fightDrifts && now.Sub(f.recent[0]) < fightWindow
	f.on = f.on || news
	return by, news
}

// pause is how long a round of a fight waits, so that it takes no more than its share.
func (f *fight) pause() time.Duration {
	if !f.on {
		return 0
	}
	return min(time.Duration(float64(f.cost)/fightShare), retryAfter)
}

// calm waits in a fight, that it may not take the whole core: never long, and the table is in place meanwhile as far as
// the other side lets it be.
func (e *Enforcer) calm(ctx context.Context) {
	if !e.fight.on || e.lastDrift == nil {
		return
	}
	e.fight.cost = min(e.lastDrift.Repair, 10*time.Millisecond)
	timer := time.NewTimer(e.fight.pause())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// endFight ends a fight after a window without a drift.
func (e *Enforcer) endFight(now time.Time) {
	if f := &e.fight; f.on && now.Sub(f.recent[len(f.recent)-1]) > fightWindow {
		*f = fight{}
	}
}

// hourly counts what happened in the last hour, minute by minute: a fight would fill any list of times.
type hourly [60]struct {
	minute int64 // since 1970: the place is used again every hour
	count  int
}

func (h *hourly) add(at time.Time) {
	minute := at.Unix() / 60
	place := &h[minute%int64(len(h))]
	if place.minute != minute {
		place.minute, place.count = minute, 0
	}
	place.count++
}

// total is of the minute that now is in and the 59 before it.
func (h *hourly) total(now time.Time) (n int) {
	minute := now.Unix() / 60
	for _, place := range h {
		if age := minute - place.minute; age >= 0 && age < int64(len(h)) {
			n += place.count
		}
	}
	return n
}
