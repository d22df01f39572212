package text

import (
	"fmt"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// units names the processes of the services that run here, who is connected, and their memory against its limit.
func (p *page) units(h status.Host) {
	if h.Sample == nil || len(h.Sample.Units) == 0 {
		return
	}
	var rows [][]cell
	for _, u := range h.Sample.Units {
		counted := unknown
		if len(u.Ports) > 0 {
			counted = howCounted(h.Time, u.Ports)
		}
		rows = append(rows, []cell{{text: u.Name}, {text: connections(u.Ports)}, {text: counted}, memoryCell(u.Memory), {text: files(u.Files)}})
	}
	head := []column{{title: "RUNNING", least: 8, yield: 1}, {title: "CONNECTIONS", least: 8, yield: 2}, {title: "COUNTED", least: 7, yield: 3},
		{title: "MEMORY", least: 10, yield: 2}, {title: "FILES", least: 5, yield: 4, right: true}}
	if p.narrow() {
		head, rows = without("COUNTED", head, rows)
	}
	p.table(head, rows)
}

// connections lists the ports with somebody connected, the busiest being what people look for.
func connections(ports []status.Port) string {
	if len(ports) == 0 {
		return unknown
	}
	var parts []string
	for _, port := range ports {
		if port.Connections > 0 {
			parts = append(parts, fmt.Sprintf("%s at %d", short(port.Connections), port.Port))
		}
	}
	return orElse(strings.Join(parts, ", "), "0")
}

func howCounted(now time.Time, ports []status.Port) string {
	newest := ports[0]
	for _, port := range ports {
		if port.How != "last" {
			newest = port
		}
	}
	if newest.How == "exact" {
		return "exactly"
	}
	return fmt.Sprintf("%s, exact %s", newest.How, ago(now, newest.Exact))
}

// memoryCell is red where nine tenths are in use: there somebody is paged.
func memoryCell(m status.Memory) cell {
	if m.Limit == 0 {
		return cell{text: bytes(m.Resident)}
	}
	share := float64(m.Resident) / float64(m.Limit)
	c := cell{text: fmt.Sprintf("%s of %s (%.0f %%)", bytes(m.Resident), bytes(m.Limit), 100*share)}
	switch {
	case share >= 0.9:
		c.colour = red
	case share >= 0.75:
		c.colour = yellow
	}
	return c
}

// bytes is decimal, as the sizes of hosts are.
func bytes(n uint64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

func files(l *status.Level) string {
	if l == nil || l.Limit == 0 {
		return unknown
	}
	return fmt.Sprintf("%.0f %%", 100*float64(l.Used)/float64(l.Limit))
}

// unmeasured are what could not be measured, and what would help.
func unmeasured(s *status.Sample) []string {
	if s == nil {
		return nil
	}
	notes := append([]string(nil), s.Problems...)
	if s.Machine.Advice != "" {
		notes = append(notes, s.Machine.Advice)
	}
	for _, u := range s.Units {
		for _, problem := range u.Problems {
			notes = append(notes, u.Name+": "+problem)
		}
		if u.Application != nil && u.Application.Problem != "" {
			notes = append(notes, u.Name+", asked for its metrics: "+u.Application.Problem)
		}
	}
	return notes
}
