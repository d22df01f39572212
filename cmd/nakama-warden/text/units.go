package text

import (
	"fmt"
	"strconv"
	"time"
)

// span writes a duration in its largest unit that fits.
func span(d time.Duration) string {
	switch {
	case d <= 0: // less than nothing: the clock was set back
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(d.Microseconds(), 1))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// ago writes how long before now something was.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return span(now.Sub(then).Truncate(time.Second)) + " ago"
}

// short writes a counter in at most five columns: people compare magnitudes, machines read JSON.
func short(n uint64) string {
	if n < 100_000 {
		return strconv.FormatUint(n, 10)
	}
	value, unit := float64(n)/1000, "k"
	for _, next := range []string{"M", "G", "T", "P", "E"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, next
	}
	if value < 100 {
		return fmt.Sprintf("%.1f%s", value, unit)
	}
	return fmt.Sprintf("%.0f%s", value, unit)
}
