package agent

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/connections"
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
		}
	}
	hearing.Wait()
	d.tellAll(d.minutes.End(time.Now().Add(time.Minute)))
	d.storeBook()
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

// cut ends the connections of those whom the policy refuses: their packets are refused already, but the server would
// hold their sockets, and their memory, until it gives up.
func (d *daemon) cut(ctx context.Context, p policy.Policy) {
	refused, err := refusedConnections(ctx, p)
	if err == nil && len(refused) > 0 {
		var ended int
		if ended, err = connections.Destroy(ctx, connections.Own(), refused); ended > 0 {
			d.journal.Tell(cutEvent(p, refused, ended))
		}
	}
	d.senses.mu.Lock()
	defer d.senses.mu.Unlock()
	d.cutOff = ""
	if err != nil && ctx.Err() == nil {
		d.cutOff = "open connections of refused sources cannot be ended (their packets are refused): " + err.Error()
	}
}

// refusedConnections are the open connections to enforced services that the policy refuses. Those into containers have
// their sockets in another namespace: their packets are refused, their sockets end by themselves.
func refusedConnections(ctx context.Context, p policy.Policy) ([]connections.Connection, error) {
	ports := p.EnforcedPorts()
	if len(ports) == 0 {
		return nil, nil
	}
	open, err := connections.List(ctx, connections.Own(), ports)
	return connections.NotAllowed(open, func(remote netip.Addr, port uint16) bool { return !p.Refuses(remote, port) }), err
}

func cutEvent(p policy.Policy, refused []connections.Connection, ended int) status.Event {
	cuts := cutsOf(p, refused)
	fields := map[string]string{"connections": fmt.Sprint(ended)}
	for i, c := range cuts {
		if i == 10 {
			fields["more"] = fmt.Sprint(len(cuts) - i)
			break
		}
		fields[fmt.Sprintf("source_%d", i+1)] = fmt.Sprintf("%s from %s (%d)", c.Service, c.Source, c.Connections)
	}
	return status.Event{Kind: status.KindCut, Fields: fields,
		Summary: fmt.Sprintf("%d open connections of %d sources without permission were ended", ended, len(cuts))}
}
