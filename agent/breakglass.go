package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// pauseFile is the one file beside the store: a pause must be possible when the store is corrupt or the daemon hangs,
// and must outlive both.
const pauseFile = "pause.json"

// longestPause bounds a typing error: 30d for 30m would be a host without a firewall.
const longestPause = 24 * time.Hour

// CheckPause says what is wrong with a request to pause.
func CheckPause(r status.PauseRequest) error {
	switch {
	case r.Why == "":
		return errors.New("a pause needs a reason: --why \"…\"")
	case r.For <= 0 || r.For > longestPause:
		return fmt.Errorf("cannot pause for %s; want at most %s", r.For, longestPause)
	}
	return nil
}

// WritePause makes a pause known to the daemon that starts next.
func WritePause(stateDir string, p status.Pause) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := writeForDaemon(filepath.Join(stateDir, pauseFile), text); err != nil {
		return fmt.Errorf("write pause: %w", err)
	}
	return nil
}

// writeForDaemon replaces a file in the daemon's folder, which is not root's: a link that lies there is not followed.
func writeForDaemon(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is none
	_, err = f.Write(text)
	if err := errors.Join(err, store.InheritOwner(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readPause returns the pause that has not ended. A file that cannot be read is no pause: fail closed.
func readPause(stateDir string, now time.Time) *status.Pause {
	text, err := os.ReadFile(filepath.Join(stateDir, pauseFile))
	var p status.Pause
	if err != nil || json.Unmarshal(text, &p) != nil || !p.Until.After(now) || p.Until.After(now.Add(longestPause)) {
		return nil
	}
	return &p
}

func endPause(stateDir string) error {
	err := os.Remove(filepath.Join(stateDir, pauseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Pause lets everything in for a while, by taking the rules out; the loop puts them back.
func (d *daemon) Pause(ctx context.Context, r status.PauseRequest) (status.Applied, error) {
	if err := CheckPause(r); err != nil {
		return status.Applied{}, err
	}
	pause := &status.Pause{Until: time.Now().Add(r.For), Why: r.Why, By: by(ctx)}
	err := d.order(ctx, func(ctx context.Context) error {
		// A pause that a restart would forget is still a pause, and fails closed.
		if err := WritePause(d.o.StateDir, *pause); err != nil {
			d.o.Log.Warn("the pause would not survive a restart", "error", err)
		}
		return d.beginPause(ctx, pause)
	})
	return status.Applied{Changes: []string{}, Summary: PauseText(pause)}, err
}

// PauseText says of a pause until when it is, by whom and why.
func PauseText(p *status.Pause) string {
	return fmt.Sprintf("PAUSED until %s: everybody gets in%s (%s)", p.Until.Format(time.RFC3339), byName(p.By), p.Why)
}

func (d *daemon) beginPause(ctx context.Context, pause *status.Pause) error {
	err := d.enforcer.Withdraw(ctx, enforcer.StatePaused, status.Event{Kind: status.KindPaused, Summary: PauseText(pause),
		Fields: map[string]string{"why": pause.Why, "by": pause.By, "until": pause.Until.Format(time.RFC3339)}})
	if err != nil {
		return err
	}
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	d.pause, d.removed = pause, false
	return nil
}

// unpause forgets a pause, if there is one, before rules are put back.
func (d *daemon) unpause(why string) {
	d.steering.mu.Lock()
	pause := d.pause
	d.pause = nil
	d.steering.mu.Unlock()
	if pause == nil {
		return
	}
	if err := endPause(d.o.StateDir); err != nil {
		d.o.Log.Error("the pause would begin again with a restart", "error", err)
	}
	d.journal.Tell(status.Event{Kind: status.KindPauseEnded, Summary: "the pause ended: " + why, Fields: map[string]string{"why": why}})
}

// unconfirmed is a change that is taken back unless a person confirms it in time.
type unconfirmed struct {
	Before enforcer.Wish `json:"before"`
	Empty  bool          `json:"empty"` // there were no rules before
	At     time.Time     `json:"at"`
}

const revertKey = "revert"

// rememberBefore remembers what is in force, which comes back at that time unless the change that follows is confirmed.
func (d *daemon) rememberBefore(at time.Time) error {
	before := d.enforcer.Snapshot()
	// Only a person's word leaves a host without rules: one whose rules are being tried again gets them back.
	empty := before.Firewall.State == enforcer.StateRemoved || before.Firewall.State == enforcer.StatePaused
	u := &unconfirmed{Before: before.Wish, Empty: empty, At: at}
	if d.unconfirmed != nil { // an unconfirmed change on top of another: back to the last that was confirmed
		u.Before, u.Empty = d.unconfirmed.Before, d.unconfirmed.Empty
	}
	// Before the change: whoever is locked out by it must get back in, even if the daemon dies in between.
	if err := d.store.Put(policyBucket, revertKey, u); err != nil {
		return fmt.Errorf("remember what to revert to: %w", err)
	}
	d.setUnconfirmed(u)
	return nil
}

func (d *daemon) setUnconfirmed(u *unconfirmed) {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	d.unconfirmed = u
}

// Confirm keeps the change that was to be taken back.
func (d *daemon) Confirm(ctx context.Context) (status.Applied, error) {
	err := d.order(ctx, func(context.Context) error {
		if d.unconfirmed == nil {
			return errors.New("nothing waits for a confirmation")
		}
		d.setUnconfirmed(nil)
		d.journal.Tell(status.Event{Kind: status.KindConfirmed, Summary: "the change was confirmed" + byText(ctx), Fields: map[string]string{"by": by(ctx)}})
		return d.store.Put(policyBucket, revertKey, nil)
	})
	return d.applied(nil), err
}

// revert takes the unconfirmed change back. The file on disk is then not what is in force.
func (d *daemon) revert(ctx context.Context, why string) {
	u := d.unconfirmed
	d.setUnconfirmed(nil)
	d.steering.mu.Lock()
	d.configState.LastReloadOK = false
	d.configState.Problem = "the change was not confirmed in time and was taken back; `nakama-warden apply` applies the file again"
	d.steering.mu.Unlock()
	event := status.Event{Kind: status.KindReverted, Summary: "what was in force before is back: " + why, Fields: map[string]string{"why": why}}
	if u.Empty {
		if err := d.enforcer.Withdraw(ctx, enforcer.StateRemoved, event); err != nil {
			d.o.Log.Error("revert", "error", err)
		}
		d.setRemoved(true)
	} else {
		d.journal.Tell(event)
		u.Before.Why = why
		_, _ = d.put(ctx, u.Before) // told as an event, and tried again
	}
	if err := d.store.Put(policyBucket, revertKey, nil); err != nil {
		d.o.Log.Warn("the revert is not remembered", "error", err)
	}
}

// nextDeadline is when a pause ends or a change is taken back, whichever is first; ok is false if neither waits.
func (d *daemon) nextDeadline() (at time.Time, ok bool) {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	if d.pause != nil {
		at, ok = d.pause.Until, true
	}
	if d.unconfirmed != nil && (!ok || d.unconfirmed.At.Before(at)) {
		at, ok = d.unconfirmed.At, true
	}
	return at, ok
}

// onDeadline does what is due.
func (d *daemon) onDeadline(ctx context.Context) {
	now := time.Now()
	if d.unconfirmed != nil && !now.Before(d.unconfirmed.At) {
		d.unpause("an unconfirmed change is taken back")
		d.revert(ctx, "the change was not confirmed in time")
	}
	if d.pause != nil && !now.Before(d.pause.Until) {
		d.unpause("its time is over")
		if _, err := d.enforcer.Apply(ctx, d.enforcer.Snapshot().Wish); err != nil {
			d.o.Log.Error("the rules are not back after the pause; it is tried again", "error", err)
		}
	}
}

// revoked are the addresses that a person took out of every group.
const revokedKey = "revoked"

// Revoke takes an address out of every group at once, or lets it back in.
func (d *daemon) Revoke(ctx context.Context, r status.RevokeRequest) (status.Applied, error) {
	var changes []string
	prefix := policy.Normalize(r.Prefix)
	err := d.order(ctx, func(ctx context.Context) error {
		revoked := withoutPrefix(d.revoked, prefix)
		if !r.Undo {
			revoked = append(revoked, status.Revocation{Prefix: prefix, Time: time.Now(), Why: r.Why, By: by(ctx)})
		} else if len(revoked) == len(d.revoked) {
			return fmt.Errorf("%s was not revoked", prefix)
		}
		if err := d.store.Put(policyBucket, revokedKey, revoked); err != nil {
			return fmt.Errorf("remember the revocation: %w", err)
		}
		d.steering.mu.Lock()
		d.revoked = revoked
		d.steering.mu.Unlock()
		what := map[bool]string{false: "revoked", true: "let back in"}[r.Undo]
		d.journal.Tell(status.Event{Kind: status.KindRevoked, Summary: fmt.Sprintf("%s was %s%s", prefix, what, byText(ctx)),
			Fields: map[string]string{"prefix": prefix.String(), "why": r.Why, "by": by(ctx), "undo": fmt.Sprint(r.Undo)}})
		wish := d.enforcer.Snapshot().Wish
		wish.Policy.Groups = wish.Policy.Groups.Without(prefix)
		if f := d.fleetInForce(); f != nil {
			var err error
			if wish, err = d.wishFor(d.configuration(), f, f.Load(ctx), prefix.String()+" was "+what); err != nil {
				return err
			}
		}
		var err error
		changes, err = d.put(ctx, wish)
		return err
	})
	return d.applied(changes), err
}

// revocationsIn returns those that are stored.
func revocationsIn(s *store.Store) []status.Revocation {
	var revoked []status.Revocation
	if found, err := s.Get(policyBucket, revokedKey, &revoked); !found || err != nil {
		return nil
	}
	return revoked
}

func withoutPrefix(revoked []status.Revocation, prefix netip.Prefix) []status.Revocation {
	kept := make([]status.Revocation, 0, len(revoked)+1)
	for _, r := range revoked {
		if r.Prefix != prefix {
			kept = append(kept, r)
		}
	}
	return kept
}
