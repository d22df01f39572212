package application

import (
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Ceiling is what today's load may lift a Nakama's memory to without one more connection: traffic fills the heap up to the
// next collection, and then it stays flat (facts: nakama, memory). It is false where the application does not tell, or
// where it has switched its collector off.
//
// fileBytes are the resident pages of files, foremost the program's own. next_gc already respects GOMEMLIMIT.
func Ceiling(a status.Application, fileBytes uint64) (uint64, bool) {
	heap, known := a.Values[nextGC]
	stacks, both := a.Values[stackInUse]
	if !known || !both || fileBytes > maxValue {
		return 0, false
	}
	// Measured were 62 MB above heap and stacks, of which 51 MB were pages of files: the rest is the runtime's.
	for _, name := range bookkeeping() {
		heap += a.Values[name]
	}
	return uint64(heap+stacks) + fileBytes, true
}

// gaugeAge is how old Nakama's gauges may be already when they are read: metrics.reporting_freq_sec, by default.
const gaugeAge = time.Minute

// ConnectionsWithoutSession is how many connections have not authenticated, or have gone without Nakama noticing. Counted is
// when the connections were; the two numbers are never of one instant, so it is an estimate, and unknown where they are
// more than a minute apart.
func ConnectionsWithoutSession(connections uint64, counted time.Time, a status.Application) (uint64, bool) {
	if a.Sessions == nil || counted.Sub(a.Time).Abs() > gaugeAge {
		return 0, false
	}
	return connections - min(connections, *a.Sessions), true
}
