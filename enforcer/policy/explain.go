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
	Allowed  bool
	Service  string   // empty: no service has this port
	Protocol Protocol // of the service; TCP where there is none
	Groups   []string // the groups of the policy that hold the source, sorted
	Reason   string
}

// Explain says whether a remote source may reach a port of this host, and why. Where TCP and UDP services share a
// port number, the TCP one answers.
func (p Policy) Explain(source netip.Addr, port uint16) Verdict {
	source = source.Unmap().WithZone("")
	v := Verdict{Groups: []string{}, Protocol: TCP}
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
	v.Service, v.Protocol = service.Name, service.Protocol
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

// Refuses says whether a packet of a remote source to a TCP port is turned away, the mode considered.
func (p Policy) Refuses(source netip.Addr, port uint16) bool {
	service, found := p.serviceOf(port)
	if !found || service.Mode != Enforce || source.IsLoopback() {
		return false
	}
	admitted, _ := service.admits(source.Unmap().WithZone(""), p.Groups)
	return !admitted
}

// EnforcedPorts are the TCP ports at which the policy turns anybody away.
func (p Policy) EnforcedPorts() []uint16 {
	var ports []uint16
	for _, s := range p.Services {
		if s.Protocol == TCP && s.Mode == Enforce && !s.Open() {
			ports = append(ports, s.Ports...)
		}
	}
	return ports
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
