package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// unknown stands where a number would.
const unknown = "–"

// clock tells times as seen at the time of a page, in its zone.
type clock struct{ now time.Time }

// moment is a time in words, and for machines.
type moment struct{ Ago, At, Machine string }

func (c clock) moment(t time.Time) moment {
	if t.IsZero() {
		return moment{Ago: "never"}
	}
	return moment{Ago: ago(c.now, t), At: c.at(t), Machine: t.UTC().Format(time.RFC3339)}
}

// at is a time as people write it: the day only if it is another one.
func (c clock) at(t time.Time) string {
	t = t.In(c.now.Location())
	if t.Year() == c.now.Year() && t.YearDay() == c.now.YearDay() {
		return t.Format("15:04:05 MST")
	}
	return t.Format("2006-01-02 15:04 MST")
}

// span writes a duration in its largest unit that fits.
func span(d time.Duration) string {
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

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return span(now.Sub(then).Truncate(time.Second)) + " ago"
}

// grouped writes a number in groups of three.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// short writes a counter in at most five columns.
func short(n uint64) string {
	if n < 100_000 {
		return grouped(n)
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

// size writes bytes in decimal units, as the sizes of hosts are, with three digits.
func size(bytes float64) string {
	unit := "B"
	for _, next := range []string{"KB", "MB", "GB", "TB"} {
		if bytes < 999.5 && bytes > -999.5 {
			break
		}
		bytes, unit = bytes/1000, next
	}
	magnitude := max(bytes, -bytes)
	switch {
	case unit == "B" || magnitude >= 99.95:
		return fmt.Sprintf("%.0f %s", bytes, unit)
	case magnitude >= 9.995:
		return fmt.Sprintf("%.1f %s", bytes, unit)
	}
	return fmt.Sprintf("%.2f %s", bytes, unit)
}

// percent is a part of a whole that is not 0.
func percent(part, whole uint64) string {
	return fmt.Sprintf("%.0f %%", min(999, 100*float64(part)/float64(whole)))
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// because is a reason in brackets, if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func asked(by string) string {
	if by == "" {
		return ""
	}
	return " by " + by
}

func askedToo(by string) string {
	if by == "" {
		return ""
	}
	return "," + asked(by)
}

// prose is text in which what is to be typed stands in backticks.
type prose string

// part is a piece of prose.
type part struct {
	Code bool
	Text string
}

// Parts are the pieces, in turn words and what is to be typed. A backtick without its other stays one.
func (p prose) Parts() []part {
	var parts []part
	pieces := strings.Split(string(p), "`")
	for i, piece := range pieces {
		if i%2 == 1 && i == len(pieces)-1 {
			piece = "`" + piece
		}
		if piece != "" {
			parts = append(parts, part{i%2 == 1 && i < len(pieces)-1, piece})
		}
	}
	return parts
}

func proseOf(texts []string) []prose {
	var out []prose
	for _, text := range texts {
		out = append(out, prose(text))
	}
	return out
}

// few lists the first of many.
func few(all []string, shown int) string {
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
}

// first are so many of a list, and how many that leaves out.
func first[T any](all []T, most int) (shown []T, left int) {
	if len(all) <= most {
		return all, 0
	}
	return all[:most], len(all) - most
}

// last are so many of the end of a list.
func last[T any](all []T, most int) []T { return all[max(0, len(all)-most):] }
