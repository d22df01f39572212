package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

const servicesKey = "firewall.services"

// service is one that is still being read. An empty Mode or RefuseWith is the firewall's.
type service struct {
	policy.Service
	portsNamed bool
	portsEmpty bool
	fromNamed  bool
}

// decodeServices changes the defaults key by key, adds what is not among them, and moves the ports that follow others.
func decodeServices(v value, services map[string]*service) {
	defaults := slices.Sorted(maps.Keys(services))
	v.entries(func(name string, v value) {
		if !validName(v, name) {
			return
		}
		s, known := services[name]
		if !known {
			s = &service{Service: policy.Service{Name: name, Protocol: policy.TCP}}
			services[name] = s
		}
		if !v.null() {
			s.decode(v)
		}
		if !known {
			s.complete(v, defaults)
		}
	})
	for _, f := range followers() {
		f.follow(v.d, services)
	}
}

func (s *service) decode(v value) {
	v.fields(fields{
		"role":        role(&s.Role),
		"ports":       s.decodePorts,
		"from":        s.decodeFrom,
		"mode":        choice(&s.Mode, policy.Audit, policy.Enforce, policy.Off),
		"refuse_with": choice(&s.RefuseWith, policy.Drop, policy.Reject),
		"protocol":    choice(&s.Protocol, policy.TCP, policy.UDP),
		"unsafe": func(v value) {
			boolean(&s.Unsafe)(v)
			if s.Unsafe {
				v.warn("the rules for hidden services are waived for "+s.Name, "it only where the world may really reach the service")
			}
		},
	})
}

func (s *service) decodePorts(v value) {
	s.portsNamed, s.portsEmpty = true, v.sequence() && len(v.node.Content) == 0
	s.Ports = list(v, "[7350]", func(v value) (uint16, bool) {
		var port uint16
		whole(&port, "a port from 1 to 65535", 1, 65535)(v)
		if port == 22 {
			v.fail("port 22 is SSH, which is never touched", "another port")
			return 0, false
		}
		return port, port != 0
	})
	for i, port := range s.Ports {
		if slices.Contains(s.Ports[:i], port) {
			v.fail(fmt.Sprintf("port %d is named twice", port), "each port once")
		}
	}
}

func (s *service) decodeFrom(v value) {
	s.fromNamed = true
	s.From = list(v, "[admins], or [] for nobody", func(v value) (string, bool) {
		var group string
		text(&group)(v)
		return group, v.scalar()
	})
}

// complete holds a service that is not among the defaults to say what it is: one without ports guards nothing, and one
// without sources is more likely forgotten than meant to be closed.
func (s *service) complete(v value, defaults []string) {
	hint := ""
	if near, ok := nearest(s.Name, defaults); ok {
		hint = fmt.Sprintf(", or did you mean %q?", near)
	}
	if !s.portsNamed || s.portsEmpty {
		v.fail("a service of your own without ports", "ports, like [9100]"+hint)
	}
	if !s.fromNamed {
		v.fail("a service of your own without from", "the groups that may reach it, or from: [] for nobody"+hint)
	}
}

// follower is a service whose port Nakama derives from that of another.
type follower struct {
	name, leader string
	offset       uint16
}

// followers: Nakama has no key for these two ports (facts: nakama, ports).
func followers() []follower {
	return []follower{
		{"nakama-grpc", "nakama-api", 1},
		{"nakama-console-grpc", "nakama-console", 3},
	}
}

// follow moves the ports of the follower along with those of the leader, unless the operator named them.
func (f follower) follow(d *decoder, services map[string]*service) {
	leader, own := services[f.leader], services[f.name]
	if !leader.portsNamed || len(leader.Ports) == 0 || own.portsNamed {
		return
	}
	own.Ports = nil
	origins := d.origins[servicesKey+"."+f.leader+".ports"]
	for i, port := range leader.Ports {
		if port <= f.offset {
			d.fail(origins[i], fmt.Sprintf("port %d leaves none for %s, which is %d below it", port, f.name, f.offset),
				fmt.Sprintf("a port above %d", f.offset))
			continue
		}
		own.Ports = append(own.Ports, port-f.offset)
		key := servicesKey + "." + f.name + ".ports"
		d.origins[key] = append(d.origins[key], origins[i]) // what is wrong with it is mended there
	}
}
