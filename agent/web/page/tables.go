package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// Rows of a table that a person would read.
const (
	manyServices = 100
	manyRefused  = 60
	manyGroups   = 60
	manyUnits    = 64
)

// services is who may reach what.
type services struct {
	Rows  []service
	Audit bool // some are only counted
	Left  int
}

type service struct {
	Name, Ports, From, Mode string
	Enforced                string
	Tone                    tone
	Reason                  string
	Allowed, Refused        string
	Unsafe                  bool
}

func servicesOf(all []status.Service) services {
	var out services
	all, out.Left = first(all, manyServices)
	for _, s := range all {
		row := service{Name: s.Name, Ports: ports(s), From: few(s.From, 12), Mode: s.Mode, Reason: s.Reason, Unsafe: s.Unsafe,
			Allowed: packets(s, "allowed"), Refused: packets(s, "refused")}
		if row.From == "" {
			row.From = "nobody"
		}
		row.Enforced, row.Tone = enforcement(s)
		if _, would := s.Traffic["would_refuse"]; would && s.Mode == modeAudit {
			row.Refused = "(" + packets(s, "would_refuse") + ")"
			out.Audit = true
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func enforcement(s status.Service) (string, tone) {
	switch {
	case s.Enforced:
		return "yes", good
	case s.Mode == modeEnforce:
		return "NO", bad
	}
	return "no", plain
}

func ports(s status.Service) string {
	var all []string
	for _, port := range s.Ports {
		all = append(all, strconv.Itoa(int(port)))
	}
	for _, port := range s.Aliases {
		all = append(all, "("+strconv.Itoa(int(port))+")")
	}
	text := orElse(few(all, 16), unknown)
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

// clients is who is connected, process by process.
type clients struct {
	Rows       []client
	Unexpected []string
	Measured   bool
}

type client struct {
	Name, Role, Connections, Counted, Memory, Files string
	Tone                                            tone
	Application                                     string
}

func clientsOf(c clock, s *status.Sample) clients {
	if s == nil {
		return clients{}
	}
	out := clients{Measured: true}
	units, _ := first(s.Units, manyUnits)
	for _, u := range units {
		row := client{Name: u.Name, Role: u.Role, Connections: connections(u.Ports), Counted: counted(c, u.Ports), Files: unknown, Application: application(u)}
		row.Memory, row.Tone = memoryInUse(u.Memory)
		if u.Files != nil && u.Files.Limit > 0 {
			row.Files = percent(u.Files.Used, u.Files.Limit)
		}
		out.Rows = append(out.Rows, row)
		for _, client := range u.UnexpectedClients {
			out.Unexpected = append(out.Unexpected, fmt.Sprintf("%s is connected to %s (%s ×), and the policy does not admit it.", client.Address, u.Name, grouped(client.Connections)))
		}
	}
	if all := len(out.Unexpected); all > manyRefused {
		out.Unexpected = append(slices.Clone(out.Unexpected[:manyRefused]), fmt.Sprintf("And %d more.", all-manyRefused))
	}
	return out
}

// connections lists the ports with somebody connected.
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
	return orElse(few(parts, 12), "0")
}

func counted(c clock, ports []status.Port) string {
	if len(ports) == 0 {
		return unknown
	}
	newest := ports[0]
	for _, port := range ports {
		if port.How != "last" {
			newest = port
		}
	}
	if newest.How == "exact" {
		return "exactly"
	}
	return newest.How + ", exact " + ago(c.now, newest.Exact)
}

// memoryInUse is bad where nine tenths are in use: there somebody is paged.
func memoryInUse(m status.Memory) (string, tone) {
	if m.Limit == 0 {
		return size(float64(m.Resident)), plain
	}
	text := fmt.Sprintf("%s of %s (%s)", size(float64(m.Resident)), size(float64(m.Limit)), percent(m.Resident, m.Limit))
	switch share := float64(m.Resident) / float64(m.Limit); {
	case share >= 0.9:
		return text, bad
	case share >= 0.75:
		return text, warning
	}
	return text, plain
}

// application is what a service says of itself.
func application(u status.Unit) string {
	var parts []string
	if a := u.Application; a != nil && a.Problem == "" {
		if a.Sessions != nil {
			parts = append(parts, grouped(*a.Sessions)+" sessions")
		}
		if a.Presences != nil {
			parts = append(parts, grouped(*a.Presences)+" presences")
		}
		if a.Ready != nil && !*a.Ready {
			parts = append(parts, "not ready")
		}
	}
	if n := u.WithoutSession; n != nil && *n > 0 {
		parts = append(parts, "about "+grouped(*n)+" connections without a session")
	}
	return strings.Join(parts, ", ")
}

// refused is who was turned away, or in audit would have been.
type refused struct {
	Rows    []refusal
	Sources int // that are remembered
	Audit   bool
	Left    int
	Unknown string // why it is not known
}

type refusal struct {
	Service, Source, Ports, Packets string
	Would                           bool
	Last                            moment
}

func refusedOf(c clock, h status.Host) refused {
	out := refused{Unknown: h.Firewall.Refusals}
	var all []status.RefusedSource
	for _, s := range h.Services {
		out.Sources += s.RefusedSources
		for _, r := range s.Refused {
			r.Service = s.Name
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b status.RefusedSource) int { return b.Last.Compare(a.Last) })
	all, out.Left = first(all, manyRefused)
	for _, r := range all {
		row := refusal{Service: r.Service, Source: r.Source, Packets: short(r.Count), Last: c.moment(r.Last), Would: r.Verdict != "refused"}
		var ports []string
		for _, port := range r.Ports {
			ports = append(ports, strconv.Itoa(int(port)))
		}
		row.Ports = orElse(few(ports, 6), unknown)
		out.Audit = out.Audit || row.Would
		out.Rows = append(out.Rows, row)
	}
	return out
}

// roster is who belongs to which group, and who says so.
type roster struct {
	Rows []group
	Left int
}

type group struct {
	Name, Addresses, Sources string
	Tone                     tone
	Answered                 moment
}

func rosterOf(c clock, groups []status.Group) roster {
	var out roster
	groups, out.Left = first(groups, manyGroups)
	for _, g := range groups {
		row := group{Name: g.Name, Addresses: grouped(uint64(max(0, g.Addresses))), Answered: c.moment(g.LastSuccess)}
		if len(g.Sources) == 0 {
			row.Answered = moment{Ago: unknown}
		}
		row.Sources, row.Tone = sources(g.Sources)
		out.Rows = append(out.Rows, row)
	}
	return out
}

// sources names those that fail first.
func sources(all []status.Source) (string, tone) {
	var failing, up []string
	for _, s := range all {
		if s.Up {
			up = append(up, s.Name)
		} else {
			failing = append(failing, s.Name+" FAILS")
		}
	}
	text := orElse(few(append(failing, up...), 12), "none")
	if len(failing) > 0 {
		return text, bad
	}
	return text, plain
}
