package policy

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Verdict is the policy's word on one source and port, whatever the mode.
type Verdict struct {
	Allowed bool
	Service string   // empty: no service has this port
	Groups  []string // the groups of the policy that hold the source, sorted
	Reason  string
}

// Explain says whether a remote source may reach a port of this host, and why. Where TCP and UDP services share a
// port number, the TCP one answers.
func (p Policy) Explain(source netip.Addr, port uint16) Verdict {
	source = source.Unmap().WithZone("")
	v := Verdict{Groups: []string{}}
	for _, group := range slices.Sorted(maps.Keys(p.Groups)) {
		if Contains(p.Groups[group], source) {
			v.Groups = append(v.Groups, group)
		}
	}
	service, found := p.serviceOf(port)
	if !found {
		v.Allowed = true
		v.Reason = fmt.Sprintf("port %d belongs to no service: it is not guarded", port)
		return v
	}
	v.Service = service.Name
	if source.IsLoopback() {
		v.Allowed, v.Reason = true, "the host itself always gets in"
		return v
	}
	v.Allowed, v.Reason = service.admits(source, p.Groups)
	if !v.Allowed && service.Mode == Audit {
		v.Reason += " (audit: counted, not refused)"
	}
	return v
}

func (p Policy) serviceOf(port uint16) (Service, bool) {
	for _, protocol := range []Protocol{TCP, UDP} {
		for _, s := range p.Services {
			if s.Protocol == protocol && slices.Contains(s.Ports, port) {
				return s, true
			}
		}
	}
	return Service{}, false
}

func (s Service) admits(source netip.Addr, groups Roster) (bool, string) {
	if s.Open() {
		return true, s.Name + " is open to anyone"
	}
	for _, group := range s.From {
		if Contains(groups[group], source) {
			return true, fmt.Sprintf("%s is in %s, which may reach %s", source, group, s.Name)
		}
	}
	if len(s.From) == 0 {
		return false, s.Name + " is closed to everyone"
	}
	return false, fmt.Sprintf("%s is in none of the groups that may reach %s: %s", source, s.Name, strings.Join(s.From, ", "))
}
