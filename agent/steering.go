package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/fleet"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// steering is which configuration is in force and who is who by it. The steer loop changes it; mu guards it for those
// who read.
type steering struct {
	orders chan order

	mu          sync.Mutex
	config      *config.Config
	configState status.Config
	fleet       *fleet.Fleet  // nil while a stored policy is enforced for want of a valid file
	fromKernel  policy.Roster // what our table held at the start, for groups that nobody else knows
	pause       *status.Pause
	removed     bool // a person took the rules out
	unconfirmed *unconfirmed
	revoked     []status.Revocation
}

// order asks the steer loop for something.
type order struct {
	do   func(context.Context) error
	done chan error
}

// Where the wish is stored.
const (
	policyBucket = "policy"
	wishKey      = "wish"
)

// firstWish decides what to enforce at the start: the file's policy, else the stored one. wish is nil with a good file.
func (d *daemon) firstWish() (*config.Config, *enforcer.Wish, error) {
	d.orders = make(chan order)
	cfg, err := load(d.o.ConfigPath, d.store)
	if err == nil {
		d.config, d.configState = cfg, status.Config{Path: d.o.ConfigPath}
		return cfg, nil, nil
	}
	wish := d.storedWish(err)
	if wish == nil {
		return nil, nil, errors.Join(ErrNothingToEnforce, err)
	}
	cfg = config.Default()
	cfg.Path, cfg.Alerting = d.o.ConfigPath, d.storedAlerting(cfg.Alerting)
	d.config = cfg
	return cfg, wish, nil
}

// storedWish is what an earlier run enforced, because the configuration cannot be; nil if there is nothing.
func (d *daemon) storedWish(because error) *enforcer.Wish {
	d.tellInvalid(because)
	var wish enforcer.Wish
	found, err := d.store.Get(policyBucket, wishKey, &wish)
	if err != nil {
		d.o.Log.Error("the stored policy cannot be read", "error", err)
	}
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	d.configState = status.Config{Path: d.o.ConfigPath, Problem: because.Error(), FromLastStart: found}
	if err != nil || !found {
		return nil
	}
	wish.Why = "the stored policy, because the configuration is not used"
	return &wish
}

// begin puts the first policy into the kernel, unless a pause of before has not ended. A failure is told and tried again
// by the enforcer; the host is no worse off than without us.
func (d *daemon) begin(ctx context.Context, cfg *config.Config, wish *enforcer.Wish) {
	d.journal.Tell(status.Event{Kind: status.KindStarted, Summary: "nakama-warden " + d.o.Version + " started",
		Fields: map[string]string{"version": d.o.Version}})
	d.recall()
	if have, err := d.table.Read(ctx); err == nil {
		d.fromKernel = have.Groups()
	}
	if pause := readPause(d.o.StateDir, time.Now()); pause != nil {
		if err := d.beginPause(ctx, pause); err != nil {
			d.o.Log.Error("the pause did not begin; the rules stay", "error", err)
		}
	}
	var err error
	switch {
	case wish != nil && d.pause != nil:
		d.enforcer.Want(*wish)
	case wish != nil:
		_, err = d.enforcer.Apply(ctx, *wish)
	case d.unconfirmed != nil:
		if _, err = d.takeOver(ctx, cfg, "start"); err == nil {
			d.revert(ctx, "the daemon restarted before the change was confirmed")
		}
	default:
		_, err = d.takeOver(ctx, cfg, "start")
		if unusable := d.fleetInForce() == nil; unusable {
			if wish = d.storedWish(err); wish != nil {
				_, err = d.enforcer.Apply(ctx, *wish)
			}
		}
	}
	if err != nil {
		d.o.Log.Error("the first policy is not in force; it is tried again", "error", err)
	}
}

// recall reads what persons said before the restart.
func (d *daemon) recall() {
	var u *unconfirmed
	if found, err := d.store.Get(policyBucket, revertKey, &u); found && err == nil {
		d.unconfirmed = u
	}
	d.revoked = revocationsIn(d.store)
}

// takeOver makes cfg the configuration in force: its fleet, its policy.
func (d *daemon) takeOver(ctx context.Context, cfg *config.Config, why string) ([]string, error) {
	next, err := d.prepare(ctx, cfg, why)
	if err != nil {
		return nil, err
	}
	return d.succeed(ctx, next)
}

