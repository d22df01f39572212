package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
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
		add("Running since", fmt.Sprintf("%s (%s), pid %d", c.at(h.Agent.Started), words.Ago(h.Time, h.Agent.Started), h.Agent.PID))
	}
	add("Configuration", h.Config.Path)
	if !h.Config.LastReload.IsZero() {
		add("Taken over", c.at(h.Config.LastReload))
	}
	add("Revision", h.Revision)
	add("Mode", f.Mode)
	add("Grip", f.Grip)
	add("Policy", f.PolicyHash)
	add("Hooks", strings.Join(f.HookedPaths, ", "))
	if m := machine(h.Sample); m != "" {
		add("Machine", m)
	}
	a.Notes, _ = first(proseOf(words.Notes(h)), manyNeeds)
	return a
}

func machine(s *status.Sample) string {
	if s == nil || s.Machine.MemoryTotal == 0 {
		return ""
	}
	m := s.Machine
	text := fmt.Sprintf("%d CPUs, %s of memory, %s available", m.CPUs, words.Size(float64(m.MemoryTotal)), words.Size(float64(m.MemoryAvailable)))
	if t := m.Conntrack; t != nil && t.Limit > 0 {
		text += ", connection tracking " + words.Percent(t.Used, t.Limit) + " full"
	}
	return text
}
