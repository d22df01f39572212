// Package chart turns numbers into the path data of SVG.
//
// Everything is drawn on a canvas of Side by Side units, with the origin at the bottom left of what is charted. A page stretches
// the canvas to whatever width it has, and writes the words beside it in pixels: words that were stretched could not be read on a
// phone. What is no number is a gap.
package chart

import (
	"math"
	"strconv"
)

// Side is the length of the canvas' sides.
const Side = 1000

// Point is a place in the numbers' own units. A coordinate that is not finite makes it a gap.
type Point struct{ X, Y float64 }

// Gap is a point that is not known.
func Gap() Point { return Point{math.NaN(), math.NaN()} }

// Frame is the part of the plane that is drawn. What lies outside is drawn outside, up to a side's length.
type Frame struct{ X, Y Range }

// Line is the path through the points, with a gap where one is not known. A point between two gaps is a dot, if the stroke has
// round ends.
func (f Frame) Line(points []Point) string {
	var p pen
	down := false
	for _, point := range points {
		x, y, ok := f.place(point)
		switch {
		case !ok:
			p.dot(down)
		case down:
			p.line(x, y)
		default:
			p.move(x, y)
		}
		down = ok
	}
	p.dot(down)
	return p.String()
}

// Area is a closed shape between two lines over the same x. Points that are not known are left out of it.
func (f Frame) Area(lower, upper []Point) string {
	var p pen
	for _, point := range upper {
		p.through(f.place(point))
	}
	for i := len(lower) - 1; i >= 0; i-- {
		p.through(f.place(lower[i]))
	}
	p.close()
	return p.String()
}

// Dots is a path of one dot for each point, if the stroke has round ends. A dot hides those within cell units of it: a month of
// them would weigh as much as the rest of the page, and look the same.
func (f Frame) Dots(points []Point, cell int) string {
	var p pen
	drawn := map[[2]int]bool{}
	for _, point := range points {
		x, y, ok := f.place(point)
		at := [2]int{x / max(cell, 1), y / max(cell, 1)}
		if !ok || drawn[at] {
			continue
		}
		drawn[at] = true
		p.move(x, y)
		p.dot(true)
	}
	return p.String()
}

// place is where a point lies on the canvas, where y runs downwards.
func (f Frame) place(p Point) (x, y int, ok bool) {
	right, up := f.X.Part(p.X), f.Y.Part(p.Y)
	if math.IsNaN(right) || math.IsNaN(up) {
		return 0, 0, false
	}
	return units(right), units(1 - up), true
}

func units(part float64) int { return int(math.Round(Side * min(max(part, -1), 2))) }

// pen writes path data, the shortest there is: relative and whole.
type pen struct {
	path  []byte
	x, y  int
	begun bool
	moved bool // nothing was drawn since the last move
}

func (p *pen) String() string { return string(p.path) }

func (p *pen) move(x, y int) {
	if p.begun {
		p.step('m', x, y)
	} else {
		p.step('M', x, y)
	}
	p.begun, p.moved = true, true
}

func (p *pen) line(x, y int) {
	p.step('l', x, y)
	p.moved = false
}

func (p *pen) through(x, y int, ok bool) {
	switch {
	case !ok:
	case p.begun:
		p.line(x, y)
	default:
		p.move(x, y)
	}
}

// dot makes a point of a line that has one only.
func (p *pen) dot(down bool) {
	if down && p.moved {
		p.path = append(p.path, "h0"...)
		p.moved = false
	}
}

func (p *pen) close() {
	if p.begun {
		p.path = append(p.path, 'z')
	}
}

func (p *pen) step(command byte, x, y int) {
	p.path = append(p.path, command)
	p.path = strconv.AppendInt(p.path, int64(x-p.x), 10)
	if dy := y - p.y; dy >= 0 {
		p.path = append(p.path, ' ')
		p.path = strconv.AppendInt(p.path, int64(dy), 10)
	} else {
		p.path = strconv.AppendInt(p.path, int64(dy), 10)
	}
	p.x, p.y = x, y
}