// successor is a configuration that nobody but the kernel can refuse any more.
type successor struct {
	config *config.Config
	fleet  *fleet.Fleet
	wish   enforcer.Wish
}

// prepare finds out whether cfg can be the configuration in force. What is in force stays so.
func (d *daemon) prepare(ctx context.Context, cfg *config.Config, why string) (successor, error) {
	if err := checkForwarded(ctx, cfg); err != nil {
		return successor{}, err
	}
	f := newFleet(cfg, d.store, d.journal.Tell)
	roster := f.Load(ctx)
	wish, err := d.wishFor(cfg, f, roster, why)
	return successor{cfg, f, wish}, err
}

// succeed makes it so.
func (d *daemon) succeed(ctx context.Context, next successor) ([]string, error) {
	cfg := next.config
	d.steering.mu.Lock()
	d.config, d.fleet = cfg, next.fleet
	d.configState = status.Config{Path: d.o.ConfigPath, LastReload: time.Now(), LastReloadOK: true}
	for _, w := range cfg.Warnings {
		d.configState.Warnings = append(d.configState.Warnings, w.String())
	}
	d.steering.mu.Unlock()
	d.takeReceivers(cfg)
	d.takeLoki(cfg)
	changes, err := d.put(ctx, next.wish)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotYet, err)
	}
	return changes, nil
}

// errNotYet: the enforcer has told why, and goes on trying.
var errNotYet = errors.New("the configuration is in force, but the kernel does not hold its rules yet (they are tried again)")

// put has the enforcer apply a wish and remembers it for a start with a broken file.
func (d *daemon) put(ctx context.Context, wish enforcer.Wish) ([]string, error) {
	var changes []string
	var err error
	if d.withdrawn() {
		d.enforcer.Want(wish) // for when the rules come back
	} else {
		changes, err = d.enforcer.Apply(ctx, wish)
	}
	if err := d.store.Put(policyBucket, wishKey, wish); err != nil {
		d.o.Log.Warn("the policy could not be stored: a restart with a broken configuration would not know it", "error", err)
	}
	return changes, err
}

// wishFor is the wish of a configuration and what its fleet answers, without whom a person revoked.
func (d *daemon) wishFor(cfg *config.Config, f *fleet.Fleet, roster policy.Roster, why string) (enforcer.Wish, error) {
	roster = d.withRemembered(roster, f.Status())
	for _, r := range d.revocations() {
		roster = roster.Without(r.Prefix)
	}
	return wishOf(cfg, roster, why)
}

// wishOf compiles the policy of a configuration and a roster.
func wishOf(cfg *config.Config, roster policy.Roster, why string) (enforcer.Wish, error) {
	p, err := policy.Compile(cfg.HostServices(), roster)
	if err != nil {
		return enforcer.Wish{}, err
	}
	return enforcer.Wish{Policy: p, Mode: cfg.Firewall.Mode, Revision: cfg.Revision, Why: why}, nil
}

func newFleet(cfg *config.Config, storage fleet.Storage, tell func(status.Event)) *fleet.Fleet {
	groups := make(map[string]fleet.Group, len(cfg.Fleet))
	for name, g := range cfg.Fleet {
		groups[name] = fleet.Group{Static: g.Static, Files: g.Files}
	}
	return fleet.New(fleet.Options{Groups: groups, Services: cfg.HostServices(), Storage: storage, Tell: tell})
}

// withRemembered fills groups that no source and no store knows with what our table held when we started: the store was
// lost, and the sources have yet to answer.
func (d *daemon) withRemembered(roster policy.Roster, groups []status.Group) policy.Roster {
	filled := roster.Clone()
	for _, g := range groups {
		failing := slices.ContainsFunc(g.Sources, func(s status.Source) bool { return !s.Up })
		if failing && len(roster[g.Name]) == 0 && len(d.fromKernel[g.Name]) > 0 {
			filled[g.Name] = d.fromKernel[g.Name]
			d.o.Log.Warn("no source knows the group and none is stored: the addresses in the kernel stay", "group", g.Name)
		}
	}
	return filled
}

