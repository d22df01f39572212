package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
)

// Known is a unit that ran on this host, to be missed while it does not. It is JSON, to outlive a restart of the agent. Where
// names do not last it has none, and stands for all such processes of its role.
type Known struct {
	Name      string    `json:"name,omitempty"`
	Role      string    `json:"role"`
	Ports     []uint16  `json:"ports,omitempty"`     // guarded ones that it listened on last
	Installed bool      `json:"installed,omitempty"` // it had a file of a systemd unit
	Came      time.Time `json:"came"`                // it was first seen then
	Served    time.Time `json:"served"`              // it was last seen to
	Heir      bool      `json:"heir,omitempty"`      // it took the place of another unit, which it does once
	Told      bool      `json:"told,omitempty"`      // the event of its being down
	Killed    time.Time `json:"killed,omitzero"`     // for want of memory
	Processes []Process `json:"processes,omitempty"` // that ran last
}

// Process tells a process from every other one since the host started.
type Process struct {
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
}

func processOf(f discovery.Found) Process { return Process{f.PID, f.StartTicks} }

// presence is a Known and how it is now.
type presence struct {
	Known
	runs    bool
	serves  bool // it runs and listens where it should; also where that cannot be seen
	missing bool // it does not, and nobody took its place
	over    bool // it is not to be missed any more
}

// called is what people know it by.
func (k *presence) called() string { return cmp.Or(k.Name, k.Role) }

// presences tell who is there, who is missing and who is back. They belong to one goroutine.
type presences struct {
	root  string // above the files of systemd's units
	known []*presence
}

func newPresences(root string, known []Known) presences {
	p := presences{root: root}
	for _, k := range known {
		p.known = append(p.known, &presence{Known: k})
	}
	return p
}

// all is to be given to the next agent.
func (p *presences) all() []Known {
	known := make([]Known, len(p.known))
	for i, k := range p.known {
		known[i] = k.Known // its slices are replaced, never written into
	}
	return known
}

// of is a process' presence, from its first one on.
func (p *presences) of(f discovery.Found, now time.Time) *presence {
	name := lastingName(f)
	i := slices.IndexFunc(p.known, func(k *presence) bool { return k.Role == f.Role && k.Name == name })
	if i >= 0 {
		return p.known[i]
	}
	k := &presence{Known: Known{Name: name, Role: f.Role, Came: now}}
	p.known = append(p.known, k)
	return k
}

// lastingName is the name of a unit that its next process will have too; "" where that is not so: that of a program, the ID
// of a container, and what a Follower numbers because two processes share a systemd unit.
func lastingName(f discovery.Found) string {
	base := f.Unit
	if i := strings.LastIndexByte(base, '-'); i > 0 && i < len(base)-1 && strings.Trim(base[i+1:], "0123456789") == "" {
		base = base[:i]
	}
	shared := base != f.Unit && (strings.HasSuffix(base, ".service") || strings.HasSuffix(base, ".scope"))
	if base == f.Program || isContainerID(base) || shared {
		return ""
	}
	return f.Unit
}

// isContainerID says that discovery named a container by the first digits of its ID.
func isContainerID(name string) bool {
	return len(name) == 12 && strings.Trim(name, "0123456789abcdef") == ""
}
