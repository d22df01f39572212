package words

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// How many names and ports a cell has room for.
const (
	manyNames = 12
	manyPorts = 16
)

// Service is a row of the table of services: who may reach what.
type Service struct {
	Name, Ports, From, Mode string
	Enforced                string
	Level                   Level // of Enforced
	Reason                  string
	Allowed, Refused        string // packets
	Let                     bool   // Refused were let in and would have been refused: it stands in brackets
	Unsafe                  bool
}

// ServiceOf is the row of a service.
func ServiceOf(s status.Service) Service {
	row := Service{Name: s.Name, Ports: ports(s), From: cmp.Or(few(s.From, manyNames), "nobody"), Mode: s.Mode, Reason: s.Reason, Unsafe: s.Unsafe,
		Allowed: packets(s, "allowed"), Refused: packets(s, "refused")}
	switch {
	case s.Enforced:
		row.Enforced, row.Level = "yes", Good
	case s.Mode == ModeEnforce:
		row.Enforced, row.Level = "NO", Bad
	default:
		row.Enforced, row.Level = "no", Plain
	}
	if _, counted := s.Traffic[wouldRefuse]; counted && s.Mode == ModeAudit {
		row.Refused, row.Let = "("+packets(s, wouldRefuse)+")", true
	}
	return row
}

// ports are those of a service, and in brackets others that lead to it.
func ports(s status.Service) string {
	all := numbers(s.Ports)
	for _, alias := range numbers(s.Aliases) {
		all = append(all, "("+alias+")")
	}
	text := cmp.Or(few(all, manyPorts), Unknown)
	if s.Protocol != "" && s.Protocol != "tcp" {
		text += "/" + s.Protocol
	}
	return text
}

func numbers(ports []uint16) []string {
	all := make([]string, len(ports))
	for i, port := range ports {
		all[i] = strconv.Itoa(int(port))
	}
	return all
}

func packets(s status.Service, verdict string) string {
	count, known := s.Traffic[verdict]
	if !known {
		return Unknown
	}
	return Short(count.Packets)
}

// Refusal is a row of the table of who was turned away, or in audit would have been.
type Refusal struct {
	Service, Source, Ports string
	Packets                string // in brackets if they were let in
	Let                    bool
	Last                   time.Time
}

// Refusals are those of all services, the latest first.
func Refusals(services []status.Service) []Refusal {
	var rows []Refusal
	for _, s := range services {
		for _, r := range s.Refused {
			row := Refusal{s.Name, r.Source, cmp.Or(few(numbers(r.Ports), 6), Unknown), Short(r.Count), r.Verdict != "refused", r.Last}
			if row.Let {
				row.Packets = "(" + row.Packets + ")"
			}
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b Refusal) int { return b.Last.Compare(a.Last) })
	return rows
}

// Group is a row of the roster.
type Group struct {
	Name      string
	Addresses string // as they were declared: neighbours are one prefix in the kernel, and two to whoever wrote them down
	Sources   string // the failing ones first: they are what must survive a narrow page
	Level     Level  // of Sources
	Answered  string
}

// GroupOf is the row of a group.
func GroupOf(now time.Time, g status.Group) Group {
	row := Group{Name: g.Name, Addresses: Grouped(uint64(max(0, cmp.Or(g.Entries, g.Addresses)))), Level: Plain, Answered: Unknown}
	if len(g.Sources) > 0 {
		row.Answered = Ago(now, g.LastSuccess)
	}
	var failing, up []string
	for _, s := range g.Sources {
		if s.Up {
			up = append(up, s.Name)
		} else {
			failing, row.Level = append(failing, s.Name+" FAILS"), Bad
		}
	}
	row.Sources = cmp.Or(few(append(failing, up...), manyNames), "none")
	return row
}
