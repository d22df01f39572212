// Package status holds what is known, as plain values. status.Host is the one value a host's agent fills in once per
// tick; metrics, the API, the pages and the command line all read it and none of them measures anything itself.
//
// The JSON form of these types is the public API of /api/v1/status and of `status -o json`: fields are added, never
// renamed. What is unknown is absent, never zero.
package status

import (
	"net/netip"
	"time"
)

// Host is everything known about this host at one instant.
type Host struct {
	Time        time.Time `json:"time"`
	Hostname    string    `json:"hostname"`
	Version     string    `json:"version"`
	Revision    string    `json:"revision,omitempty"` // the operator's mark of the configuration in force
	Environment string    `json:"environment"`
	Roles       []string  `json:"roles"`

	Config   Config    `json:"config"`
	Firewall Firewall  `json:"firewall"`
	Services []Service `json:"services"`
	Roster   []Group   `json:"roster"`
	Sample   *Sample   `json:"sample,omitempty"` // absent before the first measurement
	Agent    Agent     `json:"agent"`

	// What follows from what stands above, in this order.
	Conditions  []Condition  `json:"conditions"`
	Alerts      []Alert      `json:"alerts"`
	Silences    []Silence    `json:"silences,omitempty"`
	Maintenance *Maintenance `json:"maintenance,omitempty"`
}

// Config tells which configuration is in force and whether the file on disk is it.
type Config struct {
	Path          string    `json:"path"`
	LastReload    time.Time `json:"last_reload,omitzero"` // of the last successful one
	LastReloadOK  bool      `json:"last_reload_ok"`
	Problem       string    `json:"problem,omitempty"` // why the file on disk is not in force
	Warnings      []string  `json:"warnings,omitempty"`
	FromLastStart bool      `json:"from_last_start,omitempty"` // the stored policy is enforced because the file is invalid
}

// Firewall is the state of the table, as read back from the kernel.
type Firewall struct {
	Mode         string    `json:"mode"`
	Grip         string    `json:"grip,omitempty"`        // owned, held or watched; absent while there is no table
	GripReason   string    `json:"grip_reason,omitempty"` // why it is not a better one
	PolicyHash   string    `json:"policy_hash,omitempty"` // of the declared policy, not of the roster
	Verified     bool      `json:"verified"`              // the kernel holds the policy, read back
	LastVerified time.Time `json:"last_verified,omitzero"`
	State        string    `json:"state"` // enforcing, removed, paused, off, starting, failed
	Problem      string    `json:"problem,omitempty"`
	HookedPaths  []string  `json:"hooked_paths,omitempty"` // prerouting, input, forward

	Drifts       map[string]uint64 `json:"drifts,omitempty"` // drifts repaired, by kind
	LastDrift    *Drift            `json:"last_drift,omitempty"`
	DriftsLately int               `json:"drifts_last_hour,omitempty"`
	Repairs      Histogram         `json:"repairs"`
	EventsLost   uint64            `json:"events_lost,omitempty"` // events that found their channel full
	Paused       *Pause            `json:"paused,omitempty"`      // everything is let in, by a person's word
	RevertAt     time.Time         `json:"revert_at,omitzero"`    // an unconfirmed change is taken back then
	Revoked      []Revocation      `json:"revoked,omitempty"`
	CutOff       string            `json:"cut_off,omitempty"`     // why connections of refused sources cannot be ended, where they cannot
	Refusals     string            `json:"refusals,omitempty"`    // why it is not known who was refused, where it is not
	Saved        []string          `json:"saved,omitempty"`       // saved rulesets that name our table: their load would fail whole
	Paths        []string          `json:"paths,omitempty"`       // what could not be looked at on the way of packets
	Fight        string            `json:"fight,omitempty"`       // who keeps taking the table away from us, while it lasts
	NextAttempt  time.Time         `json:"next_attempt,omitzero"` // after a failure
}

// Pause lets everything in until it ends.
type Pause struct {
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
	By    string    `json:"by,omitempty"`
}

// Revocation keeps an address out of every group.
type Revocation struct {
	Prefix netip.Prefix `json:"prefix"`
	Time   time.Time    `json:"time"`
	Why    string       `json:"why,omitempty"`
	By     string       `json:"by,omitempty"`
}

// Drift is one difference between the kernel and the policy that somebody made, and its repair.
type Drift struct {
	Time    time.Time     `json:"time"`
	Kind    string        `json:"kind"`    // table, chain, rule, set, element, object, flags
	Changes []string      `json:"changes"` // what differed, in nft's notation; at most a few, the rest counted
	By      string        `json:"by,omitempty"`
	Repair  time.Duration `json:"repair_ns"` // from the kernel's event (or the verification) to the commit
}

// Histogram is a cumulative histogram of seconds.
type Histogram struct {
	Bounds []float64 `json:"bounds,omitempty"` // upper bounds, ascending
	Counts []uint64  `json:"counts,omitempty"` // observations not above the bound of the same index
	Count  uint64    `json:"count"`
	Sum    float64   `json:"sum"`
}

// Service is one named set of ports on this host and who may reach it.
type Service struct {
	Name           string           `json:"name"`
	Role           string           `json:"role,omitempty"`
	Protocol       string           `json:"protocol"`
	Ports          []uint16         `json:"ports"`
	From           []string         `json:"from"`
	Mode           string           `json:"mode"`
	RefuseWith     string           `json:"refuse_with"`
	Unsafe         bool             `json:"unsafe,omitempty"` // open where it should not be, by the operator's word
	Enforced       bool             `json:"enforced"`         // read back from the kernel
	Reason         string           `json:"reason,omitempty"`
	Aliases        []uint16         `json:"aliases,omitempty"`         // ports that a proxy or NAT leads to the service, guarded alike
	Traffic        map[string]Count `json:"traffic,omitempty"`         // by verdict: allowed, refused, would_refuse
	Refused        []RefusedSource  `json:"refused,omitempty"`         // who, the latest first; at most a few
	RefusedSources int              `json:"refused_sources,omitempty"` // how many that are remembered
}

// Count is a pair of counters that never go back while the agent runs.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Group is one group of the roster and the sources that fill it.
type Group struct {
	Name        string    `json:"name"`
	Addresses   int       `json:"addresses"`         // prefixes after coalescing
	Entries     int       `json:"entries,omitempty"` // addresses and prefixes as its sources name them, each once; absent of a stored policy
	Prefixes    []string  `json:"prefixes,omitempty"`
	LastSuccess time.Time `json:"last_success,omitzero"` // the last time every source of the group answered
	Sources     []Source  `json:"sources,omitempty"`
	Held        []string  `json:"held,omitempty"` // kept although no source names them any more
	HeldReason  string    `json:"held_reason,omitempty"`
}

// Source is one place a group's addresses come from, named by its type and index (never by URL: those carry secrets).
type Source struct {
	Name    string `json:"name"` // static/0, files/0 …
	Up      bool   `json:"up"`
	Problem string `json:"problem,omitempty"`
}

// Agent is the daemon's own condition.
type Agent struct {
	Started       time.Time         `json:"started"`
	PID           int               `json:"pid"`
	Events        map[string]uint64 `json:"events,omitempty"` // told so far, by kind
	EventsDropped map[string]uint64 `json:"events_dropped,omitempty"`
	StoreProblem  string            `json:"store_problem,omitempty"`
	Deliveries    []Delivery        `json:"deliveries,omitempty"` // who hears of alerts
}
