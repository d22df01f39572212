package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/culprit"
	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/refusals"
	"github.com/nakama-warden/nakama-warden/status"
)

// senses are what the daemon knows of the world beside the kernel's rules: who wrote them, who was refused, who is
// connected. Each may be lacking, says so, and keeps nothing else from working.
type senses struct {
	writers  *culprit.Watch
	refusals *refusals.Listener // nil: nobody tells us
	book     *refusals.Book
	minutes  *refusals.PerMinute

	deafness string // why nobody tells us of refusals

	mu     sync.Mutex // guards cutOff
	cutOff string     // why connections cannot be ended
}

// The book of who was refused, in the store.
const (
	refusalsBucket = "refusals"
	bookKey        = "book"
)

// openSenses never fails: what cannot be had is told in status.
func (d *daemon) openSenses(logGroup uint16) {
	d.writers = culprit.Open(time.Now)
	if reason := d.writers.Reason(); reason != "" {
		d.o.Log.Info("who changes the rules is known by name only", "reason", reason)
	}
	d.book = refusals.NewBook(refusals.BookOptions{})
	var stored []status.RefusedSource
	if found, err := d.store.Get(refusalsBucket, bookKey, &stored); found && err == nil {
		d.book.Restore(stored)
	}
	d.minutes = refusals.NewPerMinute(0)
	var err error
	if d.refusals, err = refusals.Open(refusals.Options{Group: logGroup}); err != nil {
		d.deafness = "who is refused is counted but not known: " + err.Error()
		d.o.Log.Warn(d.deafness)
	}
}

func (d *daemon) closeSenses() {
	if err := d.writers.Close(); err != nil {
		d.o.Log.Warn("close the watch on processes", "error", err)
	}
	if d.refusals != nil {
		if err := d.refusals.Close(); err != nil {
			d.o.Log.Warn("close the refusals' group", "error", err)
		}
	}
}

// enforcerOptions are the senses as the enforcer asks for them.
func (d *daemon) enforcerOptions(logGroup uint16) enforcer.Options {
	o := enforcer.Options{
		Tell: d.journal.Tell,
		Identify: func(w kernel.Writer, at time.Time) culprit.Person {
			return d.writers.Identify(w.Name, w.PID, at)
		},
		Look: look,
		Cut:  d.cut,
	}
	if d.refusals != nil {
		o.LogGroup = logGroup
	}
	return o
}

func look(ctx context.Context, guarded []paths.Guarded) (paths.Found, error) {
	return paths.Look(ctx, paths.Options{}, guarded)
}

// checkForwarded refuses to enforce beside a program that forwards packets on ways of its own, unless the operator said
// that they know: what would be reported as enforced might not be.
func checkForwarded(ctx context.Context, cfg *config.Config) error {
	enforcing := slices.ContainsFunc(cfg.HostServices(), func(s policy.Service) bool { return s.Mode == policy.Enforce })
	if cfg.Firewall.Forwarded || !enforcing {
		return nil
	}
	found, err := look(ctx, nil)
	if err != nil || len(found.Engines) == 0 {
		return nil // what cannot be looked at is told in status, and does not keep the host open
	}
	return fmt.Errorf("%s forwards packets on this host, perhaps past the rules: try `nakama-warden explain`, then set firewall.forwarded: true (or mode: audit)",
		strings.Join(found.Engines, ", "))
}

// storeBookEvery is how much of the memory of refusals a crash may lose.
const storeBookEvery = time.Minute

// listen writes down who is refused until ctx ends.
func (d *daemon) listen(ctx context.Context) {
	var hearing sync.WaitGroup
	if d.refusals != nil {
		hearing.Go(func() {
			if err := d.refusals.Run(ctx, d.noteRefusal); err != nil {
				d.o.Log.Error("refusals are not heard of any more", "error", err)
			}
		})
	}
	ticker := time.NewTicker(storeBookEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-ticker.C:
			d.book.Prune(now)
			d.tellAll(d.minutes.End(now))
			d.storeBook()
			d.storeLearnt()
			d.tellStoreProblem()
		}
	}
	hearing.Wait()
	d.tellAll(d.minutes.End(time.Now().Add(time.Minute)))
	d.storeBook()
	d.storeLearnt()
}

func (d *daemon) noteRefusal(r refusals.Refusal) {
	d.book.Note(r)
	d.tellAll(d.minutes.Note(r))
}

func (d *daemon) tellAll(events []status.Event) {
	for _, e := range events {
		d.journal.Tell(e)
	}
}

func (d *daemon) storeBook() {
	if err := d.store.Put(refusalsBucket, bookKey, d.book.Dump()); err != nil {
		d.o.Log.Warn("who was refused is not remembered over a restart", "error", err)
	}
}
