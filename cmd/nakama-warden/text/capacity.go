package text

import (
	"fmt"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// barWidth is how many columns the headroom of a unit takes.
const barWidth = 20

// capacity shows, for each Nakama, how full it is and how much more would fit.
func (p *page) capacity(h status.Host) {
	if h.Sample == nil {
		return
	}
	var rows [][]cell
	for _, u := range h.Sample.Units {
		if c := u.Capacity; c != nil {
			rows = append(rows, []cell{{text: u.Name}, headroom(u, *c), fits(*c), ratio(*c), {text: sure(*c)}})
		}
	}
	if len(rows) == 0 {
		return
	}
	p.table([]column{{title: "CAPACITY", least: 8, yield: 2}, {title: "HEADROOM", least: 10, yield: 5}, {title: "FITS", least: 8, yield: 3},
		{title: "OF PEAK", least: 6, yield: 4}, {title: "HOW SURE", least: 8, yield: 1}}, rows)
}

// headroom is a bar: what is used, what is certain to fit, and what may.
func headroom(u status.Unit, c status.Capacity) cell {
	most := max(c.Fits, c.Expected)
	if !c.Known || most == 0 {
		return cell{text: unknown}
	}
	var n uint64
	for _, port := range u.Ports {
		n += port.Connections
	}
	columns := func(of uint64) int { return int(min(of, most) * barWidth / most) }
	used, certain := columns(n), columns(c.Fits)
	bar := strings.Repeat("#", used) + strings.Repeat("-", max(0, certain-used)) + strings.Repeat("?", max(0, barWidth-max(used, certain)))
	out := cell{text: fmt.Sprintf("%s %.0f %%", bar, 100*float64(n)/float64(max(1, c.Fits))), colour: green}
	if c.Below {
		out.colour = yellow
	}
	if n >= c.Fits {
		out.colour = red
	}
	return out
}

func fits(c status.Capacity) cell {
	if !c.Known {
		return cell{text: unknown}
	}
	return cell{text: fmt.Sprintf("%s by %s", short(c.Fits), c.Binding)}
}

// ratio is the provision ratio, and the wanted one.
func ratio(c status.Capacity) cell {
	if !c.Known || c.Ratio <= 0 {
		return cell{text: unknown}
	}
	out := cell{text: fmt.Sprintf("%.1f × %s (want %.1f)", c.Ratio, short(c.Peak), c.Target)}
	if c.Below {
		out.colour = yellow
	}
	return out
}

func sure(c status.Capacity) string {
	if !c.Known {
		return "not known: " + orElse(c.Reason, "not enough was seen")
	}
	return fmt.Sprintf("90 %%, at %.1f KB each", c.BytesPerConnection/1e3)
}

// provisioning says what is wrong with a unit's capacity.
func provisioning(u status.Unit) []string {
	c := u.Capacity
	if c == nil || !c.Known {
		return nil
	}
	var found []string
	if c.Below {
		found = append(found, fmt.Sprintf("%s: %s connections fit, %.1f times the peak of %s; %.1f are wanted: add nodes or %s",
			u.Name, short(c.Fits), c.Ratio, short(c.Peak), c.Target, c.Binding))
	}
	if c.Exhaustion != nil {
		found = append(found, fmt.Sprintf("%s: its %s is forecast to run out at %s", u.Name, c.Binding, c.Exhaustion.Local().Format("15:04")))
	}
	return found
}
