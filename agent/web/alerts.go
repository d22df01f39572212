package web

import (
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/status"
)

// alerting writes what is wrong and who heard of it. Every condition has a series: one that appears with its first 1 could not
// be alerted on by its change.
func (s series) alerting(h status.Host) {
	active := map[string]bool{}
	for _, c := range h.Conditions {
		active[c.Name] = true
	}
	for _, c := range alerting.Catalogue() {
		s.gauge(conditionActive, number(active[c.Name]), c.Name)
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
