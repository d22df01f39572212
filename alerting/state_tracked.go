package alerting

import (
	"maps"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// tracked is one alert and its memory. A resolved one stays for as long as its flapping is remembered.
type tracked struct {
	status.Alert
	Absent     time.Time `json:"absent,omitzero"`      // not listed since
	ToldAs     string    `json:"told_as,omitempty"`    // the highest severity that was told
	QuietUntil time.Time `json:"quiet_until,omitzero"` // what keeps it quiet ends then
	Flaps      int       `json:"flaps,omitempty"`      // how often it fired, or came back and would have; one is forgotten an hour
	Flapped    time.Time `json:"flapped,omitzero"`     // the last time it did
}

const (
	flapsMost   = 8                // so that the worst is forgotten within a working day
	flapMemory  = time.Hour        // for each flap
	dampedLeast = 10 * time.Second // what doubles where a condition has no hold times
	dampedMost  = time.Hour

	longestClear = 24 * time.Hour // a damaged entry must not stay for years
)

// holds takes in that the condition is listed.
func (t *tracked) holds(c status.Condition, m moment) {
	absence := t.absence(m)
	t.Absent = time.Time{}
	switch t.State {
	case status.AlertFiring:
		if absence > 0 && absence >= t.ClearAfter {
			t.flap(m.now)
		}
	case status.AlertPending:
	default:
		*t = tracked{Flaps: t.Flaps, Flapped: t.Flapped}
		t.State, t.Since = status.AlertPending, m.now
	}
	t.Condition = c
	if t.State == status.AlertPending {
		// Once it fires the labels stay: receivers must see the end of what they saw begin.
		t.Labels, t.Runbook = maps.Clone(m.labels), m.runbook(c.Name)
	}
	if t.State == status.AlertPending && m.now.Sub(t.Since) >= c.For {
		t.State, t.Fired = status.AlertFiring, m.now
		t.flap(m.now)
	}
	t.Silenced, t.QuietUntil = m.quiet.of(c.Name, m.now)
}

// absent takes in that the condition is not listed, and reports whether that ended the alert.
func (t *tracked) absent(m moment) bool {
	if t.State == status.AlertResolved {
		return false
	}
	if t.Absent.IsZero() {
		t.Absent = m.now
	}
	if m.now.Before(t.gone(m.settled)) {
		t.Silenced, t.QuietUntil = m.quiet.of(t.Name, m.now)
		return false
	}
	t.State, t.Resolved = status.AlertResolved, m.now
	t.Silenced, t.QuietUntil = "", time.Time{}
	return true
}

// absence is how long the condition was surely not there: missing facts do not count.
func (t *tracked) absence(m moment) time.Duration {
	if t.Absent.IsZero() {
		return 0
	}
	return m.now.Sub(later(t.Absent, m.settled))
}

// gone is when an absent alert ends: a pending one at once, a firing one after its hold, which doubles with each flap from
// the second within an hour on.
func (t *tracked) gone(settled time.Time) time.Time {
	from := later(t.Absent, settled)
	if t.State == status.AlertPending {
		return from
	}
	hold := min(max(t.ClearAfter, 0), longestClear)
	if flaps := t.restless(t.Absent); flaps > 1 {
		damped := min(max(hold, t.For, dampedLeast), dampedMost) << (flaps - 1)
		hold = max(hold, min(damped, dampedMost))
	}
	return from.Add(hold)
}

func (t *tracked) flap(now time.Time) {
	t.Flaps, t.Flapped = min(t.restless(now)+1, flapsMost), now
}

// restless is how many flaps are not forgotten yet.
func (t *tracked) restless(now time.Time) int {
	return max(0, min(t.Flaps, flapsMost)-int(max(0, now.Sub(t.Flapped))/flapMemory))
}

// unheard reports whether the alert fires, and worse than anybody was told.
func (t *tracked) unheard() bool {
	return t.State == status.AlertFiring && rank(t.Severity) > rank(t.ToldAs)
}

// next is when something about the alert ends by itself; zero if nothing does.
func (t *tracked) next(settled time.Time) time.Time {
	switch {
	case t.State == status.AlertResolved:
		return time.Time{}
	case !t.Absent.IsZero():
		return t.gone(settled)
	case t.State == status.AlertPending:
		return t.Since.Add(t.For)
	case t.unheard():
		return t.QuietUntil
	}
	return time.Time{}
}

// told is the alert as receivers know it.
func (t *tracked) told() status.Alert {
	a := t.Alert
	a.Severity = t.ToldAs
	return a
}

// still reports whether two instants of one alert are alike in all that lasts.
func (t tracked) still(u tracked) bool {
	return t.State == u.State && t.Since.Equal(u.Since) && t.Fired.Equal(u.Fired) && t.Absent.Equal(u.Absent) &&
		t.ToldAs == u.ToldAs && t.Flaps == u.Flaps && t.Severity == u.Severity && t.Silenced == u.Silenced
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
