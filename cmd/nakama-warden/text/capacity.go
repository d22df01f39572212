package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// capacity shows, for each Nakama, how full it is and how much more would fit; below, how sure that is.
func (p *page) capacity(h status.Host) {
	if h.Sample == nil {
		return
	}
	var rows [][]cell
	var notes []string
	var joint []*status.Joint
	barred := false
	for _, u := range h.Sample.Units {
		c := u.Capacity
		if c == nil {
			continue
		}
		bar := headroom(u, *c, barWidth(p.style.Width))
		barred = barred || bar.text != words.Unknown
		rows = append(rows, []cell{{text: u.Name}, bar, inUse(u, *c), fits(*c), ratio(*c, p.narrow())})
		notes = append(notes, u.Name+": "+sure(*c))
		if generous := words.Generous(*c); generous != "" {
			notes = append(notes, u.Name+": "+generous)
		}
		if j := c.Joint; j != nil && !slices.ContainsFunc(joint, func(told *status.Joint) bool { return slices.Equal(told.Units, j.Units) }) {
			joint = append(joint, j)
		}
	}
	if len(rows) == 0 {
		return
	}
	p.table([]column{{title: "CAPACITY", least: 8, yield: 2}, {title: "HEADROOM"}, {title: "IN USE", least: 5, yield: 4, right: true},
		{title: "FIT", least: 9, yield: 3}, {title: "OF PEAK", least: 6, yield: 1}}, rows)
	if barred {
		p.prose(line{text: "  # in use   - sure to fit, with 90 % certainty   ? expected to fit", colour: dim, hang: 2})
	}
	for _, j := range joint {
		notes = append(notes, words.Together(*j))
	}
	for _, note := range notes {
		p.prose(line{lead: "  ", text: note, hang: 4})
	}
}

// barWidth is how many columns of a page of this width show the headroom.
func barWidth(width int) int {
	switch {
	case width <= 0 || width >= 100:
		return 24
	case width >= 72:
		return 16
	}
	return 10
}

// headroom is a bar over everything that is expected to fit, with a mark where certainty ends. It is of ASCII: a terminal that
// shows nothing else shows this.
func headroom(u status.Unit, c status.Capacity, width int) cell {
	n := words.Connected(u)
	most := float64(max(n, c.Fits, c.Expected))
	if most == 0 || c.Fits == 0 && !c.Known {
		return cell{text: words.Unknown}
	}
	used, certain := int(float64(n)/most*float64(width)), int(float64(c.Fits)/most*float64(width))
	if n > 0 {
		used = max(1, used) // somebody is there
	}
	if !c.Known {
		certain = 0
	}
	bar := []byte(strings.Repeat("?", width))
	for i := range bar {
		switch {
		case i < used:
			bar[i] = '#'
		case i < certain:
			bar[i] = '-'
		}
	}
	if c.Known && certain < width {
		bar[certain] = '|'
	}
	return cell{text: "[" + string(bar) + "]", colour: colourOf(words.Fullness(n, c))}
}

func inUse(u status.Unit, c status.Capacity) cell {
	if !c.Known || c.Fits == 0 {
		return cell{text: words.Unknown}
	}
	n := words.Connected(u)
	return cell{text: words.Percent(n, c.Fits), colour: colourOf(words.Fullness(n, c))}
}

func fits(c status.Capacity) cell {
	if !c.Known {
		return cell{text: "not known", colour: yellow}
	}
	return cell{text: fmt.Sprintf("%s by %s", words.Short(c.Fits), c.Binding)}
}

// ratio is the provision ratio, and on a page with room the wanted one. It is never cut: a number without its end is another.
func ratio(c status.Capacity, narrow bool) cell {
	if !c.Known || c.Ratio <= 0 {
		return cell{text: words.Unknown}
	}
	out := cell{text: fmt.Sprintf("%.1f × %s", c.Ratio, words.Short(c.Peak))}
	if !narrow {
		out.text += fmt.Sprintf(", want %.1f", c.Target)
	}
	if c.Below {
		out.colour = yellow
	}
	return out
}

// sure says how sure the numbers are, or why there are none.
func sure(c status.Capacity) string {
	switch {
	case c.Known && c.Expected > c.Fits:
		return fmt.Sprintf("%s are sure to fit and %s expected, at %s each", words.Grouped(c.Fits), words.Grouped(c.Expected), words.Size(c.BytesPerConnection))
	case c.Known:
		return fmt.Sprintf("%s fit, into %s, at %s of memory each", words.Grouped(c.Fits), limitOf(c), words.Size(c.BytesPerConnection))
	case c.Fits > 0:
		return fmt.Sprintf("%s; at a guess %s fit", words.Doubt(c.Reason), words.Grouped(c.Fits))
	}
	return words.Doubt(c.Reason)
}

// fullness answers how full the host is, for each Nakama on it.
func fullness(h status.Host) []line {
	if h.Sample == nil {
		return nil
	}
	var lines []line
	for _, u := range h.Sample.Units {
		if c := u.Capacity; c != nil {
			lines = append(lines, fullnessOf(u, *c))
		}
	}
	return lines
}

func fullnessOf(u status.Unit, c status.Capacity) line {
	n := words.Connected(u)
	switch {
	case !c.Known:
		return line{lead: "? % FULL  ", leadColour: dim, text: fmt.Sprintf("%s: %s connections; how many fit is not known yet", u.Name, words.Grouped(n))}
	case c.Fits == 0:
		return line{lead: "FULL  ", leadColour: red, text: fmt.Sprintf("%s: %s connections, and none is sure to fit", u.Name, words.Grouped(n))}
	}
	return line{lead: inUse(u, c).text + " FULL  ", leadColour: colourOf(words.Fullness(n, c)),
		text: fmt.Sprintf("%s: %s connections of %s that are sure to fit", u.Name, words.Grouped(n), words.Grouped(c.Fits))}
}
