package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// event is something that happened.
type event struct {
	Key     uint64 // tells it from others
	Time    moment
	Kind    string
	Summary prose
}

// eventsOf are the newest, newest first.
func eventsOf(c clock, all []status.Event) []event {
	var out []event
	for _, e := range slices.Backward(last(all, Events)) {
		out = append(out, event{e.Sequence, c.moment(e.Time), e.Kind, prose(e.Summary)})
	}
	return out
}

// about is the daemon itself, and what is worth knowing and needs nobody now.
type about struct {
	Facts []fact
	Notes []prose
}

type fact struct{ Name, Value string }

func aboutOf(c clock, h status.Host) about {
	var a about
	add := func(name, value string) {
		if value != "" {
			a.Facts = append(a.Facts, fact{name, value})
		}
	}
	f := h.Firewall
	add("Version", h.Version)
	if !h.Agent.Started.IsZero() {
		add("Running since", fmt.Sprintf("%s (%s), pid %d", c.at(h.Agent.Started), ago(h.Time, h.Agent.Started), h.Agent.PID))
	}
	add("Configuration", h.Config.Path)
	if !h.Config.LastReload.IsZero() {
		add("Taken over", c.at(h.Config.LastReload))
	}
	add("Revision", h.Revision)
	add("Mode", f.Mode)
	add("Grip", f.Grip+because(f.GripReason))
	add("Policy", f.PolicyHash)
	add("Hooks", strings.Join(f.HookedPaths, ", "))
	if m := machine(h.Sample); m != "" {
		add("Machine", m)
	}
	a.Notes, _ = first(proseOf(notes(h)), manyAlerts)
	return a
}

func machine(s *status.Sample) string {
	if s == nil || s.Machine.MemoryTotal == 0 {
		return ""
	}
	m := s.Machine
	text := fmt.Sprintf("%d CPUs, %s of memory, %s available", m.CPUs, size(float64(m.MemoryTotal)), size(float64(m.MemoryAvailable)))
	if t := m.Conntrack; t != nil && t.Limit > 0 {
		text += ", connection tracking " + percent(t.Used, t.Limit) + " full"
	}
	return text
}

func notes(h status.Host) []string {
	out := list(slices.Clone(h.Config.Warnings))
	for _, r := range h.Firewall.Revoked {
		out.add("%s was revoked%s: `nakama-warden revoke --undo %s` lets it back in", r.Prefix, because(r.Why), r.Prefix)
	}
	for _, what := range []string{h.Firewall.CutOff, h.Firewall.Refusals} {
		if what != "" {
			out.add("%s", what)
		}
	}
	out = append(out, h.Firewall.Paths...)
	out.unmeasured(h.Sample)
	if n := h.Firewall.EventsLost; n > 0 {
		out.add("%s events were lost", grouped(n))
	}
	return out
}

// unmeasured tells what could not be measured, and what would help.
func (l *list) unmeasured(s *status.Sample) {
	if s == nil {
		return
	}
	*l = append(*l, s.Problems...)
	if s.Machine.Advice != "" {
		l.add("%s", s.Machine.Advice)
	}
	for _, u := range s.Units {
		for _, problem := range u.Problems {
			l.add("%s: %s", u.Name, problem)
		}
		if a := u.Application; a != nil && a.Problem != "" {
			l.add("%s, asked for its metrics: %s", u.Name, a.Problem)
		}
	}
}
