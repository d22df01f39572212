package status

import "time"

// RefusedSource is one source that a service turned away, or in audit would have.
type RefusedSource struct {
	Service string    `json:"service"`
	Source  string    `json:"source"`
	Verdict string    `json:"verdict"` // refused, would_refuse
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   uint64    `json:"count"`           // packets that the kernel told of: in a flood it tells of some only
	Ports   []uint16  `json:"ports,omitempty"` // the first few, ascending
}
