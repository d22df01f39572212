// Package kernel holds the one table in the kernel: it reads, commits, verifies and watches it. Nothing above it knows
// netlink.
//
// Every commit is one atomic batch: all of it is in force when Commit returns nil, and none of it otherwise. Batches
// are rendered by google/nftables and sent on a socket of our own that lives as long as the Table, because the kernel
// ties an owned table to the socket that made it. What is reported as present was read back: rules are decoded into
// the same values they were built from, set elements are compared one by one through a sum of their hashes, and dumps
// that another writer tore are noticed by their generation and read again.
//
// The figures behind these choices were measured (facts: nftables).
package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// Options say where the table is and how hard to hold it.
type Options struct {
	NetNS       int  // a file descriptor of the network namespace; 0: the caller's
	HighestGrip Grip // the highest rung to use; the zero value is the best the kernel has
	// ReadOnly: only Read, Around and Events are called. Then nothing is written, not even to ask what the kernel knows.
	ReadOnly bool
	Keeper   Keeper   // nil: nobody keeps a copy of the owning socket
	Kept     *os.File // the owning socket of our predecessor, if somebody kept it; Open takes it over
	Now      func() time.Time
}

// Table is the table in the kernel. Its methods are safe for one caller at a time; Events may be read beside them.
type Table struct {
	opts    Options
	grip    Grip
	reason  string // why the grip is not a better one
	writer  *socket
	reader  *socket
	proof   *socket // reads in other pieces than reader, to tell what was torn
	watcher *watcher

	// mu guards committed and blessed: a snapshot may be asked for while a commit runs.
	mu        sync.Mutex
	committed ruleset.Ruleset // what was committed last by us, the truth that Verify holds the kernel to
	blessed   fingerprint     // of the kernel's dump of it, once its meaning was found to be committed's
	rendered  *rendering      // of committed as a whole, to repair at once
}

// Open dials the kernel, finds the best grip and starts to watch. A table that is there already is left as it is.
func Open(ctx context.Context, o Options) (*Table, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Table{opts: o}
	var err error
	if t.writer, err = openWriter(o); err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	if t.reader, err = dial(o.NetNS); err != nil {
		return nil, errors.Join(fmt.Errorf("open nftables: %w", err), t.Close())
	}
	if t.proof, err = dial(o.NetNS); err != nil {
		return nil, errors.Join(fmt.Errorf("open nftables: %w", err), t.Close())
	}
	t.proof.buffer = make([]byte, proofSize)
	if t.grip = Watched; !o.ReadOnly {
		t.grip, t.reason, err = t.findGrip(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("probe nftables: %w", err), t.Close())
	}
	if t.watcher, err = watch(o, t.writer.portID()); err != nil {
		return nil, errors.Join(fmt.Errorf("watch nftables: %w", err), t.Close())
	}
	return t, nil
}

// openWriter adopts the socket that owned the table before: only it may write. What cannot be adopted is no loss, since a
// table whose socket is gone is an orphan, or gone too.
func openWriter(o Options) (*socket, error) {
	if o.Kept != nil {
		s, err := adopt(o.Kept)
		if err == nil {
			return s, o.Kept.Close() // adopt made a copy
		}
	}
	return dial(o.NetNS)
}

