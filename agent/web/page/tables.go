package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
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
	Rows  []words.Service
	Audit bool // some are only counted
	Left  int
}

func servicesOf(all []status.Service) services {
	var out services
	all, out.Left = first(all, manyServices)
	for _, s := range all {
		row := words.ServiceOf(s)
		out.Audit = out.Audit || row.Let
		out.Rows = append(out.Rows, row)
	}
	return out
}

// clients is who is connected, process by process.
type clients struct {
	Rows       []client
	Unexpected []string
	Measured   bool
}

type client struct {
	words.Unit
	Application string
}

func clientsOf(c clock, s *status.Sample) clients {
	if s == nil {
		return clients{}
	}
	out := clients{Measured: true}
	units, _ := first(s.Units, manyUnits)
	for _, u := range units {
		out.Rows = append(out.Rows, client{words.UnitOf(c.now, u), application(u)})
		for _, client := range u.UnexpectedClients {
			out.Unexpected = append(out.Unexpected, words.Unexpected(u, client))
		}
	}
	if all := len(out.Unexpected); all > manyRefused {
		out.Unexpected = append(slices.Clone(out.Unexpected[:manyRefused]), fmt.Sprintf("and %d more", all-manyRefused))
	}
	return out
}

// application is what a service says of itself.
func application(u status.Unit) string {
	var parts []string
	if a := u.Application; a != nil && a.Problem == "" {
		if a.Sessions != nil {
			parts = append(parts, words.Grouped(*a.Sessions)+" sessions")
		}
		if a.Presences != nil {
			parts = append(parts, words.Grouped(*a.Presences)+" presences")
		}
		if a.Ready != nil && !*a.Ready {
			parts = append(parts, "not ready")
		}
	}
	if n := u.WithoutSession; n != nil && *n > 0 {
		parts = append(parts, "about "+words.Grouped(*n)+" connections without a session")
	}
	return cmp.Or(strings.Join(parts, ", "), words.Unknown)
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
	words.Refusal
	When moment
}

func refusedOf(c clock, h status.Host) refused {
	out := refused{Unknown: h.Firewall.Refusals}
	for _, s := range h.Services {
		out.Sources += s.RefusedSources
	}
	all, left := first(words.Refusals(h.Services), manyRefused)
	out.Left = left
	for _, r := range all {
		out.Audit = out.Audit || r.Let
		out.Rows = append(out.Rows, refusal{r, c.moment(r.Last)})
	}
	return out
}

// roster is who belongs to which group, and who says so.
type roster struct {
	Rows []group
	Left int
}

type group struct {
	words.Group
	When moment // its sources answered
}

func rosterOf(c clock, groups []status.Group) roster {
	var out roster
	groups, out.Left = first(groups, manyGroups)
	for _, g := range groups {
		row := group{words.GroupOf(c.now, g), c.moment(g.LastSuccess)}
		if row.Answered == words.Unknown {
			row.When = moment{Ago: words.Unknown}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}
