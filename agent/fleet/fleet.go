// Package fleet knows who is who: it turns the declared sources of every group into the roster.
//
// The one idea: an answer is a claim, not an order. Each source's last good answer is remembered, also over restarts, and
// stays in force when the source is missing, half-written or wrong; what a source would take away all at once waits for a
// person's word (keep.go); and no answer comes into force that would break a rule of the policy (admit.go).
package fleet

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// Storage remembers a JSON value by bucket and key.
type Storage interface {
	Put(bucket, key string, value any) error
	Get(bucket, key string, into any) (found bool, err error)
}

// Group is where the addresses of a group come from. Files are paths of Prometheus file_sd files; the last part of a path
// may be a pattern.
type Group struct {
	Static []netip.Prefix
	Files  []string
}

// Options are what a Fleet is made of. Now is time.Now if nil; without Tell nobody hears of events, and without Storage
// nothing outlives the process.
type Options struct {
	Groups   map[string]Group
	Services []policy.Service // this host's: an answer must not break a rule beside them
	Storage  Storage
	Now      func() time.Time
	Tell     func(status.Event) // must not block
}

// Fleet is safe for concurrent use; Load comes before Run, and one Run at a time. Two fleets must not share a storage: the
// one with an old configuration ends before the one with the next is made.
type Fleet struct {
	groups   map[string]Group
	services []policy.Service
	storage  Storage
	now      func() time.Time
	after    func(time.Duration) <-chan time.Time
	tell     func(status.Event)
	accepted chan struct{} // AcceptShrink changed the roster

	refreshing sync.Mutex // held from reading the sources to the end of a refresh, so that refreshes keep their order

	mu        sync.Mutex // guards what follows
	records   records
	stored    records              // as put last
	problems  map[sourceKey]string // of the sources that are down
	refreshed time.Time
	delivered policy.Roster // as returned by Load or sent by Run
	unstored  bool          // the last Put failed
	view      []status.Group
}

// New makes a Fleet that knows what was stored of the groups that are declared. Nothing is read from a source before Load.
func New(o Options) *Fleet {
	f := &Fleet{groups: map[string]Group{}, services: o.Services, storage: o.Storage, now: o.Now, after: time.After,
		tell: o.Tell, accepted: make(chan struct{}, 1), stored: records{}, problems: map[sourceKey]string{}}
	if f.now == nil {
		f.now = time.Now
	}
	if f.tell == nil {
		f.tell = func(status.Event) {}
	}
	for name, group := range o.Groups {
		f.groups[name] = Group{Static: normalized(group.Static), Files: slices.Clone(group.Files)}
	}
	f.remember()
	f.view = f.describe()
	return f
}

// Load reads every source once and returns the roster. A source that fails stands by its last good answer.
func (f *Fleet) Load(ctx context.Context) policy.Roster {
	f.refresh(ctx)
	roster, _ := f.undelivered()
	return roster
}

// Run sends each changed roster until the context ends. Its error is always nil: a fleet that cannot watch its files
// reads them again and again.
func (f *Fleet) Run(ctx context.Context, out chan<- policy.Roster) error {
	w, err := newWatch()
	if err == nil {
		defer w.close()
	}
	for ctx.Err() == nil {
		interval := f.follow(w)
		f.refresh(ctx)
		if roster, changed := f.undelivered(); changed {
			select {
			case out <- roster:
			case <-ctx.Done():
			}
		}
		f.await(ctx, w, interval)
	}
	return nil
}

// Status describes every group, sorted by name. The caller must not change what it points to.
func (f *Fleet) Status() []status.Group {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.view)
}

// AcceptShrink is a person's word that what is held in the group may leave.
func (f *Fleet) AcceptShrink(group string) error {
	f.mu.Lock()
	rec, known := f.records[group]
	if !known {
		names := policy.Groups(f.records.roster())
		f.mu.Unlock()
		return fmt.Errorf("accept shrink: unknown group %q; want one of %s", group, strings.Join(names, ", "))
	}
	if len(rec.held()) == 0 {
		f.mu.Unlock()
		return fmt.Errorf("accept shrink: nothing is held in group %s (`nakama-warden status` shows what is)", group)
	}
	next := f.records.clone()
	next[group] = rec.accept()
	events := f.settle(next)
	f.mu.Unlock()
	f.tellAll(events)
	select {
	case f.accepted <- struct{}{}:
	default: // Run knows already
	}
	return nil
}

// undelivered returns the roster, and whether it differs from the one that this returned before.
func (f *Fleet) undelivered() (policy.Roster, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	roster := f.records.roster()
	changed := !equalRosters(roster, f.delivered)
	f.delivered = roster
	return roster.Clone(), changed
}

// keys returns every declared source of files, sorted; the same file twice in a group is one source.
func (f *Fleet) keys() []sourceKey {
	var keys []sourceKey
	for name, group := range f.groups {
		for _, pattern := range group.Files {
			keys = append(keys, sourceKey{name, pattern})
		}
	}
	slices.SortFunc(keys, compareKeys)
	return slices.Compact(keys)
}

func (f *Fleet) tellAll(events []status.Event) {
	for _, e := range events {
		f.tell(e)
	}
}

func normalized(prefixes []netip.Prefix) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range prefixes {
		if p = policy.Normalize(p); p.IsValid() {
			all = append(all, p)
		}
	}
	return union(all)
}
