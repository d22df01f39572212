package words

import (
	"fmt"
	"strconv"
	"time"
)

// Unknown stands where a number would.
const Unknown = "–"

// Span writes a duration in its largest unit that fits.
func Span(d time.Duration) string {
	switch {
	case d <= 0: // less than nothing: the clock was set back
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(d.Microseconds(), 1))
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2g ms", float64(d.Microseconds())/1000)
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

// Ago writes how long before now something was.
func Ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return since(now, then) + " ago"
}

// since is of whole seconds: a page that is read again is not to flicker.
func since(now, then time.Time) string { return Span(now.Sub(then).Truncate(time.Second)) }

// Clock writes a time in the zone in which it is given, and names that: summaries of alerts have their times in UTC.
func Clock(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

// Grouped writes a count with its thousands apart.
func Grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// Short writes a counter in at most five columns, for a cell: people compare magnitudes, machines read JSON.
func Short(n uint64) string {
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

// Size writes bytes in decimal units, as the sizes of hosts are, to three digits or more: what is compared must not be rounded away.
func Size(bytes float64) string {
	unit := "B"
	for _, next := range []string{"KB", "MB", "GB", "TB"} {
		if bytes < 999.5 && bytes > -999.5 {
			break
		}
		bytes, unit = bytes/1000, next
	}
	decimals := 0
	if unit != "B" {
		for v := max(bytes, -bytes); v < 99.95 && decimals < 2; v *= 10 {
			decimals++
		}
	}
	return strconv.FormatFloat(bytes, 'f', decimals, 64) + " " + unit
}

// Percent is a part of a whole that is not 0.
func Percent(part, whole uint64) string {
	return fmt.Sprintf("%.0f %%", min(999, 100*float64(part)/float64(whole)))
}

// Several is a count of things.
func Several(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return Grouped(uint64(max(0, n))) + " " + thing
}
