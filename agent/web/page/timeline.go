package page

import (
	"fmt"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/web/page/chart"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// timeline is a figure of something over time, and what it says in words.
type timeline struct {
	figure
	Caption string
}

// course is the history of one unit with its times.
type course struct {
	status.UnitHistory
	start time.Time
	step  time.Duration
}

// period is how long a timeline is, and the words under it.
type period struct {
	name   string
	length time.Duration
	every  int // hours between two words
	layout string
	full   string // of one time
}

const day = 24 * time.Hour

func periods() [2]period {
	return [2]period{{"last 24 hours", day, 6, "15:04", "15:04"}, {"last 30 days", 30 * day, 7 * 24, "2 Jan", "Mon 2 Jan 15:04"}}
}

// historyOf is the history of a unit; nothing if there is none.
func historyOf(h status.History, name string) course {
	for _, u := range h.Units {
		if u.Name == name {
			return course{u, h.Start, h.Step}
		}
	}
	return course{}
}

// timelinesOf are the connections and the memory of the last day and month; those of which nothing is known are left out.
func timelinesOf(c clock, u status.Unit, day, month course) []timeline {
	var out []timeline
	for i, course := range []course{day, month} {
		period := periods()[i]
		var fits float64
		if u.Capacity != nil && u.Capacity.Known {
			fits = float64(u.Capacity.Fits)
		}
		out = append(out,
			course.draw(c, period, "Connections", course.Connections, number, fits, "fits"),
			course.draw(c, period, "Memory", course.Memory, words.Size, float64(u.Memory.Limit), "limit"))
	}
	return slices.DeleteFunc(out, func(t timeline) bool { return !t.Has("course") })
}

func number(n float64) string {
	if n < 100_000 {
		return words.Grouped(uint64(max(0, n)))
	}
	return words.Short(uint64(min(n, 1<<63)))
}

// draw draws one column over a period, and a line that it must not meet, unless that is far above.
func (h course) draw(c clock, p period, what string, column []*uint64, in func(float64) string, line float64, kind string) timeline {
	points, most, last := h.points(column)
	y := chart.Upto(most.Y)
	if line <= 3*most.Y {
		y = chart.Upto(most.Y, line)
	}
	plot := newPlot(what+", "+p.name, 10, 96, chart.Frame{X: chart.Between(c.now.Add(-p.length), c.now), Y: y})
	for _, n := range y.Ticks(3) {
		plot.rule(n, in(n))
	}
	for _, t := range chart.Hours(c.now.Add(-p.length), c.now, p.every) {
		plot.tick(chart.Seconds(t), t.Format(p.layout))
	}
	if line > 0 && line <= y.Max {
		plot.across(kind, line)
		plot.word(1, plot.y(line)-4, left, kind, kind+" "+in(line))
	}
	plot.shape("course", plot.frame.Line(points))
	var out timeline
	if most.X > 0 {
		plot.shape("most", plot.frame.Dots([]chart.Point{most}, 1))
		out.Caption = fmt.Sprintf("%s, %s: most %s (%s), last %s.", what, p.name, in(most.Y), time.UnixMilli(int64(most.X*1000)).In(c.now.Location()).Format(p.full), in(last.Y))
	}
	plot.Desc = out.Caption
	out.figure = *plot.figure
	return out
}

// points are the steps of a column; those that are not known are gaps.
func (h course) points(column []*uint64) (points []chart.Point, most, last chart.Point) {
	for i, value := range column {
		if value == nil {
			points = append(points, chart.Gap())
			continue
		}
		last = chart.Point{X: chart.Seconds(h.start.Add(time.Duration(i) * h.step)), Y: float64(*value)}
		if last.Y >= most.Y {
			most = last
		}
		points = append(points, last)
	}
	return points, most, last
}
