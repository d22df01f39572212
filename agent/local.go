package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/refusals"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// Local answers where no daemon runs: it reads the file, the store and the kernel by itself.
type Local struct{ o Options }

var _ control.Backend = Local{}

// NewLocal makes a Local for these paths.
func NewLocal(o Options) Local { return Local{o: o} }

// at is everything that a command without a daemon needs.
type at struct {
	config *config.Config
	wish   enforcer.Wish
	groups []status.Group
	store  *store.Store
}

// read reads the file, and the roster as far as it is known.
func (l Local) read(ctx context.Context, readOnlyStore bool) (*at, error) {
	s, err := store.Open(filepath.Join(l.o.StateDir, storeFile), store.Options{ReadOnly: readOnlyStore})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	cfg, err := load(l.o.ConfigPath, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	f := newFleet(cfg, readOnly{s}, nil)
	roster := f.Load(ctx)
	for _, r := range revocationsIn(s) {
		roster = roster.Without(r.Prefix)
	}
	wish, err := wishOf(cfg, roster, "apply")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &at{config: cfg, wish: wish, groups: f.Status(), store: s}, nil
}

// looking only reads; writing makes a table that stays after this process, and so must be plain.
func looking() kernel.Options { return kernel.Options{ReadOnly: true} }
func writing() kernel.Options { return kernel.Options{HighestGrip: kernel.Watched} }

func withTable(ctx context.Context, o kernel.Options, body func(*kernel.Table) error) error {
	table, err := kernel.Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(body(table), table.Close())
}

// audited is whom audit let in, as the last daemon remembered it.
func (a *at) audited(asked bool) []status.RefusedSource {
	var stored []status.RefusedSource
	if !asked {
		return nil
	}
	book := refusals.NewBook(refusals.BookOptions{})
	if found, err := a.store.Get(refusalsBucket, bookKey, &stored); found && err == nil {
		book.Restore(stored)
	}
	return audited(book)
}

// change compares the kernel with the file's policy.
func (a *at) change(ctx context.Context, table *kernel.Table) (ruleset.Change, error) {
	o := enforcer.Options{Look: look, LogGroup: a.config.Firewall.LogGroup}
	around, _, err := o.LookAround(ctx, table, a.wish.Policy)
	if err != nil {
		return ruleset.Change{}, err
	}
	have, err := table.Read(ctx)
	if err != nil {
		return ruleset.Change{}, err
	}
	return ruleset.Diff(have, ruleset.Build(a.wish.Policy, around)), nil
}

// Plan implements control.Backend.
func (l Local) Plan(ctx context.Context, r status.PlanRequest) (status.Plan, error) {
	a, err := l.read(ctx, true)
	if err != nil {
		return status.Plan{}, err
	}
	if r.Enforce {
		a.wish.Policy = a.wish.Policy.Enforced()
	}
	plan := status.Plan{Changes: []string{}}
	err = withTable(ctx, looking(), func(table *kernel.Table) error {
		change, err := a.change(ctx, table)
		plan.Changes = nonNil(change.Lines())
		return err
	})
	if err == nil {
		err = consequences(ctx, &plan, a.wish.Policy, a.audited(r.Enforce))
	}
	return plan, errors.Join(err, a.store.Close())
}

// Apply puts the policy into the kernel once; nobody repairs it afterwards.
func (l Local) Apply(ctx context.Context, r status.ApplyRequest) (status.Applied, error) {
	if r.RevertAfter > 0 {
		return status.Applied{}, fmt.Errorf("apply with --revert-after: %w to take the change back", control.ErrNoDaemon)
	}
	a, err := l.read(ctx, false)
	if err != nil {
		return status.Applied{}, err
	}
	if err := checkForwarded(ctx, a.config); err != nil {
		return status.Applied{}, errors.Join(err, a.store.Close())
	}
	applied := status.Applied{Changes: []string{}}
	err = withTable(ctx, writing(), func(table *kernel.Table) error {
		change, err := a.change(ctx, table)
		if err != nil {
			return err
		}
		if change.Want.Absent() {
			err = table.Remove(ctx)
		} else if !change.Empty() {
			err = table.Commit(ctx, ruleset.Replace(change.Want))
		}
		if err != nil {
			return err
		}
		applied = status.Applied{Changes: nonNil(change.Lines()), Enforced: true,
			Summary: fmt.Sprintf("policy %s, mode %s, is in the kernel; no daemon runs to keep it there", a.wish.Policy.Hash(), a.wish.Mode)}
		return a.store.Put(policyBucket, wishKey, a.wish)
	})
	return applied, errors.Join(err, a.store.Close())
}

// Confirm implements control.Backend.
func (l Local) Confirm(context.Context) (status.Applied, error) {
	return status.Applied{}, control.ErrNoDaemon
}

// Pause implements control.Backend: without a daemon nothing would end it.
func (l Local) Pause(context.Context, status.PauseRequest) (status.Applied, error) {
	return status.Applied{}, fmt.Errorf("pause: %w to end it; `nakama-warden remove` takes the rules out", control.ErrNoDaemon)
}

// Revoke implements control.Backend.
func (l Local) Revoke(context.Context, status.RevokeRequest) (status.Applied, error) {
	return status.Applied{}, fmt.Errorf("revoke: %w; take the address out of the configuration and apply", control.ErrNoDaemon)
}

// Remove implements control.Backend.
func (l Local) Remove(ctx context.Context, _ status.RemoveRequest) (status.Applied, error) {
	err := withTable(ctx, writing(), func(table *kernel.Table) error { return table.Remove(ctx) })
	return status.Applied{Changes: []string{}, Summary: "the rules were taken out of the kernel"}, err
}

// Reload implements control.Backend.
func (l Local) Reload(context.Context) error { return control.ErrNoDaemon }

// Explain answers from the file.
func (l Local) Explain(ctx context.Context, source netip.Addr, port uint16) (status.Explanation, error) {
	a, err := l.read(ctx, true)
	if err != nil {
		return status.Explanation{}, err
	}
	e, err := explain(ctx, a.wish.Policy, source, port)
	return e, errors.Join(err, a.store.Close())
}

// Events implements control.Backend.
func (l Local) Events(_ context.Context, q status.EventQuery) ([]status.Event, error) {
	s, err := store.Open(filepath.Join(l.o.StateDir, storeFile), store.Options{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	events, err := s.Events(q)
	return events, errors.Join(err, s.Close())
}

// Follow shows what there is: nothing new happens without a daemon.
func (l Local) Follow(context.Context, uint64, func(status.Event) error) error {
	return control.ErrNoDaemon
}

// AcceptShrink implements control.Backend.
func (l Local) AcceptShrink(context.Context, string) (status.Applied, error) {
	return status.Applied{}, control.ErrNoDaemon
}

// Status tells what the kernel holds beside what the file wants.
func (l Local) Status(ctx context.Context) (status.Host, error) {
	a, err := l.read(ctx, true)
	if err != nil {
		return status.Host{}, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return status.Host{}, err
	}
	h := status.Host{
		Time: time.Now(), Hostname: hostname, Version: l.o.Version, Revision: a.config.Revision,
		Environment: a.config.Environment, Roles: a.config.Roles, Roster: a.groups,
		Config: status.Config{Path: l.o.ConfigPath, LastReloadOK: true},
		Firewall: status.Firewall{Mode: string(a.wish.Mode), PolicyHash: a.wish.Policy.Hash(), State: enforcer.StateFailed,
			Problem: "no daemon runs: nobody repairs the rules (start it with `systemctl start nakama-warden`)"},
	}
	err = withTable(ctx, looking(), func(table *kernel.Table) error {
		change, err := a.change(ctx, table)
		if err != nil {
			return err
		}
		h.Firewall.Verified = change.Empty()
		if change.Empty() {
			h.Firewall.State, h.Firewall.LastVerified = enforcer.StateEnforcing, h.Time
		}
		h.Services = enforcer.Services(a.wish.Policy, change.Empty())
		return nil
	})
	h.Conditions, h.Alerts = alerting.Evaluate(h, settingsOf(a.config.Alerting)), []status.Alert{}
	var quiet alerting.Quiet
	if found, readErr := a.store.Get(alertingBucket, quietKey, &quiet); found && readErr == nil {
		quiet, _ = quiet.Expire(h.Time)
		h.Silences, h.Maintenance = quiet.Silences, quiet.Maintenance
	}
	return h, errors.Join(err, a.store.Close())
}
