package web

import (
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/status"
)

// alerting writes what is wrong and who heard of it. Every condition has a series: one that appears with its first 1 could not
// be alerted on by its change.
func (s series) alerting(h status.Host) {
	for _, c := range alerting.Catalogue() {
		for severity, active := range severities(c, h.Conditions) {
			s.gauge(conditionActive, number(active), c.Name, severity)
		}
	}
	byState := map[string]float64{status.AlertPending: 0, status.AlertFiring: 0}
	for _, a := range h.Alerts {
		byState[a.State]++
	}
	for state, count := range byState {
		s.gauge(alerts, count, state)
	}
	s.gauge(maintenance, number(h.Maintenance != nil))
	queued := 0
	for _, d := range h.Agent.Deliveries {
		queued += d.Queued
		for result, count := range d.Results {
			s.counter(notifications, count, d.Receiver, result)
		}
	}
	s.gauge(outboxLength, float64(queued))
}

// severities tells for each severity of a condition whether it holds. One that the operator gave another severity has that for as
// long as it holds: what it is otherwise is no fact of the host.
func severities(d alerting.Definition, conditions []status.Condition) map[string]bool {
	all, active := map[string]bool{}, map[string]bool{}
	for _, severity := range d.Severities() {
		all[severity] = false
	}
	for _, c := range conditions {
		if c.Name == d.Name {
			all[c.Severity], active[c.Severity] = true, true
		}
	}
	if len(all) > len(d.Severities()) {
		return active
	}
	return all
}
