package collector

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// knownOf is how many units are remembered, and knownFor how long one that does not run.
	knownOf  = 64
	knownFor = 7 * 24 * time.Hour
	// overlap is how long before the end of a unit its heir may have come. together is how far apart two come that were
	// started side by side: neither is the other's heir.
	overlap  = 10 * time.Minute
	together = time.Minute
	// tellDownAfter keeps a restart from being told as an end and a beginning.
	tellDownAfter = searchEvery
)

// look is what a search saw.
type look struct {
	now     time.Time
	running []discovery.Found
	guarded []Guarded
	roles   []string // of the host; empty: not known yet
	// unseen says that a process which was not found may run nevertheless.
	unseen func(Process) bool
}

// outcome is what follows from it.
type outcome struct {
	ended     []*presence // that lost a process since the last look, whether or not another took its place
	restarted []Process   // in the place of others
	down      []status.Down
	events    []status.Event
}

// step takes in a search.
func (p *presences) step(l look) outcome {
	var o outcome
	found := map[*presence][]discovery.Found{}
	for _, f := range l.running {
		k := p.of(f, l.now)
		found[k] = append(found[k], f)
	}
	for _, k := range p.known {
		ended, restarted := k.replace(found[k])
		if ended {
			o.ended = append(o.ended, k)
		}
		o.restarted = append(o.restarted, restarted...)
		o.events = append(o.events, k.serve(found[k], restarted, l)...)
		k.Installed = k.Installed || k.runs && installed(p.root, k.Name)
	}
	o.events = append(o.events, p.forget(l.now)...)
	for _, k := range p.down(l.roles) {
		o.down = append(o.down, status.Down{Name: k.called(), Role: k.Role, Since: k.Served, OOMKilled: k.Killed})
		if !k.Told && l.now.Sub(k.Served) >= tellDownAfter {
			k.Told = true
			o.events = append(o.events, k.tellDown())
		}
	}
	return o
}

// replace takes in which processes run now.
func (k *presence) replace(found []discovery.Found) (ended bool, restarted []Process) {
	var now []Process
	for _, f := range found {
		now = append(now, processOf(f))
	}
	left := slices.ContainsFunc(k.Processes, func(p Process) bool { return !slices.Contains(now, p) })
	if left {
		restarted = slices.DeleteFunc(slices.Clone(now), func(p Process) bool { return slices.Contains(k.Processes, p) })
	}
	ended = left && k.runs
	if k.runs = len(now) > 0; k.runs {
		k.Processes = now
	}
	return ended, restarted
}

// serve judges whether the unit does what it is there for, and tells when that is so again.
func (k *presence) serve(found []discovery.Found, restarted []Process, l look) (events []status.Event) {
	if !k.runs {
		k.serves = slices.ContainsFunc(k.Processes, l.unseen)
		return nil
	}
	ports := guardedPortsOf(found, l.guarded)
	asBefore := slices.ContainsFunc(found, func(f discovery.Found) bool { return meet(f.Listens, k.Ports) }) // though they are guarded no more
	k.serves = len(ports) > 0 || len(k.Ports) == 0 || asBefore
	switch {
	case k.serves && k.Told:
		k.Told = false
		events = append(events, k.tellBack(l.now))
	case len(restarted) > 0 && !k.Told:
		events = append(events, k.tellRestarted(restarted))
	}
	if k.serves {
		k.Served = l.now
	}
	if len(ports) > 0 {
		k.Ports = ports
	}
	return events
}

// guardedPortsOf are those on which processes of one role listen.
func guardedPortsOf(found []discovery.Found, guarded []Guarded) (ports []uint16) {
	for _, f := range found {
		for _, g := range guarded {
			if g.Role == f.Role && slices.Contains(f.Listens, g.Port) && !slices.Contains(ports, g.Port) {
				ports = append(ports, g.Port)
			}
		}
	}
	return ports
}

func meet(a, b []uint16) bool {
	return slices.ContainsFunc(a, func(port uint16) bool { return slices.Contains(b, port) })
}

// forget drops who is gone for good, and notes who is missing.
func (p *presences) forget(now time.Time) (events []status.Event) {
	for _, k := range p.known {
		k.missing, k.over = false, false
		if k.serves {
			continue
		}
		heir := p.heirOf(k)
		uninstalled := k.Installed && !installed(p.root, k.Name)
		k.missing = heir == nil
		k.over = !k.runs && (heir != nil || uninstalled || now.Sub(k.Served) > knownFor)
		if k.over && heir != nil {
			heir.Heir = true
			events = append(events, k.tellHeir(heir)...)
		}
	}
	p.known = slices.DeleteFunc(p.known, func(k *presence) bool { return k.over })
	p.bound()
	return events
}

// bound forgets those who were not seen for the longest.
func (p *presences) bound() {
	slices.SortFunc(p.known, func(a, b *presence) int {
		return cmp.Or(b.Served.Compare(a.Served), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
	room := knownOf
	p.known = slices.DeleteFunc(p.known, func(k *presence) bool {
		room--
		return room < 0 && !k.runs
	})
}

// heirOf is who took the place of a unit: of its role, and new here when it ended or shortly before.
func (p *presences) heirOf(k *presence) *presence {
	i := slices.IndexFunc(p.known, func(h *presence) bool {
		after := h.Came.After(k.Served)
		beside := h.Came.After(k.Served.Add(-overlap)) && h.Came.After(k.Came.Add(together))
		return h != k && h.Role == k.Role && h.serves && !h.Heir && (after || beside)
	})
	if i < 0 {
		return nil
	}
	return p.known[i]
}

// down are those who are missing, of the roles of the host. Those without a name only where nothing else of the role is there
// to be told of.
func (p *presences) down(roles []string) (down []*presence) {
	for _, k := range p.known {
		other := slices.ContainsFunc(p.known, func(o *presence) bool {
			return o != k && o.Role == k.Role && (o.serves || o.missing)
		})
		declared := len(roles) == 0 || slices.Contains(roles, k.Role)
		if k.missing && declared && (k.Name != "" || !other) {
			down = append(down, k)
		}
	}
	return down
}

func (k *presence) tellDown() status.Event {
	what := "does not run"
	if k.runs {
		what = "runs, but listens on none of its ports"
	}
	return k.event(status.KindServiceDown, fmt.Sprintf("%s %s any more, since %s", k.called(), what, k.Served.UTC().Format("2006-01-02 15:04:05 MST")),
		"since", k.Served.UTC().Format(time.RFC3339))
}

func (k *presence) tellBack(now time.Time) status.Event {
	down := now.Sub(k.Served).Round(time.Second)
	return k.event(status.KindServiceBack, fmt.Sprintf("%s is back after %s", k.called(), down), "down_seconds", fmt.Sprintf("%.0f", down.Seconds()))
}

func (k *presence) tellRestarted(processes []Process) status.Event {
	pid := fmt.Sprint(processes[0].PID)
	return k.event(status.KindRestarted, fmt.Sprintf("%s was restarted: it is process %s now", k.called(), pid), "pid", pid)
}

// tellHeir ends what was told of a unit that is down.
func (k *presence) tellHeir(heir *presence) []status.Event {
	if !k.Told {
		return nil
	}
	return []status.Event{k.event(status.KindServiceBack, fmt.Sprintf("%s took the place of %s", heir.called(), k.called()), "heir", heir.called())}
}

func (k *presence) event(kind, summary, field, value string) status.Event {
	return status.Event{Kind: kind, Summary: summary, Fields: map[string]string{"unit": k.called(), "role": k.Role, field: value}}
}
