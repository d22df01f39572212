package enforcer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go4.org/netipx"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

var (
	errAbsent = errors.New("no such file or directory")
	errExists = errors.New("file exists")
)

// fakeTable is a kernel in memory that refuses what the kernel refuses. Its owner counts what it was asked, and can have
// any verb fail.
type fakeTable struct {
	events chan kernel.Event

	mu        sync.Mutex // guards what follows
	held      ruleset.Ruleset
	committed ruleset.Ruleset
	counters  map[string]status.Count
	around    ruleset.Surroundings
	commits   []ruleset.Change
	verified  []time.Time // when Verify was asked
	asked     int         // how often Around was
	released  int
	cost      time.Duration // of Verify

	commitErr, verifyErr, aroundErr, releaseErr error
}

func newFakeTable() *fakeTable {
	return &fakeTable{events: make(chan kernel.Event, 256), counters: map[string]status.Count{}}
}

// set changes what the kernel holds, or how it behaves.
func (f *fakeTable) set(change func(*fakeTable)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// flush is what another process does with `nft flush ruleset`.
func (f *fakeTable) flush() {
	f.set(func(f *fakeTable) { f.held, f.counters = ruleset.Ruleset{}, map[string]status.Count{} })
}

func (f *fakeTable) Read(ctx context.Context) (ruleset.Ruleset, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held, ctx.Err()
}

func (f *fakeTable) Commit(ctx context.Context, c ruleset.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits = append(f.commits, c)
	if err := errors.Join(ctx.Err(), f.commitErr); err != nil && !errors.Is(err, kernel.ErrDiffers) {
		return err
	}
	if c.Rebuild {
		want := c.Want
		if want.Absent() { // the repair of a kernel.Drift, whose ruleset only package kernel can fill in
			want = f.committed
		}
		f.held, f.committed, f.counters = want, want, map[string]status.Count{}
		return f.commitErr
	}
	changed, err := changeElements(f.held, c.Elements)
	if err != nil {
		return err
	}
	f.held, f.committed = changed, c.Want
	return f.commitErr
}

// changeElements refuses to delete what is not there and to add what is.
func changeElements(r ruleset.Ruleset, changes []ruleset.SetChange) (ruleset.Ruleset, error) {
	sets := slices.Clone(r.Sets)
	for _, change := range changes {
		i := slices.IndexFunc(sets, func(s ruleset.Set) bool { return s.Name == change.Set.Name })
		if i < 0 {
			return r, fmt.Errorf("set %s: %w", change.Set.Name, errAbsent)
		}
		ranges := slices.Clone(sets[i].Ranges)
		for _, gone := range change.Delete {
			at := slices.Index(ranges, gone)
			if at < 0 {
				return r, fmt.Errorf("delete %s: %w", gone, errAbsent)
			}
			ranges = slices.Delete(ranges, at, at+1)
		}
		for _, added := range change.Add {
			if slices.ContainsFunc(ranges, func(r netipx.IPRange) bool { return r.Overlaps(added) }) {
				return r, fmt.Errorf("add %s: %w", added, errExists)
			}
			ranges = append(ranges, added)
		}
		sets[i].Ranges = ranges
	}
	r.Sets = sets
	r.Normalize()
	return r, nil
}

func (f *fakeTable) Verify(ctx context.Context) (kernel.Drift, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verified = append(f.verified, time.Now())
	if f.cost > 0 {
		<-time.After(f.cost)
	}
	return kernel.Drift{Missing: f.held.Absent() && !f.committed.Absent()}, errors.Join(ctx.Err(), f.verifyErr)
}

func (f *fakeTable) Prepare() error { return nil }

func (f *fakeTable) Around(ctx context.Context) (ruleset.Surroundings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.around, errors.Join(ctx.Err(), f.aroundErr)
}

func (f *fakeTable) Counters(context.Context) (map[string]status.Count, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]status.Count{}
	for name, count := range f.counters {
		counts[name] = count
	}
	return counts, nil
}

func (f *fakeTable) Release(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.released++
	return f.releaseErr
}

func (f *fakeTable) Remove(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(ctx.Err(), f.commitErr); err != nil {
		return err
	}
	f.held, f.committed, f.counters = ruleset.Ruleset{}, ruleset.Ruleset{}, map[string]status.Count{}
	return nil
}

func (f *fakeTable) Events() <-chan kernel.Event { return f.events }

func (f *fakeTable) Grip() (kernel.Grip, string) { return kernel.Watched, "a fake" }
