package status

import "time"

// History is what was measured of units over a range of time, by columns: index i of each is the step that begins at
// Start + i·Step. null is what is not known: the daemon or the unit did not run, or there was nothing to know yet.
type History struct {
	Start time.Time     `json:"start"`
	Step  time.Duration `json:"step_ns"`
	Units []UnitHistory `json:"units"`
	// LeftOut counts units that an answer has no place for, those seen last having gone first: ask for one by its name.
	LeftOut int `json:"left_out,omitempty"`
}

// UnitHistory are the columns of one unit. Connections and memory are the most of each step, limit and what fits the last.
type UnitHistory struct {
	Name        string    `json:"name"`
	Role        string    `json:"role"`
	Connections []*uint64 `json:"connections"`
	Memory      []*uint64 `json:"memory_bytes"`
	Limit       []*uint64 `json:"limit_bytes"`
	Fits        []*uint64 `json:"fits"` // while it is known
}

// HistoryQuery selects a part of the history; the zero value selects the last 24 hours of every unit.
type HistoryQuery struct {
	Since time.Time     `json:"since,omitzero"` // zero: a day before Until
	Until time.Time     `json:"until,omitzero"` // zero: now
	Step  time.Duration `json:"step_ns"`        // 0: the finest that makes an answer of a moderate size
	Unit  string        `json:"unit"`           // empty: all
}
