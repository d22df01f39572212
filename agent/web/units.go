package web

import "github.com/nakama-warden/nakama-warden/status"

// unit writes what was measured of one process of a service.
func (s series) unit(u status.Unit) {
	for _, p := range u.Ports {
		service := p.Service
		if service == "" {
			service = u.Role
		}
		// What the server has yet to notice the end of is known from the last exact count only.
		closing := min(p.States["close_wait"], p.Connections)
		s.gauge(connections, float64(p.Connections-closing), service, u.Name, "established")
		s.gauge(connections, float64(closing), service, u.Name, "close_wait")
	}
	for kind, bytes := range map[string]uint64{"resident": u.Memory.Resident, "anonymous": u.Memory.Anonymous,
		"file": u.Memory.File, "kernel": u.Memory.Kernel} {
		if bytes > 0 { // no process has none: it is unknown
			s.gauge(memory, float64(bytes), u.Role, u.Name, kind)
		}
	}
	if u.Memory.Ceiling > 0 {
		s.gauge(memoryCeiling, float64(u.Memory.Ceiling), u.Name)
	}
	if u.Memory.Limit > 0 {
		s.gauge(memoryLimit, float64(u.Memory.Limit), u.Name, source(u.Memory.LimitBy))
	}
	if u.Capacity != nil {
		s.capacity(u.Name, *u.Capacity)
	}
	if a := u.Application; a != nil && a.Problem == "" {
		if a.Sessions != nil {
			s.gauge(sessions, float64(*a.Sessions), u.Name)
		}
		if a.Presences != nil {
			s.gauge(presences, float64(*a.Presences), u.Name)
		}
	}
}

// source is the kind of a limit: the path of a cgroup would make a series for every container there ever was.
func source(by string) string {
	if by == "host" {
		return "host"
	}
	return "cgroup"
}

// capacity writes what is known; a bound of low confidence is no number to alert on.
func (s series) capacity(unit string, c status.Capacity) {
	s.gauge(capacityKnown, number(c.Known), unit)
	for _, r := range c.Resources {
		if r.Known {
			s.gauge(capacityFits, float64(r.Fits), unit, r.Name)
		}
	}
	if !c.Known {
		return
	}
	s.gauge(capacityPer, c.BytesPerConnection, unit)
	if c.Ratio > 0 {
		s.gauge(provision, c.Ratio, unit)
	}
	if c.Exhaustion != nil {
		s.time(exhaustion, *c.Exhaustion, unit)
	}
}

// target writes the wanted ratio once: it is the host's, not a unit's.
func (s series) target(units []status.Unit) {
	for _, u := range units {
		if u.Capacity != nil && u.Capacity.Target > 0 {
			s.gauge(provisionTarget, u.Capacity.Target)
			return
		}
	}
}
