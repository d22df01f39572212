package status

import "time"

// The severities of conditions: critical pages, warning is a ticket, info is shown.
const (
	SeverityCritical = "critical"
	SeverityWarning  = "warning"
	SeverityInfo     = "info"
)

// Condition is something that is wrong now. One that is not wrong is not listed.
type Condition struct {
	Name     string `json:"name"`
	Subject  string `json:"subject,omitempty"` // the unit, service, group or receiver that it is about; empty: the host
	Severity string `json:"severity"`
	Summary  string `json:"summary"` // with the numbers in it, and what to do
	// For is how long it must hold until it is told, ClearAfter how long it must be gone until that is told.
	For        time.Duration `json:"for_ns"`
	ClearAfter time.Duration `json:"clear_after_ns"`
}

// The states of an alert.
const (
	AlertPending  = "pending"  // the condition holds, not yet long enough
	AlertFiring   = "firing"   // it held long enough; or it is gone, not yet long enough
	AlertResolved = "resolved" // it is gone, and that is yet to be told
)

// Alert is a condition over time.
type Alert struct {
	Condition
	State    string            `json:"state"`
	Since    time.Time         `json:"since"`              // the condition holds since
	Fired    time.Time         `json:"fired,omitzero"`     // it became firing
	Resolved time.Time         `json:"resolved,omitzero"`  // it became resolved
	Labels   map[string]string `json:"labels,omitempty"`   // alerting.labels, host, role; without name, subject and severity
	Runbook  string            `json:"runbook,omitempty"`  // a URL, or a path below docs/
	Silenced string            `json:"silenced,omitempty"` // why nobody hears of it: the silence or the maintenance
	Told     bool              `json:"told,omitempty"`     // somebody was told that it fires: they hear of its end too
	Test     bool              `json:"test,omitempty"`     // sent by a person to try the receivers
}

// Key tells alerts apart: one condition may hold of several subjects.
func (a Alert) Key() string { return a.Name + "/" + a.Subject }

// Silence keeps a condition, or all, from being told until it ends.
type Silence struct {
	ID        string    `json:"id"`
	Condition string    `json:"condition"` // a name, or all
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	Why       string    `json:"why"`
	By        string    `json:"by,omitempty"`
}

// Maintenance keeps what is about availability from being told; what is about the fence is told all the same.
type Maintenance struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
	By    string    `json:"by,omitempty"`
}

// Delivery is how one receiver is doing.
type Delivery struct {
	Receiver    string            `json:"receiver"` // its type and place, never its URL: alertmanager/0, pagerduty/oncall/0
	Queued      int               `json:"queued"`
	Results     map[string]uint64 `json:"results,omitempty"` // attempts by result: delivered, failed, refused (not tried again), dropped (no room)
	LastSuccess time.Time         `json:"last_success,omitzero"`
	FailingFrom time.Time         `json:"failing_since,omitzero"`
	Problem     string            `json:"problem,omitempty"` // what it answered last, where that was no success
}

// ReceiverTest is what a receiver answered to a test alert.
type ReceiverTest struct {
	Receiver string        `json:"receiver"`
	OK       bool          `json:"ok"`
	Answer   string        `json:"answer"`
	Took     time.Duration `json:"took_ns"`
}