// steer takes rosters and orders until ctx ends. One at a time: a reload replaces the fleet between two rosters.
func (d *daemon) steer(ctx context.Context) {
	for ctx.Err() == nil {
		d.steerFleet(ctx)
	}
}

// steerFleet runs the fleet in force until an order replaced it or ctx ends.
func (d *daemon) steerFleet(ctx context.Context) {
	fleetCtx, stop := context.WithCancel(ctx)
	rosters := make(chan policy.Roster)
	var running sync.WaitGroup
	f := d.fleetInForce()
	if f != nil {
		running.Go(func() { _ = f.Run(fleetCtx, rosters) }) // always nil
	}
	end := func() { stop(); running.Wait() }
	defer end()
	for {
		select {
		case <-d.deadline():
			d.onDeadline(ctx)
		case <-ctx.Done():
			return
		case roster := <-rosters:
			d.onRoster(ctx, roster)
		case <-d.o.Reload:
			end()
			_ = d.reload(ctx, "SIGHUP") // told as an event
			return
		case o := <-d.orders:
			end()
			o.done <- o.do(ctx)
			return
		}
	}
}

func (d *daemon) onRoster(ctx context.Context, roster policy.Roster) {
	f := d.fleetInForce()
	wish, err := d.wishFor(d.configuration(), f, roster, "the roster changed")
	if err != nil {
		d.o.Log.Error("the roster makes no valid policy; the one before stays", "error", err)
		return
	}
	_, _ = d.put(ctx, wish) // told as an event, and tried again
}

// reload reads the file and makes it the configuration in force. A bad file changes nothing.
func (d *daemon) reload(ctx context.Context, why string) error {
	d.notifyReloading()
	defer d.notifyReady()
	cfg, err := load(d.o.ConfigPath, d.store)
	var changes []string
	if err == nil {
		changes, err = d.takeOver(ctx, cfg, why)
	}
	if err == nil || errors.Is(err, errNotYet) {
		d.journal.Tell(status.Event{Kind: status.KindConfigReloaded,
			Summary: fmt.Sprintf("the configuration was read again (%s): %d changes in the kernel", why, len(changes)),
			Fields:  map[string]string{"revision": cfg.Revision, "why": why}})
		return err
	}
	d.steering.mu.Lock()
	d.configState.LastReloadOK, d.configState.Problem = false, err.Error()
	d.steering.mu.Unlock()
	d.tellInvalid(err)
	return err
}

func (d *daemon) tellInvalid(err error) {
	d.journal.Tell(status.Event{Kind: status.KindConfigInvalid, Summary: "the configuration is not used: " + err.Error(),
		Fields: map[string]string{"error": err.Error()}})
}

// order has the steer loop do something and waits for it.
func (d *daemon) order(ctx context.Context, do func(context.Context) error) error {
	work := func(loop context.Context) error {
		// It lives as long as the loop, not as long as who asked; but it knows who that was.
		asked, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		stop := context.AfterFunc(loop, cancel)
		defer stop()
		return do(asked)
	}
	o := order{do: work, done: make(chan error, 1)}
	select {
	case d.orders <- o:
		return <-o.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deadline fires when a pause ends or a change is to be taken back; never if neither waits.
func (d *daemon) deadline() <-chan time.Time {
	if at, ok := d.nextDeadline(); ok {
		return time.After(time.Until(at))
	}
	return nil
}

// withdrawn says that a person took the rules out: then only a person, or the end of a pause, brings them back.
func (d *daemon) withdrawn() bool {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	return d.pause != nil || d.removed
}

func (d *daemon) setRemoved(removed bool) {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	d.removed = removed
}

func (d *daemon) revocations() []status.Revocation {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	return d.revoked
}

func (d *daemon) configuration() *config.Config {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	return d.config
}

func (d *daemon) fleetInForce() *fleet.Fleet {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	return d.fleet
}

// groupsOf describes the groups of a policy whose sources are not known, as stored ones are.
func groupsOf(p policy.Policy) []status.Group {
	var groups []status.Group
	for _, name := range slices.Sorted(maps.Keys(p.Groups)) {
		groups = append(groups, status.Group{Name: name, Addresses: len(p.Groups[name])})
	}
	return groups
}
