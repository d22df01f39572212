package alerting

import (
	"fmt"

	"github.com/nakama-warden/nakama-warden/status"
)

// Maintain begins a maintenance, in place of one that lasts. It keeps quiet what is about availability; the fence is
// watched all the same.
func (q Quiet) Maintain(m status.Maintenance) (Quiet, error) {
	if err := checkSpan(m.From, m.Until); err != nil {
		return q, fmt.Errorf("maintenance: %w", err)
	}
	q.Maintenance = &m
	return q, nil
}

// EndMaintenance ends the maintenance, and returns it; nil if there is none.
func (q Quiet) EndMaintenance() (Quiet, *status.Maintenance) {
	ended := q.Maintenance
	q.Maintenance = nil
	return q, ended
}

// about is what a condition is about; nothing for one that this version does not know.
func about(name string) string {
	for _, d := range Catalogue() {
		if d.Name == name {
			return d.About
		}
	}
	return ""
}
