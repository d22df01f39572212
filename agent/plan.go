package agent

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/connections"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/refusals"
	"github.com/nakama-warden/nakama-warden/status"
)

// consequences adds to a plan whom the policy would turn away that is let in now: open connections, and, if audited is
// given, whom audit let in.
func consequences(ctx context.Context, plan *status.Plan, p policy.Policy, audited []status.RefusedSource) error {
	open, err := refusedConnections(ctx, p)
	if err != nil {
		return fmt.Errorf("look for connections that would be cut: %w", err)
	}
	plan.Cuts = cutsOf(p, slices.DeleteFunc(open, func(c connections.Connection) bool { return c.State != established }))
	for _, r := range audited {
		if c, refused := auditedCut(p, r); refused {
			for _, present := range plan.Cuts {
				if present.Service == c.Service && present.Source == c.Source {
					c.Connections = present.Connections
				}
			}
			plan.Audited = append(plan.Audited, c)
		}
	}
	return nil
}

// established is TCP_ESTABLISHED. A connection that is being closed is no loss to anybody.
const established = 1

// auditedCut says whether the policy would refuse a source that audit let in.
func auditedCut(p policy.Policy, r status.RefusedSource) (status.Cut, bool) {
	source, err := netip.ParseAddr(r.Source)
	if err != nil {
		return status.Cut{}, false
	}
	for _, port := range r.Ports {
		if p.Refuses(source, port) {
			return status.Cut{Service: r.Service, Source: r.Source, Count: r.Count, First: r.First, Last: r.Last, Ports: r.Ports}, true
		}
	}
	return status.Cut{}, false
}

// auditMemory is how long audit remembers whom it let in.
const auditMemory = 30 * 24 * time.Hour

func audited(book *refusals.Book) []status.RefusedSource {
	return book.Since(time.Now().Add(-auditMemory), refusals.WouldRefuse)
}

// cutsOf counts connections by service and source, the most first.
func cutsOf(p policy.Policy, cs []connections.Connection) []status.Cut {
	var cuts []status.Cut
	for _, c := range cs {
		service := p.Explain(c.Remote.Addr(), c.Local.Port()).Service
		source := c.Remote.Addr().String()
		i := slices.IndexFunc(cuts, func(k status.Cut) bool { return k.Service == service && k.Source == source })
		if i < 0 {
			i = len(cuts)
			cuts = append(cuts, status.Cut{Service: service, Source: source, Ports: []uint16{c.Local.Port()}})
		}
		cuts[i].Connections++
	}
	slices.SortFunc(cuts, func(a, b status.Cut) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Source, b.Source))
	})
	return cuts
}
