package enforcer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

func (e *Enforcer) lookAround(ctx context.Context, p policy.Policy) (ruleset.Surroundings, paths.Found, error) {
	return e.o.LookAround(ctx, e.table, p)
}

// LookAround reads what decides the way of packets to the policy's services. What cannot be looked at is no error: the
// ways that are known are guarded, and status names the rest.
func (o Options) LookAround(ctx context.Context, table interface {
	Around(context.Context) (ruleset.Surroundings, error)
}, p policy.Policy) (ruleset.Surroundings, paths.Found, error) {
	around, err := table.Around(ctx)
	around.LogGroup = o.LogGroup
	if err != nil || o.Look == nil {
		return around, paths.Found{}, err
	}
	found, err := o.Look(ctx, guarded(p))
	if err != nil {
		if ctx.Err() != nil {
			return around, paths.Found{}, ctx.Err()
		}
		found.Problems = append(found.Problems, "ways to the services: "+err.Error())
	}
	around.Aliases, around.Targets = aliases(p, found.Aliases), targets(found.Containers)
	return around, found, nil
}

// ownService is the agent's own: what it shows to Prometheus and to people.
const ownService = "warden"

// programs are the names of the processes that serve a service, where they are known: a port that another program holds
// leads nowhere of ours.
func programs(s policy.Service) []string {
	switch {
	case s.Role == policy.RoleNakama:
		return []string{"nakama"}
	case s.Role == policy.RoleCockroachDB:
		return []string{"cockroach"}
	case s.Name == ownService:
		return []string{"nakama-warden"}
	}
	return nil
}

func guarded(p policy.Policy) []paths.Guarded {
	var ports []paths.Guarded
	for _, s := range p.Services {
		for _, port := range s.Ports {
			ports = append(ports, paths.Guarded{Service: s.Name, Protocol: s.Protocol, Port: port, Processes: programs(s)})
		}
	}
	return ports
}

// aliases leaves out ports that are a service's own: what is declared goes before what is found, and the forward chain
// guards what such a port leads to. Where nobody was seen to listen, the number alone must be telling: 80 → 8080 is
// anybody's.
func aliases(p policy.Policy, found []paths.Alias) []ruleset.Alias {
	var list []ruleset.Alias
	for _, a := range found {
		owned := slices.ContainsFunc(p.Services, func(s policy.Service) bool {
			return s.Protocol == a.Protocol && slices.Contains(s.Ports, a.Port)
		})
		alias := ruleset.Alias{Service: a.Service, Port: a.Port}
		if telling := a.Seen || ruleset.GuardedByPort(a.Service); telling && !owned && !slices.Contains(list, alias) {
			list = append(list, alias)
		}
	}
	slices.SortFunc(list, func(a, b ruleset.Alias) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Port, b.Port))
	})
	return list
}

func targets(found []paths.Target) []ruleset.Target {
	var list []ruleset.Target
	for _, t := range found {
		target := ruleset.Target{Service: t.Service, Addr: t.Addr, Port: t.Port}
		if !slices.Contains(list, target) {
			list = append(list, target)
		}
	}
	slices.SortFunc(list, func(a, b ruleset.Target) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port))
	})
	return list
}

const (
	// aroundAtMost bounds how soon after a change the surroundings are read: a container engine changes interfaces in
	// bursts.
	aroundAtMost = 200 * time.Millisecond
	// aroundAgain is when they are read once more: a program begins to listen some time after its container has a network.
	aroundAgain = 3 * time.Second
	// aroundShare bounds the part of a core that looking around may take, however often something changes, but for
	// aroundBurst of owed pauses: on a busy host a look takes a tenth of a second, and a container that starts some seconds
	// after another must not be open until its turn comes.
	aroundShare = 0.02
	aroundBurst = 30 * time.Second
)

// reconsiderAround applies the wish anew if the surroundings ask for another ruleset.
func (e *Enforcer) reconsiderAround(ctx context.Context) {
	if !e.holding() {
		return
	}
	began := time.Now()
	around, found, err := e.lookAround(ctx, e.wish.Policy)
	e.looked(began, time.Now())
	if err != nil {
		return // the next event, or the next verification, looks again
	}
	e.found = found
	if !around.Equal(e.around) {
		e.wish.Why = "the ways to the services changed (NAT, bridges, containers, proxies)"
		e.try(ctx)
	}
}

// looked notes the pause that is owed for a look.
func (e *Enforcer) looked(began, ended time.Time) {
	e.aroundOwed = e.owed(began) + time.Duration(float64(ended.Sub(began))/aroundShare)
	e.aroundLooked = ended
}

// owed is what is left of it.
func (e *Enforcer) owed(now time.Time) time.Duration {
	return max(0, e.aroundOwed-now.Sub(e.aroundLooked))
}

// aroundPause is how long a change waits to be looked at.
func (e *Enforcer) aroundPause() time.Duration {
	return max(aroundAtMost, e.owed(time.Now())-aroundBurst)
}

// exposed says why a service is not behind our hooks, as far as its listeners were seen. An agent in another namespace is
// not this one.
func (e *Enforcer) exposed(service string) string {
	for _, l := range e.found.Listeners {
		another := service == ownService && l.Namespace != ""
		if l.Service == service && !l.Behind && !another {
			return l.Reason
		}
	}
	return ""
}
