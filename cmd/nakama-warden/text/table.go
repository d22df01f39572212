package text

import (
	"slices"
	"strings"
)

const gap = "  "

// cell is one field of a table. Its text is escaped when it is laid out.
type cell struct {
	text   string
	colour colour
}

// column describes a column of a table.
type column struct {
	title string
	least int // how narrow it may become; 0: as wide as its cells
	yield int // on a narrow page, columns with a lower number give way first
	right bool
}

// table writes aligned columns under their titles, after an empty line.
func (p *page) table(all []column, rows [][]cell) {
	titles := make([]cell, len(all))
	for i, c := range all {
		titles[i] = cell{c.title, bold}
	}
	rows = append([][]cell{titles}, rows...)
	for _, row := range rows {
		for i := range row {
			row[i].text = escape(row[i].text)
		}
	}
	widths := fit(all, rows, p.style.Width)
	p.writeLine("")
	for _, row := range rows {
		p.row(all, widths, row)
	}
}

// without leaves a column out.
func without(title string, all []column, rows [][]cell) ([]column, [][]cell) {
	at := slices.IndexFunc(all, func(c column) bool { return c.title == title })
	for i := range rows {
		rows[i] = slices.Delete(rows[i], at, at+1)
	}
	return slices.Delete(all, at, at+1), rows
}

// fit returns the width of each column.
func fit(all []column, rows [][]cell, width int) []int {
	widths := make([]int, len(all))
	excess := len(gap)*(len(all)-1) - width
	last := 0
	for i, c := range all {
		for _, row := range rows {
			widths[i] = max(widths[i], columns(row[i].text))
		}
		excess += widths[i]
		last = max(last, c.yield)
	}
	if width <= 0 {
		return widths
	}
	for yield := 0; yield <= last; yield++ {
		for i, c := range all {
			if c.yield == yield && c.least > 0 && excess > 0 {
				given := max(min(excess, widths[i]-c.least), 0)
				widths[i] -= given
				excess -= given
			}
		}
	}
	return widths
}

// row writes one row. On a page that is too narrow even for shrunken columns the last ones are cut.
func (p *page) row(all []column, widths []int, row []cell) {
	var b strings.Builder
	left := p.style.Width
	for i, c := range row {
		width := widths[i]
		if i > 0 {
			b.WriteString(gap)
			left -= len(gap)
		}
		if p.style.Width > 0 {
			if left <= 0 {
				break
			}
			width = min(width, left)
			left -= width
		}
		text := truncate(c.text, width)
		padding := strings.Repeat(" ", max(width-columns(text), 0))
		if all[i].right {
			b.WriteString(padding + p.paint(c.colour, text))
		} else {
			b.WriteString(p.paint(c.colour, text) + padding)
		}
	}
	p.writeLine(b.String())
}
