package text

import (
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

func (p *page) services(services []status.Service) {
	if len(services) == 0 {
		return
	}
	// Names that are cut look alike, titles that are cut do not.
	head := []column{{title: "SERVICE", least: 8, yield: 4}, {title: "PORTS", least: 5, yield: 3}, {title: "FROM", least: 6, yield: 1},
		{title: "MODE"}, {title: "ENFORCED", least: 4, yield: 2}, {title: "ALLOWED", least: 5, yield: 2, right: true},
		{title: "REFUSED", least: 7, yield: 2, right: true}}
	var rows [][]cell
	counted := false
	for _, s := range services {
		row := words.ServiceOf(s)
		counted = counted || row.Let
		ports := strings.ReplaceAll(row.Ports, ", ", ",") // digits are told apart without a space, and there is none to spare
		rows = append(rows, []cell{{text: row.Name}, {text: ports}, {text: row.From}, {text: row.Mode}, {row.Enforced, colourOf(row.Level)},
			{text: row.Allowed}, countCell(row.Refused, row.Let)})
	}
	if p.narrow() {
		head, rows = without("ALLOWED", head, rows)
	}
	p.table(head, rows)
	if counted {
		p.prose(line{text: "Packets; (n) were let in and would have been refused.", colour: dim})
	}
}

func countCell(packets string, let bool) cell {
	if let {
		return cell{packets, yellow}
	}
	return cell{text: packets}
}

// units names the processes of the services that run here, who is connected, and their memory against its limit.
func (p *page) units(h status.Host) {
	if h.Sample == nil || len(h.Sample.Units) == 0 {
		return
	}
	var rows [][]cell
	for _, u := range h.Sample.Units {
		row := words.UnitOf(h.Time, u)
		rows = append(rows, []cell{{text: row.Name}, {text: row.Connections}, {text: row.Counted}, {row.Memory, colourOf(row.Level)}, {text: row.Files}})
	}
	head := []column{{title: "RUNNING", least: 8, yield: 1}, {title: "CONNECTIONS", least: 8, yield: 2}, {title: "COUNTED", least: 7, yield: 3},
		{title: "MEMORY", least: 10, yield: 2}, {title: "FILES", least: 5, yield: 4, right: true}}
	if p.narrow() {
		head, rows = without("COUNTED", head, rows)
	}
	p.table(head, rows)
}

func (p *page) roster(h status.Host) {
	if len(h.Roster) == 0 {
		return
	}
	var rows [][]cell
	for _, g := range h.Roster {
		row := words.GroupOf(h.Time, g)
		rows = append(rows, []cell{{text: row.Name}, {text: row.Addresses}, {row.Sources, colourOf(row.Level)}, {text: row.Answered}})
	}
	p.table([]column{{title: "GROUP", least: 8, yield: 3}, {title: "ADDRESSES", least: 5, yield: 2, right: true},
		{title: "SOURCES", least: 14, yield: 1}, {title: "ANSWERED"}}, rows)
}

// refused names who was turned away, or would have been.
func (p *page) refused(h status.Host) {
	var rows [][]cell
	for _, r := range words.Refusals(h.Services) {
		rows = append(rows, []cell{{text: r.Service}, {text: r.Source}, countCell(r.Packets, r.Let), {text: words.Ago(h.Time, r.Last)}})
	}
	if len(rows) == 0 {
		return
	}
	p.table([]column{{title: "REFUSED AT", least: 8, yield: 2}, {title: "SOURCE", least: 12, yield: 1},
		{title: "PACKETS", right: true}, {title: "LAST"}}, rows)
}

func (p *page) lastDrift(h status.Host) {
	told := words.LastDrift(h)
	if told == "" {
		return
	}
	p.heading("LAST DRIFT")
	p.prose(line{lead: "  ", text: told})
	for _, change := range h.Firewall.LastDrift.Changes {
		p.prose(line{lead: "    ", text: change, hang: 6})
	}
}

func (p *page) notes(h status.Host) {
	for i, note := range words.Notes(h) {
		if i == 0 {
			p.heading("NOTES")
		}
		p.prose(line{lead: "  ", text: note, hang: 4})
	}
}
