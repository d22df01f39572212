package page

import (
	"fmt"
	"slices"

	"github.com/nakama-warden/nakama-warden/agent/web/page/chart"
)

// figure is a picture: shapes on a canvas that is stretched to the page's width, and words beside them that are not.
type figure struct {
	ID, Title, Desc   string
	Height, Top, Plot int     // pixels: of all, above the canvas, of the canvas
	Rules             []label // lines across, with the number they stand for
	Ticks             []label // along the lower edge
	Shapes            []shape
	Labels            []label
}

// Has is whether a shape of a kind is in it.
func (f figure) Has(kind string) bool {
	return slices.ContainsFunc(f.Shapes, func(s shape) bool { return s.Kind == kind })
}

// shape is a path of a kind, which the style sheet knows.
type shape struct{ Kind, Path string }

// label is a word at a place: X in percent of the width, Y in pixels.
type label struct {
	X, Anchor string
	Y         int
	Kind      string
	Text      string
}

// under is the room below the canvas for the words of its axis.
const under = 20

// plot draws a figure in a frame.
type plot struct {
	*figure
	frame chart.Frame
}

func newPlot(title string, top, height int, frame chart.Frame) plot {
	return plot{&figure{Title: title, Height: top + height + under, Top: top, Plot: height}, frame}
}

func (p plot) shape(kind, path string) {
	if path != "" {
		p.Shapes = append(p.Shapes, shape{kind, path})
	}
}

// y is how many pixels from the top a number is drawn, kept within the figure.
func (p plot) y(n float64) int {
	part := p.frame.Y.Part(n)
	if !(part >= 0) {
		part = 0
	}
	return p.Top + int(float64(p.Plot)*(1-min(part, 1)))
}

func (p plot) rule(n float64, text string) {
	p.Rules = append(p.Rules, label{Y: p.y(n), Text: text})
}

func (p plot) tick(n float64, text string) {
	part := p.frame.X.Part(n)
	anchor := "middle"
	switch {
	case part < 0.06:
		anchor = "start"
	case part > 0.94:
		anchor = "end"
	}
	p.Ticks = append(p.Ticks, label{X: percentage(part), Anchor: anchor, Y: p.Top + p.Plot + 15, Text: text})
}

// side is where there is room for a word at a place: to the right in the left part of a figure, and the other way round.
type side int

const (
	roomier side = iota
	left
	right
)

// beside writes a word beside a place, so many pixels above or below it.
func (p plot) beside(x, y float64, where side, down int, kind, text string) {
	part := p.frame.X.Part(x)
	p.word(part, p.y(y)+down, where, kind, text)
}

// word writes a word at a part of the width.
func (p plot) word(part float64, y int, where side, kind, text string) {
	if !(part >= 0) {
		part = 0
	}
	part = min(part, 1)
	l := label{X: percentage(part), Anchor: "start", Y: max(12, y), Kind: kind, Text: "\u00a0" + text}
	if where == left || where == roomier && part > 0.5 {
		l.Anchor, l.Text = "end", text+"\u00a0"
	}
	p.Labels = append(p.Labels, l)
}

// upright is a line from the lower edge to a height.
func (p plot) upright(kind string, x, y float64) {
	p.shape(kind, p.frame.Line([]chart.Point{{X: x, Y: p.frame.Y.Min}, {X: x, Y: y}}))
}

func (p plot) across(kind string, y float64) {
	p.shape(kind, p.frame.Line([]chart.Point{{X: p.frame.X.Min, Y: y}, {X: p.frame.X.Max, Y: y}}))
}

func percentage(part float64) string { return fmt.Sprintf("%.1f%%", 100*part) }
