package capacity

import (
	"math"
	"time"
)

// peakParts is how many parts a peak window has: it moves on by whole ones, of thirty days by one day.
const peakParts = 30

// Peak is the largest load of the peak window, and of up to a thirtieth more. It is a value; the zero value is ready.
type Peak struct {
	Part    time.Duration         `json:"part"`    // the length of one
	Current int64                 `json:"current"` // parts since the epoch
	Largest [peakParts + 1]uint32 `json:"largest"` // a ring; one part more, as the current one is not over
}

// Observe takes a count. A clock that is set back within the window goes on in the current part; one that is set back further, or
// another window, begins again with the peak so far.
func (p Peak) Observe(at time.Time, connections uint64, window time.Duration) Peak {
	part := max(window/peakParts, time.Second)
	current := at.Unix() / int64(part/time.Second)
	if part != p.Part || current < p.Current-peakParts {
		connections = max(connections, p.Value())
		p = Peak{Part: part, Current: current}
	}
	for passed := min(current-p.Current, peakParts+1); passed > 0; passed-- {
		p.Largest[ring(current-passed+1)] = 0
	}
	p.Current = max(p.Current, current)
	place := ring(p.Current)
	p.Largest[place] = max(p.Largest[place], uint32(min(connections, math.MaxUint32)))
	return p
}

// Value is the largest load of the window.
func (p Peak) Value() uint64 {
	var largest uint32
	for _, n := range p.Largest {
		largest = max(largest, n)
	}
	return uint64(largest)
}

func ring(part int64) int64 {
	return (part%(peakParts+1) + peakParts + 1) % (peakParts + 1)
}
