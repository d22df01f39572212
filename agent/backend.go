package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// controlListener is the socket that control serves on.
type controlListener = net.Listener

var _ control.Backend = (*daemon)(nil)

// Status implements control.Backend.
func (d *daemon) Status(context.Context) (status.Host, error) { return d.host(), nil }

// Plan tells what applying the file on disk would change in the kernel. It changes nothing.
func (d *daemon) Plan(ctx context.Context, r status.PlanRequest) (status.Plan, error) {
	cfg, err := load(d.o.ConfigPath, d.store)
	if err != nil {
		return status.Plan{}, err
	}
	f := newFleet(cfg, readOnly{d.store}, nil)
	wish, err := d.wishFor(cfg, f, f.Load(ctx), "plan")
	if err != nil {
		return status.Plan{}, err
	}
	if r.Enforce {
		wish.Policy = wish.Policy.Enforced()
	}
	changes, err := d.enforcer.Plan(ctx, wish.Policy)
	plan := status.Plan{Changes: nonNil(changes)}
	if err != nil {
		return plan, err
	}
	var let []status.RefusedSource
	if r.Enforce {
		let = audited(d.book)
	}
	return plan, consequences(ctx, &plan, wish.Policy, let)
}

// Apply makes the file on disk the configuration in force, after Remove and in a Pause too.
func (d *daemon) Apply(ctx context.Context, r status.ApplyRequest) (status.Applied, error) {
	var changes []string
	err := d.order(ctx, func(ctx context.Context) error {
		cfg, err := load(d.o.ConfigPath, d.store)
		if err != nil {
			d.tellInvalid(err)
			return err
		}
		why := "apply" + byText(ctx)
		if r.Why != "" {
			why += ": " + r.Why
		}
		next, err := d.prepare(ctx, cfg, why)
		if err == nil && r.RevertAfter > 0 {
			err = d.rememberBefore(time.Now().Add(r.RevertAfter))
		}
		if err != nil {
			return err // a pause goes on until its end, and what a person removed stays out
		}
		d.unpause(why)
		d.setRemoved(false)
		changes, err = d.succeed(ctx, next)
		return err
	})
	return d.applied(changes), err
}

func (d *daemon) applied(changes []string) status.Applied {
	firewall := d.enforcer.Snapshot().Firewall
	return status.Applied{
		Changes:  nonNil(changes),
		Enforced: firewall.Verified,
		Summary:  fmt.Sprintf("policy %s, mode %s, is %s: %d changes", firewall.PolicyHash, firewall.Mode, stateWords(firewall.State), len(changes)),
	}
}

// stateWords says what a state of the firewall means for a policy.
func stateWords(state string) string {
	switch state {
	case enforcer.StateEnforcing:
		return "in the kernel, read back"
	case enforcer.StateOff:
		return "without rules"
	}
	return "not in the kernel (" + state + ")"
}

// Remove takes the rules out until Apply or a restart.
func (d *daemon) Remove(ctx context.Context, r status.RemoveRequest) (status.Applied, error) {
	event := status.Event{Kind: status.KindPolicyRemoved,
		Summary: "the rules were taken out of the kernel" + byText(ctx) + ", until apply or a restart",
		Fields:  map[string]string{"why": r.Why, "by": by(ctx)}}
	err := d.order(ctx, func(ctx context.Context) error {
		if err := d.enforcer.Withdraw(ctx, enforcer.StateRemoved, event); err != nil {
			return err
		}
		d.setRemoved(true)
		d.unpause("the rules were removed")
		return nil
	})
	if err != nil {
		return status.Applied{}, err
	}
	return status.Applied{Changes: []string{}, Summary: "the rules were taken out of the kernel, until `nakama-warden apply` or a restart"}, nil
}

// Reload reads the configuration again.
func (d *daemon) Reload(ctx context.Context) error {
	return d.order(ctx, func(ctx context.Context) error { return d.reload(ctx, "reload"+byText(ctx)) })
}

// Explain answers from the policy that is enforced.
func (d *daemon) Explain(ctx context.Context, source netip.Addr, port uint16) (status.Explanation, error) {
	return explain(ctx, d.enforcer.Snapshot().Wish.Policy, source, port)
}

// explain adds to the policy's word what else has one.
func explain(ctx context.Context, p policy.Policy, source netip.Addr, port uint16) (status.Explanation, error) {
	v := p.Explain(source, port)
	beyond, err := paths.Beyond(ctx, paths.Options{}, v.Protocol, port)
	if err != nil {
		beyond = []string{"unknown: " + err.Error()}
	}
	return status.Explanation{Allowed: v.Allowed, Service: v.Service, Source: source.String(), Port: port,
		Groups: nonNil(v.Groups), Reason: v.Reason, Beyond: nonNil(beyond)}, nil
}

// Events implements control.Backend.
func (d *daemon) Events(_ context.Context, q status.EventQuery) ([]status.Event, error) {
	return d.journal.Events(q)
}

// Follow implements control.Backend.
func (d *daemon) Follow(ctx context.Context, after uint64, each func(status.Event) error) error {
	for {
		changed := d.journal.Changed()
		events, err := d.journal.EventsAfter(after)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := each(e); err != nil {
				return err
			}
			after = e.Sequence
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// AcceptShrink is a person's word that the held addresses of a group may go.
func (d *daemon) AcceptShrink(ctx context.Context, group string) (status.Applied, error) {
	var changes []string
	err := d.order(ctx, func(ctx context.Context) error {
		f := d.fleetInForce()
		if f == nil {
			return errors.New("the stored policy is enforced: mend the configuration first")
		}
		if err := f.AcceptShrink(group); err != nil {
			return err
		}
		wish, err := d.wishFor(d.configuration(), f, f.Load(ctx), "shrink of "+group+" accepted"+byText(ctx))
		if err != nil {
			return err
		}
		changes, err = d.put(ctx, wish)
		return err
	})
	return d.applied(changes), err
}

// readOnly is a store that remembers nothing, for a fleet that only looks.
type readOnly struct{ fleetStorage }

type fleetStorage interface {
	Put(bucket, key string, value any) error
	Get(bucket, key string, into any) (found bool, err error)
}

// Put implements fleet.Storage.
func (readOnly) Put(string, string, any) error { return nil }

func nonNil(lines []string) []string {
	if lines == nil {
		return []string{}
	}
	return lines
}
