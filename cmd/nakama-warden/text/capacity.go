package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
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
		barred = barred || bar.text != unknown
		rows = append(rows, []cell{{text: u.Name}, bar, inUse(u, *c), fits(*c), ratio(*c, p.narrow())})
		notes = append(notes, u.Name+": "+sure(*c))
		if c.SufficientMemory > 0 {
			notes = append(notes, u.Name+": "+generous(*c))
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
		notes = append(notes, together(*j))
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
	n := connected(u)
	most := float64(max(n, c.Fits, c.Expected))
	if most == 0 || c.Fits == 0 && !c.Known {
		return cell{text: unknown}
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
	return cell{text: "[" + string(bar) + "]", colour: urgency(n, c)}
}

func urgency(n uint64, c status.Capacity) colour {
	switch {
	case !c.Known:
		return plain
	case n >= c.Fits:
		return red
	case c.Below || c.Exhaustion != nil:
		return yellow
	}
	return green
}

func connected(u status.Unit) uint64 {
	var n uint64
	for _, port := range u.Ports {
		n += port.Connections
	}
	return n
}

func inUse(u status.Unit, c status.Capacity) cell {
	if !c.Known || c.Fits == 0 {
		return cell{text: unknown}
	}
	n := connected(u)
	return cell{text: fmt.Sprintf("%.0f %%", min(999, 100*float64(n)/float64(c.Fits))), colour: urgency(n, c)}
}

func fits(c status.Capacity) cell {
	if !c.Known {
		return cell{text: "not known", colour: yellow}
	}
	return cell{text: fmt.Sprintf("%s by %s", short(c.Fits), c.Binding)}
}

// ratio is the provision ratio, and on a page with room the wanted one. It is never cut: a number without its end is another.
func ratio(c status.Capacity, narrow bool) cell {
	if !c.Known || c.Ratio <= 0 {
		return cell{text: unknown}
	}
	out := cell{text: fmt.Sprintf("%.1f × %s", c.Ratio, short(c.Peak))}
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
		return fmt.Sprintf("%s are sure to fit and %s expected, at %s each", grouped(c.Fits), grouped(c.Expected), size(c.BytesPerConnection))
	case c.Known:
		return fmt.Sprintf("%s fit, into %s, at %s of memory each", grouped(c.Fits), limitOf(c), size(c.BytesPerConnection))
	case c.Fits > 0:
		return fmt.Sprintf("%s; at a guess %s fit", orElse(c.Reason, "not enough was seen"), grouped(c.Fits))
	}
	return orElse(c.Reason, "not enough was seen")
}

func generous(c status.Capacity) string {
	return fmt.Sprintf("has far more than is wanted: %s of memory would suffice for %.1f times its peak", size(float64(c.SufficientMemory)), c.Target)
}

// together says what several Nakamas carry within one limit.
func together(j status.Joint) string {
	text := fmt.Sprintf("%s share %s of memory (%s)", strings.Join(j.Units, ", "), size(float64(j.Limit)), j.LimitBy)
	if !j.Known {
		return text + ": how many fit on them together is not known"
	}
	return fmt.Sprintf("%s: %s are sure to fit on them together, in proportion to their peaks", text, grouped(j.Fits))
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
	n := connected(u)
	switch {
	case !c.Known:
		return line{lead: "? % FULL  ", leadColour: dim, text: fmt.Sprintf("%s: %s connections; how many fit is not known yet", u.Name, grouped(n))}
	case c.Fits == 0:
		return line{lead: "FULL  ", leadColour: red, text: fmt.Sprintf("%s: %s connections, and none is sure to fit", u.Name, grouped(n))}
	}
	return line{lead: inUse(u, c).text + " FULL  ", leadColour: urgency(n, c),
		text: fmt.Sprintf("%s: %s connections of %s that are sure to fit", u.Name, grouped(n), grouped(c.Fits))}
}

// provisioning says what is wrong with a unit's capacity.
func provisioning(u status.Unit) []finding {
	c := u.Capacity
	if c == nil || !c.Known {
		return nil
	}
	var found []finding
	if c.Below {
		found = append(found, finding{"ProvisionBelowTarget", u.Name, fmt.Sprintf("%s: %s connections fit, %.1f times the peak of %s; %.1f are wanted: %s",
			u.Name, grouped(c.Fits), c.Ratio, grouped(c.Peak), c.Target, remedy(c.Binding)), ""})
	}
	if c.Exhaustion != nil {
		// In the zone in which the host tells it.
		found = append(found, finding{"MemoryExhaustionForecast", u.Name,
			fmt.Sprintf("%s: memory is forecast to run out at %s: add nodes before, or memory", u.Name, c.Exhaustion.Format("15:04")), ""})
	}
	return found
}

// remedy is what makes more fit.
func remedy(binding string) string {
	switch binding {
	case "descriptors":
		return "raise its limit of open files (LimitNOFILE), or add nodes"
	case "conntrack":
		return "raise net.netfilter.nf_conntrack_max, or add nodes"
	}
	return "add nodes, or memory"
}
