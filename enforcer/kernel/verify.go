package kernel

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// Drift is how the kernel differs from what was committed. The zero value is no difference.
type Drift struct {
	Missing bool // there is no table
	Shape   bool // the table, a chain, a rule, a set or a counter differs
	Sets    bool // elements of sets differ, and nothing else

	want     ruleset.Ruleset
	found    *dump // without elements, unless Sets
	unsteady bool  // Sets, but they could not be read: found is without elements
}

// None says that the kernel holds what was committed.
func (d Drift) None() bool { return !d.Missing && !d.Shape && !d.Sets }

// Repair is the change that puts things right. Only a difference of elements alone is mended by elements.
func (d Drift) Repair() ruleset.Change {
	if d.Sets && !d.Shape && !d.Missing && !d.unsteady {
		if have, err := d.found.decode(); err == nil {
			if c := ruleset.Diff(have, d.want); !c.Empty() && !c.Rebuild {
				return c
			}
		}
	}
	return ruleset.Replace(d.want)
}

// Describe tells what differed: its kind and the differences as lines, "+" for what somebody added and "-" for what
// they took away. It may be called after the repair.
func (d Drift) Describe() (kind string, changes []string) {
	if d.Missing {
		return "table", []string{"- table inet " + ruleset.TableName}
	}
	if d.unsteady {
		return "element", []string{"(somebody changes elements faster than they can be read)"}
	}
	have, err := d.found.decode()
	if err != nil {
		return "table", []string{"(unreadable: " + err.Error() + ")"}
	}
	want := d.want
	if d.found.elements == nil || !d.Sets {
		// The dump has no elements: compare the rest.
		want = withoutElements(want)
		have = withoutElements(have)
	}
	lines := ruleset.Diff(want, have).Lines()
	if len(lines) == 0 {
		lines = []string{"a difference that nft does not show"}
	}
	return kindOf(lines[0]), lines
}

// kindOf is the first difference's kind, in nft's words.
func kindOf(line string) string {
	var sign, kind string
	if _, err := fmt.Sscan(line, &sign, &kind); err != nil {
		return "table"
	}
	switch kind {
	case "chain", "rule", "set", "element", "counter", "object":
		return kind
	case "flags":
		return "flags"
	}
	return "table"
}

func withoutElements(r ruleset.Ruleset) ruleset.Ruleset {
	sets := make([]ruleset.Set, len(r.Sets))
	for i, s := range r.Sets {
		s.Ranges = nil
		sets[i] = s
	}
	r.Sets = sets
	return r
}

// Verify compares the kernel with what was committed last. What is cheap to read and does the most harm is compared
// first: elements of sets are read only if all else is as it should be.
func (t *Table) Verify(ctx context.Context) (Drift, error) {
	t.mu.Lock()
	want, blessed := t.committed, t.blessed
	t.mu.Unlock()
	if want.Absent() {
		return Drift{}, nil
	}
	shape, err := t.dump(ctx, dumpShape|dumpObjects)
	if err != nil {
		return Drift{}, fmt.Errorf("verify table: %w", err)
	}
	drift := Drift{want: want, found: shape}
	switch {
	case !shape.table.present:
		drift.Missing = true
		return drift, nil
	case !blessed.set || shapeOf(blessed.seed, shape) != blessed.shape:
		drift.Shape = true
		return drift, nil
	}
	return t.verifyElements(ctx, drift, blessed)
}

func (t *Table) verifyElements(ctx context.Context, drift Drift, blessed fingerprint) (Drift, error) {
	sums, err := t.dump(ctx, dumpShape|dumpSums)
	if err != nil {
		return Drift{}, fmt.Errorf("verify elements: %w", err)
	}
	if sameSums(blessed.elements, sums) {
		return drift, nil
	}
	all, err := t.steadyDump(ctx)
	switch {
	case errors.Is(err, errTorn):
		// What exactly differs cannot be told, but a rebuild need not know.
		drift.Sets, drift.unsteady = true, true
		return drift, nil
	case err != nil:
		return Drift{}, fmt.Errorf("verify elements: %w", err)
	case all.table.present && sameSums(blessed.elements, all):
		return drift, nil // the first dump was torn
	}
	drift.Sets, drift.Missing, drift.found = true, !all.table.present, all
	return drift, nil
}

func sameSums(want map[string]elementSum, d *dump) bool {
	for name, sum := range want {
		if es := d.elements[name]; es == nil || es.sum != sum {
			return false
		}
	}
	return len(want) == len(d.elements)
}

// bless reads back the shape of what was committed, compares its meaning, and remembers what the dump looks like. A dump
// that looks like one whose meaning was found right before, of the same ruleset, need not be decoded again. Elements are
// left to Verify: they can be many, and what they look like is known.
func (t *Table) bless(ctx context.Context, before fingerprint) error {
	d, err := t.dump(ctx, dumpShape|dumpObjects)
	if err != nil {
		return err
	}
	if !d.table.present {
		return fmt.Errorf("%w: the table is gone again", ErrDiffers)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before.set && shapeOf(before.seed, d) == before.shape {
		t.blessed = before
		return nil
	}
	have, err := d.decode()
	if err != nil {
		return err
	}
	c := ruleset.Diff(have, withoutElements(t.committed))
	if !c.Empty() || d.table.flags != t.grip.flags() {
		return fmt.Errorf("%w: %v", ErrDiffers, c.Lines())
	}
	f := fingerprint{set: true, seed: maphash.MakeSeed()}
	f.shape = shapeOf(f.seed, d)
	f.expectElements(t.committed)
	t.blessed = f
	return nil
}

// ErrDiffers: somebody was faster than our read-back, or the kernel took the batch for something else.
var ErrDiffers = errors.New("the kernel does not hold what was committed")
