package text

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

const unknown = "–"

// identity says which host this is and what runs there.
func identity(h status.Host) string {
	parts := []string{h.Hostname, strings.Join(h.Roles, " and "), h.Environment}
	if h.Version != "" {
		parts = append(parts, "nakama-warden "+h.Version)
	}
	if h.Revision != "" {
		parts = append(parts, "revision "+h.Revision)
	}
	if !h.Agent.Started.IsZero() {
		parts = append(parts, "up "+strings.TrimSuffix(ago(h.Time, h.Agent.Started), " ago"))
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}

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
		refused := cell{text: packets(s, "refused")}
		if _, would := s.Traffic["would_refuse"]; would && s.Mode == modeAudit {
			refused = cell{"(" + packets(s, "would_refuse") + ")", yellow}
			counted = true
		}
		rows = append(rows, []cell{{text: s.Name}, {text: ports(s)}, {text: orElse(strings.Join(s.From, ", "), "nobody")},
			{text: s.Mode}, enforcedCell(s), {text: packets(s, "allowed")}, refused})
	}
	if p.narrow() {
		head, rows = without("ALLOWED", head, rows)
	}
	p.table(head, rows)
	if counted {
		p.prose(line{text: "Packets; (n) were let in and would have been refused.", colour: dim})
	}
}

func enforcedCell(s status.Service) cell {
	switch {
	case s.Enforced:
		return cell{"yes", green}
	case s.Mode == modeEnforce:
		return cell{"NO", red}
	}
	return cell{"no", plain}
}

func ports(s status.Service) string {
	all := make([]string, len(s.Ports))
	for i, port := range s.Ports {
		all[i] = strconv.Itoa(int(port))
	}
	for _, port := range s.Aliases {
		all = append(all, "("+strconv.Itoa(int(port))+")")
	}
	text := orElse(strings.Join(all, ","), unknown)
	if s.Protocol != "" && s.Protocol != "tcp" {
		text += "/" + s.Protocol
	}
	return text
}

func packets(s status.Service, verdict string) string {
	count, known := s.Traffic[verdict]
	if !known {
		return unknown
	}
	return short(count.Packets)
}

func (p *page) roster(h status.Host) {
	if len(h.Roster) == 0 {
		return
	}
	var rows [][]cell
	for _, g := range h.Roster {
		declared := cmp.Or(g.Entries, g.Addresses) // neighbours are one prefix in the kernel, and two to whoever wrote them down
		rows = append(rows, []cell{{text: g.Name}, {text: strconv.Itoa(declared)}, sourcesCell(g), answered(h, g)})
	}
	p.table([]column{{title: "GROUP", least: 8, yield: 3}, {title: "ADDRESSES", least: 5, yield: 2, right: true},
		{title: "SOURCES", least: 14, yield: 1}, {title: "ANSWERED"}}, rows)
}

// sourcesCell names the failing sources first: they are what must survive a narrow page.
func sourcesCell(g status.Group) cell {
	var failing, up []string
	for _, s := range g.Sources {
		if s.Up {
			up = append(up, s.Name)
		} else {
			failing = append(failing, s.Name+" FAILS")
		}
	}
	text := orElse(strings.Join(append(failing, up...), ", "), "none")
	if len(failing) > 0 {
		return cell{text, red}
	}
	return cell{text: text}
}

func answered(h status.Host, g status.Group) cell {
	if len(g.Sources) == 0 {
		return cell{text: unknown}
	}
	return cell{text: ago(h.Time, g.LastSuccess)}
}

// refused names who was turned away, or would have been.
func (p *page) refused(h status.Host) {
	var rows [][]cell
	for _, s := range h.Services {
		for _, r := range s.Refused {
			count := cell{text: short(r.Count)}
			if r.Verdict != "refused" {
				count = cell{"(" + short(r.Count) + ")", yellow}
			}
			rows = append(rows, []cell{{text: s.Name}, {text: r.Source}, count, {text: ago(h.Time, r.Last)}})
		}
	}
	if len(rows) == 0 {
		return
	}
	p.table([]column{{title: "REFUSED AT", least: 8, yield: 2}, {title: "SOURCE", least: 12, yield: 1},
		{title: "PACKETS", right: true}, {title: "LAST"}}, rows)
}

func (p *page) lastDrift(h status.Host) {
	d := h.Firewall.LastDrift
	if d == nil {
		return
	}
	total := uint64(0)
	for _, n := range h.Firewall.Drifts {
		total += n
	}
	p.heading("LAST DRIFT")
	p.prose(line{lead: "  ", text: fmt.Sprintf("%s: %s changed by %s, put right in %s (%d so far)",
		ago(h.Time, d.Time), d.Kind, orElse(d.By, "somebody unknown"), span(d.Repair), total)})
	for _, change := range d.Changes {
		p.prose(line{lead: "    ", text: change, hang: 6})
	}
}

// notes are worth knowing and need nobody now.
func (p *page) notes(h status.Host) {
	notes := slices.Clone(h.Config.Warnings)
	if h.Firewall.GripReason != "" {
		notes = append(notes, fmt.Sprintf("grip is %s: %s", orElse(h.Firewall.Grip, "none"), h.Firewall.GripReason))
	}
	for _, r := range h.Firewall.Revoked {
		notes = append(notes, fmt.Sprintf("%s was revoked%s: `nakama-warden revoke --undo %s` lets it back in", r.Prefix, reason(r.Why), r.Prefix))
	}
	for _, what := range []string{h.Firewall.CutOff, h.Firewall.Refusals} {
		if what != "" {
			notes = append(notes, what)
		}
	}
	notes = append(notes, h.Firewall.Paths...)
	notes = append(notes, unmeasured(h.Sample)...)
	if h.Firewall.EventsLost > 0 {
		notes = append(notes, fmt.Sprintf("%d events were lost", h.Firewall.EventsLost))
	}
	if len(notes) == 0 {
		return
	}
	p.heading("NOTES")
	for _, note := range notes {
		p.prose(line{lead: "  ", text: note, hang: 4})
	}
}

func reason(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
