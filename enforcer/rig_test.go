package enforcer

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/culprit"
	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// rig is a running Enforcer with a fake kernel, inside a bubble of testing/synctest: its time passes in pass only.
type rig struct {
	*Enforcer
	t     *testing.T
	table *fakeTable
	end   context.CancelFunc
	ended chan error

	mu     sync.Mutex // guards events
	events []status.Event
}

// bubble runs body beside a running Enforcer and ends it.
func bubble(t *testing.T, body func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run()
		body(t, r)
		r.end()
		<-r.ended
	})
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, table: newFakeTable(), ended: make(chan error, 1)}
	identify := func(w kernel.Writer, _ time.Time) culprit.Person {
		return culprit.Person{Name: w.Name, PID: int(w.PID)}
	}
	r.Enforcer = New(r.table, Options{Identify: identify, Tell: func(e status.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}})
	return r
}

func (r *rig) run() {
	ctx, end := context.WithCancel(r.t.Context())
	r.end = end
	go func() { r.ended <- r.Run(ctx) }()
	synctest.Wait()
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// told returns the events of a kind so far.
func (r *rig) told(kind string) []status.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []status.Event
	for _, e := range r.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// commits returns what was sent to the kernel so far, refused or not.
func (r *rig) commits() []ruleset.Change {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	return r.table.commits
}

func (r *rig) held() ruleset.Ruleset {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	return r.table.held
}

func (r *rig) apply(w Wish) {
	r.t.Helper()
	if _, err := r.Apply(r.t.Context(), w); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) wantState(state string) status.Firewall {
	r.t.Helper()
	f := r.Snapshot().Firewall
	if f.State != state {
		r.t.Errorf("state %q (%s); want %q", f.State, f.Problem, state)
	}
	return f
}

// wantHeld checks that the kernel holds a wish in some surroundings.
func (r *rig) wantHeld(w Wish, around ruleset.Surroundings) {
	r.t.Helper()
	if c := ruleset.Diff(r.held(), ruleset.Build(w.Policy, around)); !c.Empty() {
		r.t.Errorf("the kernel differs from the wish: %q", c.Lines())
	}
}

// disturb has another process flush the ruleset, and the kernel tell of it.
func (r *rig) disturb(by string) {
	r.table.flush()
	r.table.events <- kernel.Event{Time: time.Now(), Table: true, By: kernel.Writer{PID: 42, Name: by}}
	synctest.Wait()
}

// wishFor lets admins, and nobody else, reach the console.
func wishFor(t *testing.T, admins ...string) Wish {
	t.Helper()
	services := []policy.Service{{Name: "nakama-console", Role: policy.RoleNakama, Protocol: policy.TCP, Ports: []uint16{7351},
		From: []string{policy.GroupAdmins}, Mode: policy.Enforce, RefuseWith: policy.Drop}}
	roster := policy.Roster{}
	for _, admin := range admins {
		roster[policy.GroupAdmins] = append(roster[policy.GroupAdmins], netip.MustParsePrefix(admin))
	}
	p, err := policy.Compile(services, roster)
	if err != nil {
		t.Fatal(err)
	}
	return Wish{Policy: p, Mode: policy.Enforce, Revision: "r1", Why: "test"}
}
