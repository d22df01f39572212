package status

import "time"

// Explanation answers whether a source would get in, and why. Allowed is the policy's word whatever the mode.
type Explanation struct {
	Allowed bool     `json:"allowed"`
	Service string   `json:"service"` // empty: the port belongs to no service, so the firewall leaves it alone
	Source  string   `json:"source"`
	Port    uint16   `json:"port"`
	Groups  []string `json:"groups"` // the groups that the source belongs to
	Reason  string   `json:"reason"`
	Beyond  []string `json:"beyond"` // other tables' base chains on the way
}

// Plan is what applying the declared policy would change in the kernel, as lines in nft's notation that begin with
// "+ " or "- ".
type Plan struct {
	Changes []string `json:"changes"`
	Cuts    []Cut    `json:"cuts,omitempty"`    // present connections that would be refused
	Audited []Cut    `json:"audited,omitempty"` // who was let in by audit and would be refused
}

// Cut is a source that is let in now and would be refused.
type Cut struct {
	Service     string    `json:"service"`
	Source      string    `json:"source"`
	Connections int       `json:"connections"`     // open now
	Count       uint64    `json:"count,omitempty"` // packets that audit would have refused
	First       time.Time `json:"first,omitzero"`  // when audit first saw it
	Last        time.Time `json:"last,omitzero"`   // … and last
	Ports       []uint16  `json:"ports,omitempty"`
}

// Applied tells what an apply or a remove did.
type Applied struct {
	Changes  []string `json:"changes"` // as in Plan
	Enforced bool     `json:"enforced"`
	Summary  string   `json:"summary"`
}

// Silenced tells what is not told to anybody, after a silence or a maintenance began or ended.
type Silenced struct {
	Summary     string       `json:"summary"`
	Silences    []Silence    `json:"silences"`
	Maintenance *Maintenance `json:"maintenance,omitempty"`
}

// EventQuery selects events; the zero value selects all that are kept.
type EventQuery struct {
	After uint64    `json:"after"`          // only events with a greater Sequence
	Since time.Time `json:"since,omitzero"` // only events of that time or later
	Kinds []string  `json:"kinds"`          // none: every kind
	Limit int       `json:"limit"`          // the newest so many; 0: all
}
