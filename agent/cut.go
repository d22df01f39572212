package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/nakama-warden/nakama-warden/enforcer/connections"
	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// cut ends the connections of those whom the policy refuses: their packets are refused already, but the server would
// hold their sockets, and their memory, until it gives up.
func (d *daemon) cut(ctx context.Context, p policy.Policy, listeners []paths.Listener) {
	refused, err := refusedConnections(ctx, p)
	ended, destroyErr := connections.Destroy(ctx, connections.Own(), refused)
	inside, insideErr := cutInside(ctx, p, listeners)
	if ended+len(inside) > 0 {
		d.journal.Tell(cutEvent(p, slices.Concat(refused, inside), ended+len(inside)))
	}
	d.senses.mu.Lock()
	defer d.senses.mu.Unlock()
	d.cutOff = ""
	if err := errors.Join(err, destroyErr, insideErr); err != nil && ctx.Err() == nil {
		d.cutOff = "open connections of refused sources cannot all be ended (their packets are refused): " + err.Error()
	}
}

// refusedConnections are the open connections to enforced services on this host that the policy refuses.
func refusedConnections(ctx context.Context, p policy.Policy) ([]connections.Connection, error) {
	ports := p.EnforcedPorts()
	if len(ports) == 0 {
		return nil, nil
	}
	open, err := connections.List(ctx, connections.Own(), ports)
	return connections.NotAllowed(open, func(remote netip.Addr, port uint16) bool { return !p.Refuses(remote, port) }), err
}

// cutInside ends refused connections in the containers where guarded processes listen, and returns those. Only what is
// reached through this host is its to cut: another network namespace may be another host's, in a lab or by macvlan.
func cutInside(ctx context.Context, p policy.Policy, listeners []paths.Listener) ([]connections.Connection, error) {
	var ended []connections.Connection
	var errs []error
	for _, l := range listeners {
		if l.Namespace == "" || l.PID == 0 || !l.Behind || !slices.Contains(p.EnforcedPorts(), l.Addr.Port()) {
			continue
		}
		cut, err := cutAt(ctx, p, l)
		ended = append(ended, cut...)
		if err != nil {
			errs = append(errs, fmt.Errorf("in the container of %s: %w", l.Process, err))
		}
	}
	return ended, errors.Join(errs...)
}

// cutAt ends the refused connections to one listener.
func cutAt(ctx context.Context, p policy.Policy, l paths.Listener) ([]connections.Connection, error) {
	ns, err := connections.OfProcess(l.PID)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	open, err := connections.List(ctx, ns, []uint16{l.Addr.Port()})
	if err != nil {
		return nil, err
	}
	own, err := ownAddresses()
	if err != nil {
		return nil, err
	}
	refused := connections.NotAllowed(open, func(remote netip.Addr, port uint16) bool {
		// A userland proxy of this host has let them in, by a port that is guarded itself.
		return slices.Contains(own, remote) || !p.Refuses(remote, port)
	})
	if _, err := connections.Destroy(ctx, ns, refused); err != nil {
		return nil, err
	}
	return refused, nil
}

func ownAddresses() ([]netip.Addr, error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read the host's addresses: %w", err)
	}
	var own []netip.Addr
	for _, a := range found {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return own, nil
}

func cutEvent(p policy.Policy, refused []connections.Connection, ended int) status.Event {
	cuts := cutsOf(p, refused)
	fields := map[string]string{"connections": fmt.Sprint(ended)}
	for i, c := range cuts {
		if i == 10 {
			fields["more"] = fmt.Sprint(len(cuts) - i)
			break
		}
		fields[fmt.Sprintf("source_%d", i+1)] = fmt.Sprintf("%s from %s (%d)", c.Service, c.Source, c.Connections)
	}
	return status.Event{Kind: status.KindCut, Fields: fields,
		Summary: fmt.Sprintf("%d open connections of %d sources without permission were ended", ended, len(cuts))}
}
