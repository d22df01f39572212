package page

import (
	"fmt"
	"math"

	"github.com/nakama-warden/nakama-warden/agent/web/page/chart"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// far is how many times beyond what was seen a limit is not drawn any more: everything else would be a speck in the corner.
const far = 8

// dotSize is how near to each other dots are one, on the canvas.
const dotSize = 6

// scene is what the picture of memory against connections is made of.
type scene struct {
	status.Capacity
	now        chart.Point
	day, month []chart.Point
	limit      float64 // what the memory may grow to; 0 is not known
	fits       float64 // connections that fit into memory; 0 is not known
	seen       float64 // the most connections that were seen
	shared     bool
	beyond     bool // what fits is too far away to be drawn
	frame      chart.Frame
}

// pictureOf is memory against connections: what was measured, what the model makes of it, and where that meets the limit.
func pictureOf(u status.Unit, day, month status.UnitHistory) *figure {
	s := scene{Capacity: *u.Capacity, day: pairs(day), month: pairs(month), limit: float64(u.Memory.Limit), shared: u.Capacity.Joint != nil,
		now: chart.Point{X: float64(words.Connected(u)), Y: float64(u.Memory.Resident)}}
	for _, r := range s.Resources {
		if r.Name == "memory" && r.Limit > 0 {
			s.limit = float64(r.Limit)
			if r.Known {
				s.fits = float64(r.Fits)
			}
		}
	}
	if s.shared && s.fits > 0 {
		// What it may take when all that share the limit are as full as they may be.
		s.limit = s.upper(s.fits) + s.kernel(s.fits)
	}
	s.look()
	p := newPlot("Memory against connections of "+u.Name, 24, 260, s.frame)
	p.Height += 16 // for the name of the axis
	p.Desc = s.describe()
	s.axes(p)
	s.shapes(p)
	s.words(p)
	return p.figure
}

// pairs are the connections and memory of each step.
func pairs(h status.UnitHistory) []chart.Point {
	var points []chart.Point
	for i := range min(len(h.Connections), len(h.Memory)) {
		if h.Connections[i] != nil && h.Memory[i] != nil {
			points = append(points, chart.Point{X: float64(*h.Connections[i]), Y: float64(*h.Memory[i])})
		}
	}
	return points
}

// look chooses the frame: all that was seen, and what fits unless it is far.
func (s *scene) look() {
	used := s.now.Y
	s.seen = max(s.now.X, float64(s.Peak))
	for _, points := range [][]chart.Point{s.day, s.month} {
		for _, p := range points {
			s.seen, used = max(s.seen, p.X), max(used, p.Y)
		}
	}
	reach, height := s.seen, used
	s.beyond = s.fits > far*s.seen && s.seen > 0 || s.fits == 0 && s.limit > far*used && used > 0
	switch {
	case s.beyond && s.fits > 0:
		reach = 3 * s.seen
		height = max(used, s.upper(reach))
	case s.beyond:
		height = 2 * used
	default:
		reach = max(s.seen, s.fits, min(float64(s.Capacity.Fits), far*s.seen))
		height = max(used, s.limit)
	}
	s.frame = chart.Frame{X: chart.Upto(reach), Y: chart.Upto(height)}
}

// kernel is what so many connections take of the limit outside of the process.
func (s *scene) kernel(n float64) float64 { return float64(s.KernelPerConnection) * n }

// room is what is left for the process at n connections.
func (s *scene) room(n float64) float64 { return s.limit - s.kernel(n) }

func (s *scene) upper(n float64) float64 {
	return s.along(n, func(p status.CurvePoint) float64 { return float64(p.Upper) })
}

func (s *scene) expected(n float64) float64 {
	return s.along(n, func(p status.CurvePoint) float64 { return float64(p.Expected) })
}

// along reads the model between its points, and goes on straight beyond its last one. It is NaN where there is no model.
func (s *scene) along(n float64, y func(status.CurvePoint) float64) float64 {
	for i := 1; i < len(s.Curve); i++ {
		a, b := s.Curve[i-1], s.Curve[i]
		if n > float64(b.Connections) && i < len(s.Curve)-1 || b.Connections <= a.Connections {
			continue
		}
		part := (n - float64(a.Connections)) / float64(b.Connections-a.Connections)
		return y(a) + part*(y(b)-y(a))
	}
	return math.NaN()
}

// curve is the model over the width of the frame.
func (s *scene) curve(y func(n float64) float64) []chart.Point {
	const steps = 32
	var points []chart.Point
	for i := range steps + 1 {
		n := s.frame.X.Max * float64(i) / steps
		points = append(points, chart.Point{X: n, Y: y(n)})
	}
	return points
}

func (s *scene) axes(p plot) {
	for _, n := range s.frame.Y.Ticks(5) {
		p.rule(n, words.Size(n))
	}
	for _, n := range s.frame.X.Ticks(5) {
		p.tick(n, words.Grouped(uint64(n)))
	}
	p.Labels = append(p.Labels, label{X: "0%", Y: 14, Anchor: "start", Kind: "axis", Text: "memory of the process"},
		label{X: "100%", Y: p.Top + p.Plot + 31, Anchor: "end", Kind: "axis", Text: "connections"})
}

func (s *scene) shapes(p plot) {
	if s.limit > 0 && !s.beyond {
		room := s.curve(s.room)
		top := s.curve(func(float64) float64 { return s.frame.Y.Max })
		p.shape("forbidden", s.frame.Area(room, top))
		p.shape("limit", s.frame.Line(room))
	}
	if len(s.Curve) > 1 {
		expected, upper := s.curve(s.expected), s.curve(s.upper)
		p.shape("doubt", s.frame.Area(expected, upper))
		p.shape("model", s.frame.Line(expected))
		p.shape("bound", s.frame.Line(upper))
	}
	p.shape("month", s.frame.Dots(s.month, dotSize))
	p.shape("day", s.frame.Dots(s.day, dotSize))
	if s.Peak > 0 {
		p.upright("peak", float64(s.Peak), s.frame.Y.Max)
	}
	if s.fits > 0 && !s.beyond {
		p.upright("fits", s.fits, s.room(s.fits))
		p.shape("crossing", s.frame.Dots([]chart.Point{{X: s.fits, Y: s.room(s.fits)}}, 1))
	}
	if s.otherBinds() {
		p.upright("fits", float64(s.Capacity.Fits), s.frame.Y.Max)
	}
	p.shape("now", s.frame.Dots([]chart.Point{s.now}, 1))
}

// otherBinds is whether something else than memory runs out first, within the picture.
func (s *scene) otherBinds() bool {
	return s.Known && s.Binding != "memory" && float64(s.Capacity.Fits) <= s.frame.X.Max
}

// words name the lines at the lines. The upper left and the lower right of them are empty: what was measured lies along the model.
func (s *scene) words(p plot) {
	bottom := p.Top + p.Plot
	switch {
	case s.beyond:
		p.word(0, p.Top+14, right, "limit", s.limitName()+" lies far beyond")
	case s.limit > 0:
		p.word(0, p.y(s.limit)-6, right, "limit", s.limitName())
	}
	if at, room := s.quiet(); room && len(s.Curve) > 1 {
		p.beside(at, s.upper(at), left, -8, "bound", "90 % stay below")
		p.beside(at, s.expected(at), right, 18, "model", "expected")
	}
	if s.Peak > 0 {
		p.word(s.frame.X.Part(float64(s.Peak)), bottom-8, roomier, "peak", "peak "+words.Grouped(s.Peak))
	}
	if s.fits > 0 && !s.beyond {
		p.word(s.frame.X.Part(s.fits), bottom-26, roomier, "fits", words.Grouped(uint64(s.fits))+" fit")
	}
	if s.otherBinds() {
		p.word(s.frame.X.Part(float64(s.Capacity.Fits)), bottom-44, roomier, "fits", words.Grouped(s.Capacity.Fits)+" by "+s.Binding)
	}
	if s.frame.X.Part(s.now.X) > 0.5 {
		p.beside(s.now.X, s.now.Y, left, -10, "now", "now "+words.Grouped(uint64(s.now.X)))
	} else {
		p.beside(s.now.X, s.now.Y, right, 16, "now", "now "+words.Grouped(uint64(s.now.X)))
	}
}

// quiet is where the model has room for its names: beyond what was seen, and away from what is marked.
func (s *scene) quiet() (at float64, room bool) {
	best := 0.08
	for _, candidate := range []float64{0.72, 0.8, 0.6, 0.5, 0.4} {
		near := candidate - s.frame.X.Part(s.seen)
		if s.fits > 0 {
			near = min(near, math.Abs(s.frame.X.Part(s.fits)-candidate))
		}
		if near > best {
			best, at, room = near, candidate*s.frame.X.Max, true
		}
	}
	return at, room
}

func (s *scene) limitName() string {
	if s.shared {
		return "its part " + words.Size(s.limit)
	}
	return "limit " + words.Size(s.limit)
}

// describe tells the picture in words.
func (s *scene) describe() string {
	text := fmt.Sprintf("Now %s connections and %s of memory. Peak %s connections.", words.Grouped(uint64(s.now.X)), words.Size(s.now.Y), words.Grouped(s.Peak))
	if s.limit > 0 {
		text += " The memory limit is " + words.Size(s.limit) + "."
	}
	if s.limit > 0 && s.KernelPerConnection > 0 {
		text += fmt.Sprintf(" It falls with each connection by the %s that the kernel may hold for it.", words.Size(float64(s.KernelPerConnection)))
	}
	if s.fits > 0 {
		text += fmt.Sprintf(" The bound that memory stays below with 90 %% certainty meets it at %s connections.", words.Grouped(uint64(s.fits)))
	} else {
		text += " Where memory meets it is not known."
	}
	return text
}
