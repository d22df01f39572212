package enforcer

import (
	"maps"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// publish makes a snapshot for others to read.
func (e *Enforcer) publish() {
	grip, reason := e.table.Grip()
	now := time.Now()
	s := Snapshot{Wish: e.wish, Beat: now}
	s.Firewall = status.Firewall{
		Mode:         string(e.wish.Mode),
		Grip:         grip.String(),
		GripReason:   reason,
		Verified:     e.verified,
		LastVerified: e.lastVerified,
		State:        e.state(),
		Problem:      e.problem,
		Drifts:       maps.Clone(e.drifts),
		LastDrift:    e.lastDrift,
		DriftsLately: e.lately.total(now),
		Repairs:      e.repairs.snapshot(),
	}
	if e.wished {
		s.Firewall.PolicyHash = e.wish.Policy.Hash()
	}
	if e.fight.on {
		s.Firewall.Fight = orSomebody(e.fight.by)
	}
	if s.Firewall.State == StateFailed {
		s.Firewall.NextAttempt = e.retryAt
	}
	for _, c := range e.ruleset.Chains {
		if c.Hook.Name != "" {
			s.Firewall.HookedPaths = append(s.Firewall.HookedPaths, c.Hook.Name)
		}
	}
	s.Services = Services(e.wish.Policy, s.Firewall.State == StateEnforcing)
	for i := range s.Services {
		e.addTraffic(&s.Services[i])
		e.addWays(&s.Services[i])
	}
	s.Firewall.Saved, s.Firewall.Paths = e.found.Saved, e.found.Problems
	e.mu.Lock()
	defer e.mu.Unlock()
	e.snapshot = s
}

func (e *Enforcer) state() string {
	switch {
	case e.withdrawn != "":
		return e.withdrawn
	case !e.wished:
		return StateStarting
	case !e.inForce || e.behind || !e.verified:
		return StateFailed
	case e.ruleset.Absent():
		return StateOff
	}
	return StateEnforcing
}

// Services describes the services of a policy; held says that the kernel holds it, read back.
func Services(p policy.Policy, held bool) []status.Service {
	services := make([]status.Service, 0, len(p.Services))
	for _, s := range p.Services {
		out := status.Service{
			Name: s.Name, Role: s.Role, Protocol: string(s.Protocol), Ports: slices.Clone(s.Ports), From: slices.Clone(s.From),
			Mode: string(s.Mode), RefuseWith: string(s.RefuseWith), Unsafe: exposedByWord(s),
		}
		switch {
		case s.Mode != policy.Enforce:
			out.Reason = "audit: counted, not refused"
		case !held:
			out.Reason = "the kernel does not hold the rules"
		default:
			out.Enforced = true
		}
		services = append(services, out)
	}
	return services
}

// exposedByWord says that a service is open where only the operator's word lets it be. The word alone opens nothing.
func exposedByWord(s policy.Service) bool {
	return s.Unsafe && s.Hidden() && (s.Open() || slices.Contains(s.From, policy.GroupLoadBalancers))
}

func (e *Enforcer) addTraffic(s *status.Service) {
	s.Traffic = map[string]status.Count{}
	for _, verdict := range []string{ruleset.VerdictAllowed, ruleset.VerdictRefused, ruleset.VerdictWouldRefuse} {
		if count, known := e.traffic.total(ruleset.CounterName(s.Name, verdict)); known {
			s.Traffic[verdict] = count
		}
	}
}

// addWays adds the other ports that lead to a service, and takes back that it is enforced where packets reach it past
// our hooks.
func (e *Enforcer) addWays(s *status.Service) {
	for _, a := range e.around.Aliases {
		if a.Service == s.Name {
			s.Aliases = append(s.Aliases, a.Port)
		}
	}
	if why := e.exposed(s.Name); why != "" && s.Enforced {
		s.Enforced, s.Reason = false, why
	}
}
