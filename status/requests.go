package status

import (
	"net/netip"
	"time"
)

// What a person asks of a daemon. Why is written into the events, beside who asked.

// PlanRequest asks what apply would change. With Enforce, it asks as if every service were enforced.
type PlanRequest struct {
	Enforce bool `json:"enforce,omitempty"`
}

// ApplyRequest puts the configuration into the kernel. With RevertAfter, what was in force before comes back unless the
// change is confirmed within that time.
type ApplyRequest struct {
	RevertAfter time.Duration `json:"revert_after_ns,omitempty"`
	Why         string        `json:"why,omitempty"`
}

// RemoveRequest takes the rules out of the kernel.
type RemoveRequest struct {
	Why string `json:"why,omitempty"`
}

// PauseRequest lets everything in for a while.
type PauseRequest struct {
	For time.Duration `json:"for_ns"`
	Why string        `json:"why"`
}

// RevokeRequest takes an address out of every group at once, whatever the sources say, until it is undone.
type RevokeRequest struct {
	Prefix netip.Prefix `json:"prefix"`
	Undo   bool         `json:"undo,omitempty"`
	Why    string       `json:"why,omitempty"`
}

// SilenceRequest keeps a condition, or all, from being told for a while; with End, the silence of that ID ends.
type SilenceRequest struct {
	Condition string        `json:"condition,omitempty"`
	For       time.Duration `json:"for_ns,omitempty"`
	Why       string        `json:"why,omitempty"`
	End       string        `json:"end,omitempty"`
}

// MaintenanceRequest begins a maintenance, or ends it.
type MaintenanceRequest struct {
	For time.Duration `json:"for_ns,omitempty"`
	Why string        `json:"why,omitempty"`
	End bool          `json:"end,omitempty"`
}
