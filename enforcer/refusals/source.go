package refusals

import (
	"container/list"
	"net/netip"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// source is what is known of one address. It stands on one shelf.
type source struct {
	addr        netip.Addr
	first, last time.Time
	count       uint64
	ports       ports
	newcomer    *list.Element // its place among the newcomers; nil for a regular
}

// known is for how long the source has been coming.
func (one *source) known() time.Duration { return one.last.Sub(one.first) }

// extend takes in a time of which the source was seen; clocks may have been set back meanwhile.
func (one *source) extend(first, last time.Time) {
	one.first = minTime(one.first, first)
	if last.After(one.last) {
		one.last = last
	}
}

func (one *source) status(h heading) status.RefusedSource {
	return status.RefusedSource{Service: h.service, Source: one.addr.String(), Verdict: h.verdict,
		First: one.first, Last: one.last, Count: one.count, Ports: slices.Clone(one.ports)}
}

// ports are the first few ports of a source, ascending.
type ports []uint16

// mostPorts is more than a service usually has, and all that a scan of one with hundreds needs to show.
const mostPorts = 8

func (p *ports) add(port uint16) {
	if at, known := slices.BinarySearch(*p, port); !known && port != 0 && len(*p) < mostPorts {
		*p = slices.Insert(*p, at, port)
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