// Close ends the sockets. An owned table that was not released stays in the kernel as an orphan that keeps refusing.
func (t *Table) Close() error {
	var errs []error
	if t.watcher != nil {
		errs = append(errs, t.watcher.close())
	}
	for _, s := range []*socket{t.reader, t.proof, t.writer} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// Grip is how the table is kept, and why not better.
func (t *Table) Grip() (Grip, string) { return t.grip, t.reason }

// Events tells that somebody else wrote to nftables or changed the interfaces. A full buffer is an event too.
func (t *Table) Events() <-chan Event { return t.watcher.events }

// Read returns what the kernel holds now. A table that is absent is an empty Ruleset, not an error.
func (t *Table) Read(ctx context.Context) (ruleset.Ruleset, error) {
	d, err := t.steadyDump(ctx)
	if err != nil {
		return ruleset.Ruleset{}, fmt.Errorf("read table: %w", err)
	}
	return d.decode()
}

// Commit applies the change in one atomic batch. The shape is read back, and its meaning compared; elements are left to
// Verify. After an error the kernel holds what it held before, unless it is ErrDiffers.
func (t *Table) Commit(ctx context.Context, c ruleset.Change) error {
	if c.Empty() {
		return nil
	}
	if c.Rebuild {
		return t.rebuild(ctx, c.Want)
	}
	if err := t.commitElements(ctx, c); err != nil {
		return fmt.Errorf("change elements: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blessed.expectChange(t.committed, c.Want, c.Elements)
	t.committed = c.Want
	t.rendered = nil
	return nil
}

// commitTries bounds how often a commit is tried anew because the table changed under it.
const commitTries = 5

// rebuild replaces whatever there is of our name.
func (t *Table) rebuild(ctx context.Context, want ruleset.Ruleset) error {
	body, err := t.rendering(want)
	if err != nil {
		return fmt.Errorf("render ruleset: %w", err)
	}
	err = t.replaceUnseen(ctx, body)
	for try := 1; err != nil; try++ {
		if err = t.replace(ctx, body); err != nil && (try == commitTries || !changedUnderUs(err)) {
			return fmt.Errorf("replace table: %w", err)
		}
	}
	t.mu.Lock()
	before := t.blessed
	if body != t.rendered {
		before = fingerprint{} // of something else
	}
	t.committed, t.rendered, t.blessed = want, body, fingerprint{}
	t.mu.Unlock()
	if err := t.bless(ctx, before); err != nil {
		return fmt.Errorf("read the table back: %w", err)
	}
	return nil
}

// replaceUnseen replaces a table that was ours and watched a moment ago without asking what is there now: when it is
// being repaired, the question would be a part of the hole. It fails if the table is somebody else's by now.
func (t *Table) replaceUnseen(ctx context.Context, body *rendering) error {
	t.mu.Lock()
	ours := !t.committed.Absent()
	t.mu.Unlock()
	if t.grip != Watched || !ours {
		return errors.ErrUnsupported
	}
	return t.send(ctx, body, body.replacingUnseen())
}

// replace sends the batch that makes the table what body says, whatever is there now.
func (t *Table) replace(ctx context.Context, body *rendering) error {
	found, err := t.state(ctx)
	if err != nil {
		return err
	}
	batch, err := body.replacing(found, t.grip.flags(), t.writer.portID())
	if err != nil {
		return err
	}
	return t.send(ctx, body, batch)
}

func (t *Table) send(ctx context.Context, body *rendering, batch []netlink.Message) error {
	elements := 0
	for _, s := range body.of.Sets {
		elements += len(s.Ranges)
	}
	return t.watcher.unheard(elements, func() error { return t.writer.transact(ctx, batch) })
}

// rendering returns the batch of a ruleset, from memory if it is the one that is in force.
func (t *Table) rendering(want ruleset.Ruleset) (*rendering, error) {
	t.mu.Lock()
	cached := t.rendered
	t.mu.Unlock()
	if cached != nil && ruleset.Diff(cached.of, want).Empty() {
		return cached, nil
	}
	return render(want)
}

// Prepare renders the batch that would rebuild what is in force, so that a repair need not wait for it.
func (t *Table) Prepare() error {
	t.mu.Lock()
	want, cached := t.committed, t.rendered
	t.mu.Unlock()
	if cached != nil || want.Absent() {
		return nil
	}
	body, err := render(want)
	if err != nil {
		return fmt.Errorf("render ruleset: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rendered = body
	return nil
}

// Release turns an owned table into a plain one in one batch, so that the rules outlive this process and its successor
// finds a table it may take over. A watched table is plain already.
func (t *Table) Release(ctx context.Context) error {
	if t.grip == Watched {
		return nil
	}
	found, err := t.state(ctx)
	if err != nil {
		return fmt.Errorf("release table: %w", err)
	}
	if found.flags&ownedFlags == 0 {
		return nil // absent, or plain already: not ours to write
	}
	have, err := t.Read(ctx)
	if err != nil {
		return fmt.Errorf("release table: %w", err)
	}
	body, err := render(have)
	if err != nil {
		return fmt.Errorf("release table: %w", err)
	}
	batch, err := body.replacing(found, 0, t.writer.portID())
	if err != nil {
		return fmt.Errorf("release table: %w", err)
	}
	if err := t.writer.transact(ctx, batch); err != nil {
		return fmt.Errorf("release table: %w", err)
	}
	if t.opts.Keeper != nil {
		// A copy that stays behind is of a socket that owns nothing any more: our successor takes it or leaves it.
		_ = t.opts.Keeper.Forget(ctx)
	}
	return nil
}

// Remove takes the table out of the kernel. An absent table is no error.
func (t *Table) Remove(ctx context.Context) error {
	empty := &rendering{}
	for try := 1; ; try++ {
		found, err := t.state(ctx)
		if err != nil {
			return fmt.Errorf("remove table: %w", err)
		}
		if !found.present {
			break
		}
		batch, err := empty.removing(found, t.writer.portID())
		if err != nil {
			return fmt.Errorf("remove table: %w", err)
		}
		err = t.writer.transact(ctx, batch)
		if err == nil {
			break
		}
		if try == commitTries || !changedUnderUs(err) {
			return fmt.Errorf("remove table: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committed, t.rendered, t.blessed = ruleset.Ruleset{}, nil, fingerprint{}
	return nil
}

// Counters returns the named counters of the table by name. An absent table has none.
func (t *Table) Counters(ctx context.Context) (map[string]status.Count, error) {
	d, err := t.dump(ctx, dumpObjects)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return d.counters()
}
