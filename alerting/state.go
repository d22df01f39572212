package alerting

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// State is every alert of a host, and what must be remembered so that on-call hears of each once: inactive → pending →
// firing → resolved. It is a value that survives a restart as JSON; the zero value is ready. Time is what Step is told:
//
//   - A clock set back moves what would lie in the future to now: a hold takes once more its own length, never longer.
//   - A clock set forward, and a time in which nobody looked, count towards what holds on both sides of it. But a
//     pending alert whose hold is shorter than the gap begins it again: that it held all along would be a guess.
type State struct {
	tracked map[string]tracked // by key
	stepped time.Time          // of the last Step
	settled time.Time          // until then what is not listed may hold all the same
}

const (
	// Places for alerts. The last of them are for critical ones, so that no flood of tickets hides a page.
	places         = 1000
	placesCritical = 100
	// shortestGap between two steps is not yet a time in which nobody looked, however short the holds are.
	shortestGap = time.Minute
	// longestSettling bounds what a clock set back can keep open.
	longestSettling = 10 * time.Minute
)

// Step takes the conditions that hold now and returns the alerts that must be told now: those that fire, then those that
// are resolved, each by severity, name and subject. A condition listed twice counts once, by its higher severity.
//
// An alert is told when it becomes firing, or when what kept it quiet ends and it still holds; again only when it is more
// severe than anybody was told; and once when it is resolved, if somebody was told, in the severity and with the labels
// they know it by. What Step returned counts as told.
func (s State) Step(now time.Time, conditions []status.Condition, quiet Quiet, labels map[string]string,
	runbook func(name string) string) (State, []status.Alert) {
	if runbook == nil {
		runbook = func(string) string { return "" }
	}
	now = now.UTC().Round(0) // as it will be when read from disk
	next := s.at(now)
	m := moment{now: now, settled: next.settled, quiet: quiet, labels: labels, runbook: runbook}
	firing, listed := next.raise(conditions, m)
	return next, append(firing, next.clear(listed, m)...)
}

// moment is what one Step goes by, apart from the conditions.
type moment struct {
	now, settled time.Time
	quiet        Quiet
	labels       map[string]string
	runbook      func(name string) string
}

// raise takes in what is listed, and returns what is to be told of it.
func (s State) raise(conditions []status.Condition, m moment) (told []status.Alert, listed map[string]bool) {
	listed = make(map[string]bool, len(conditions))
	for _, c := range sorted(conditions) {
		key := status.Alert{Condition: c}.Key()
		t, old := s.tracked[key]
		if listed[key] || !old && !s.room(c.Severity) {
			continue
		}
		listed[key] = true
		t.holds(c, m)
		if t.unheard() && t.Silenced == "" {
			t.Told, t.ToldAs = true, t.Severity
			told = append(told, t.told())
		}
		s.tracked[key] = t
	}
	slices.SortFunc(told, order)
	return told, listed
}

// clear takes in what is not listed, and returns what is to be told of it.
func (s State) clear(listed map[string]bool, m moment) (told []status.Alert) {
	for key, t := range s.tracked {
		if listed[key] {
			continue
		}
		if t.absent(m) && t.Told {
			told = append(told, t.told())
			t.Told, t.ToldAs = false, ""
		}
		if s.tracked[key] = t; t.State == status.AlertResolved && t.restless(m.now) == 0 {
			delete(s.tracked, key)
		}
	}
	slices.SortFunc(told, order)
	return told
}

// Settle says that facts are missing until then, as after a start before the first sample: until then nothing that is
// not listed is taken to be gone, and only from then on does it count as absent. It is capped at ten minutes from the
// next Step; once all facts are there, it is ended by a time that is past.
func (s State) Settle(until time.Time) State {
	s.settled = until.UTC().Round(0)
	return s
}

// Alerts returns what is pending or firing, for display: firing first, then by severity, name and subject.
func (s State) Alerts() []status.Alert {
	alerts := []status.Alert{}
	for _, t := range s.tracked {
		if t.State != status.AlertResolved {
			alerts = append(alerts, t.Alert)
		}
	}
	slices.SortFunc(alerts, order)
	return alerts
}

// Firing returns what fires and was told, as it was told, for receivers that want to hear it again. A silence that began
// later is in Silenced: a receiver that takes forgetting for the end (Alertmanager) hears of the alert all the same.
func (s State) Firing() []status.Alert {
	var alerts []status.Alert
	for _, t := range s.tracked {
		if t.State == status.AlertFiring && t.Told {
			alerts = append(alerts, t.told())
		}
	}
	slices.SortFunc(alerts, order)
	return alerts
}

// Next is when Step must be called again at the latest, with what holds then, for a hold, a silence or a maintenance to
// end on time. Zero: nothing ends by itself.
func (s State) Next() time.Time {
	var next time.Time
	for _, t := range s.tracked {
		if at := t.next(s.settled); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// Moved reports whether an alert came, went or changed its state since before: what is worth a write to disk. Summaries
// and the clock are not; after a restart they are told anew.
func (s State) Moved(before State) bool {
	return !maps.EqualFunc(s.tracked, before.tracked, tracked.still)
}

// at is the state as it is to be read at now: no part of it lies in the future, and no hold rests on a gap.
func (s State) at(now time.Time) State {
	gap := now.Sub(s.stepped)
	next := State{tracked: make(map[string]tracked, len(s.tracked)+1), stepped: now, settled: s.settled}
	if latest := now.Add(longestSettling); next.settled.After(latest) {
		next.settled = latest
	}
	for key, t := range s.tracked {
		for _, at := range []*time.Time{&t.Since, &t.Fired, &t.Resolved, &t.Absent, &t.Flapped} {
			if at.After(now) {
				*at = now
			}
		}
		if t.State == status.AlertPending && gap > max(t.For, shortestGap) {
			t.Since = now
		}
		next.tracked[key] = t
	}
	return next
}

// room tells whether one more alert can be tracked. What is over and only remembered for its flapping goes first.
func (s State) room(severity string) bool {
	limit := places
	if severity != status.SeverityCritical {
		limit -= placesCritical
	}
	if len(s.tracked) >= limit {
		maps.DeleteFunc(s.tracked, func(_ string, t tracked) bool { return t.State == status.AlertResolved })
	}
	return len(s.tracked) < limit
}

// sorted is the conditions in the order in which they are told, fit for a key: text that is not UTF-8 would come back
// from disk as something else, and page again.
func sorted(conditions []status.Condition) []status.Condition {
	ordered := slices.Clone(conditions)
	for i := range ordered {
		c := &ordered[i]
		for _, text := range []*string{&c.Name, &c.Subject, &c.Severity, &c.Summary} {
			*text = strings.ToValidUTF8(*text, replacement)
		}
	}
	slices.SortFunc(ordered, func(a, b status.Condition) int {
		return order(status.Alert{Condition: a}, status.Alert{Condition: b})
	})
	return ordered
}

// order is by state (firing first), severity (the worst first), name and subject.
func order(a, b status.Alert) int {
	return cmp.Or(
		cmp.Compare(a.State, b.State), // firing, pending, resolved
		cmp.Compare(rank(b.Severity), rank(a.Severity)),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Subject, b.Subject),
	)
}

// rank orders severities. One that is not known is shown like info; none at all, that of what nobody was told, is least.
func rank(severity string) int {
	switch severity {
	case status.SeverityCritical:
		return 3
	case status.SeverityWarning:
		return 2
	case "":
		return 0
	}
	return 1
}
