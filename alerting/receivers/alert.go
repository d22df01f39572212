package receivers

import (
	"slices"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/status"
)

// span returns when an alert began and, if it is over, when it ended. An end that a clock which was set back puts into
// the future would make a resolved alert a firing one.
func span(a status.Alert, now time.Time) (from, until time.Time) {
	from = a.Fired
	if from.IsZero() {
		from = a.Since
	}
	if from.IsZero() || from.After(now) {
		from = now
	}
	if a.State != status.AlertResolved {
		return from, time.Time{}
	}
	until = a.Resolved
	if until.IsZero() || until.After(now) {
		until = now
	}
	if until.Before(from) {
		from = until
	}
	return from, until
}

// convert returns the alert as the notify packages know it.
func convert(a status.Alert, now time.Time, source string, escape func(string) string) *alert.Alert {
	from, until := span(a, now)
	return &alert.Alert{
		Alert: model.Alert{
			Labels:       escaped(labels(a), escape),
			Annotations:  escaped(annotations(a), escape),
			StartsAt:     from,
			EndsAt:       until,
			GeneratorURL: source,
		},
		UpdatedAt: now,
	}
}

func escaped(set model.LabelSet, escape func(string) string) model.LabelSet {
	for name, value := range set {
		set[name] = model.LabelValue(escape(string(value)))
	}
	return set
}

// inTurn splits alerts into batches that go out one after the other: each holds one group, and no alert twice, so that
// one which fired and was resolved while nobody listened is told in that order.
func inTurn(alerts []status.Alert, group func(status.Alert) string) [][]status.Alert {
	var batches [][]status.Alert
	latest := map[string]int{} // group → its last batch
	for _, a := range alerts {
		key := group(a)
		i, known := latest[key]
		if !known || slices.ContainsFunc(batches[i], func(b status.Alert) bool { return identity(b) == identity(a) }) {
			i = len(batches)
			batches = append(batches, nil)
		}
		batches[i], latest[key] = append(batches[i], a), i
	}
	return batches
}

// identity tells alerts apart, over hosts too.
func identity(a status.Alert) string { return a.Labels["host"] + "/" + a.Key() }

// telling is an alert in the state in which it is told.
type telling struct {
	alert, state, severity string
	fired, resolved        int64
}

func tellingOf(a status.Alert) telling {
	return telling{identity(a), a.State, a.Severity, a.Fired.UnixNano(), a.Resolved.UnixNano()}
}
