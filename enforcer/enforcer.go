// Package enforcer keeps the kernel at the policy.
//
// There is one question, asked after every change of the policy, of the kernel, of the surroundings, or of the clock:
// does what the kernel holds differ from what we want? If it does, one atomic batch puts it right. One goroutine, Run,
// owns everything; the others hand it wishes and read snapshots.
package enforcer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/culprit"
	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// Table is the kernel's side of the fence. All verbs may be called again after an error.
type Table interface {
	// Read returns what the kernel holds now. A table that is absent is an empty Ruleset, not an error.
	Read(context.Context) (ruleset.Ruleset, error)
	// Commit applies the change in one atomic batch: all of it is in force when Commit returns nil.
	Commit(context.Context, ruleset.Change) error
	// Verify compares the kernel with what was committed last.
	Verify(context.Context) (kernel.Drift, error)
	// Prepare renders the next repair beforehand.
	Prepare() error
	// Around reads what else on the host decides the way of packets.
	Around(context.Context) (ruleset.Surroundings, error)
	Counters(context.Context) (map[string]status.Count, error)
	// Release makes the table outlive this process as one that anybody may take over.
	Release(context.Context) error
	Remove(context.Context) error
	// Events tells that somebody else wrote to the table or changed the surroundings.
	Events() <-chan kernel.Event
	Grip() (kernel.Grip, string)
}

// Wish is a policy to keep, and what to say about it when it is applied.
type Wish struct {
	Policy   policy.Policy
	Mode     policy.Mode // the firewall's as a whole, for status
	Revision string
	Why      string
}

// Options are what an Enforcer is told of the world, and whom it tells. Only Tell is needed.
type Options struct {
	Tell func(status.Event) // must not block
	// Identify names who wrote to our table, as far as can be trusted.
	Identify func(w kernel.Writer, at time.Time) culprit.Person
	// Look finds the ways by which packets reach the guarded ports beside the ports themselves.
	Look func(context.Context, []paths.Guarded) (paths.Found, error)
	// Cut ends the open connections, to this host and to the listeners in containers, of those whom the policy refuses. It
	// runs beside the loop, after a commit.
	Cut func(context.Context, policy.Policy, []paths.Listener)
	// LogGroup is the NFLOG group that hears of refusals; 0: nobody does.
	LogGroup uint16
}

// Enforcer holds one Table to the newest Wish.
type Enforcer struct {
	table Table
	o     Options
	cuts  chan sentence // holds the newest only

	wishes   chan Wish    // holds the newest only
	requests chan request // what others ask the loop to do
	ended    chan struct{}

	keeper // owned by Run

	mu       sync.Mutex // guards snapshot
	snapshot Snapshot
}

// Snapshot is what the enforcer knows, as values.
type Snapshot struct {
	Firewall status.Firewall
	Services []status.Service
	Wish     Wish      // the newest
	Beat     time.Time // the last time the loop came round
}

// sentence says whose connections are to end.
type sentence struct {
	policy    policy.Policy
	listeners []paths.Listener
}

// request is a piece of work for the goroutine that owns the state.
type request struct {
	work func(context.Context) // ends with the loop, not with who asked: a commit is not cut in the middle
	done chan struct{}
}

// errEnded: the loop does not answer any more.
var errEnded = errors.New("the enforcer has ended")

// New makes an Enforcer, which does nothing before Run.
func New(table Table, o Options) *Enforcer {
	grip, reason := table.Grip()
	e := &Enforcer{
		table:    table,
		o:        o,
		cuts:     make(chan sentence, 1),
		wishes:   make(chan Wish, 1),
		requests: make(chan request),
		ended:    make(chan struct{}),
		keeper:   newKeeper(),
	}
	e.snapshot.Firewall = status.Firewall{State: StateStarting, Grip: grip.String(), GripReason: reason, Repairs: e.repairs.snapshot()}
	return e
}

// The states of status.Firewall.
const (
	StateStarting  = "starting"  // nothing was wished for yet
	StateEnforcing = "enforcing" // the kernel holds the policy, read back
	StateFailed    = "failed"    // it does not, and is tried again
	StateRemoved   = "removed"   // a person took the rules out, until apply or restart
	StatePaused    = "paused"    // a person lets everything in for a while
	StateOff       = "off"       // nothing is guarded
)

// Want replaces the wish. It does not wait for the kernel.
func (e *Enforcer) Want(w Wish) { replaceNewest(e.wishes, w) }

// replaceNewest puts a value into a channel that holds one, in the place of one that nobody has taken.
func replaceNewest[T any](c chan T, value T) {
	for {
		select {
		case c <- value:
			return
		default:
		}
		select {
		case <-c:
		default:
		}
	}
}

// Snapshot returns what is known now. It never waits for the kernel.
func (e *Enforcer) Snapshot() Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.snapshot
}

// Plan tells what applying a policy would change in the kernel.
func (e *Enforcer) Plan(ctx context.Context, p policy.Policy) (changes []string, err error) {
	doErr := e.do(ctx, func(ctx context.Context) {
		var change ruleset.Change
		if change, err = e.plan(ctx, p); err == nil {
			changes = change.Lines()
		}
	})
	return changes, errors.Join(doErr, err)
}

// Apply puts a wish into the kernel now, after Withdraw too, and returns what it changed.
func (e *Enforcer) Apply(ctx context.Context, w Wish) (changes []string, err error) {
	doErr := e.do(ctx, func(ctx context.Context) {
		e.wish, e.wished, e.withdrawn = w, true, ""
		changes, err = e.apply(ctx)
	})
	return changes, errors.Join(doErr, err)
}

// Withdraw takes the rules out of the kernel until Apply, and tells the event. state is what it is called meanwhile:
// StateRemoved or StatePaused. A wish that comes meanwhile waits for Apply too.
func (e *Enforcer) Withdraw(ctx context.Context, state string, event status.Event) error {
	var err error
	doErr := e.do(ctx, func(ctx context.Context) {
		if err = e.withdraw(ctx, state); err == nil {
			e.o.Tell(event)
		}
	})
	return errors.Join(doErr, err)
}

// do has the loop run work between two of its rounds and waits for it.
func (e *Enforcer) do(ctx context.Context, work func(context.Context)) error {
	r := request{work: work, done: make(chan struct{})}
	select {
	case e.requests <- r:
		<-r.done
		return nil
	case <-e.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}
