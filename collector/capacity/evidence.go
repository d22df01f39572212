package capacity

import (
	"math"
	"time"
)

// Evidence is what a model rests on: the windows of steady load of the last day or two.
type Evidence struct {
	Windows     int
	Least, Most uint64        // connections
	Over        time.Duration // how long these windows last together
	// Doubt is how far off the bytes per connection may be, in bytes: one standard deviation.
	Doubt float64
}

// Evidence tells what the model rests on.
func (m Model) Evidence() Evidence {
	known := m.Day.solve()
	e := Evidence{
		Windows: m.Seen.Today.Windows + m.Seen.Yesterday.Windows, Least: whole(m.Seen.least()), Most: whole(m.Seen.most()),
		Over:  m.Seen.Elapsed,
		Doubt: math.Sqrt(inflation*known.factor.quadratic(vector{slope: 1})) * bytesUnit / connectionsUnit,
	}
	if m.Seen.Yesterday.Windows > 0 {
		e.Over += 24 * time.Hour
	}
	return e
}
