package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// slack is how late a page may be on a machine that does other things too; the budget is a second.
const slack = 5 * time.Second

// test sends a test through the receiver, as one should after each change of it.
func (a *Alerts) test(ctx context.Context) error {
	if err := a.startNakama(); err != nil {
		return err
	}
	if err := a.startDaemon(ctx); err != nil {
		return err
	}
	since := a.now()
	text, err := a.run(ctx, "alert-test", "-o", "json")
	if err != nil {
		return err
	}
	var tests []status.ReceiverTest
	if err := json.Unmarshal(text, &tests); err != nil {
		return fmt.Errorf("read alert-test: %w", err)
	}
	for _, t := range tests {
		a.say("alert-test: %s says %q after %s", t.Receiver, t.Answer, t.Took.Round(time.Millisecond))
		a.check(Check{Name: t.Receiver, Expected: "takes it", Seen: t.Answer, Held: t.OK})
	}
	n := a.awaitNotice(ctx, since, "Test", status.AlertFiring, func() {})
	a.expect("what arrives says that it is a test", "info, test: true", fmt.Sprintf("%s, test: %s", n.Labels["severity"], n.Labels["test"]))
	return nil
}

// fillUp lets the server come near the end of its descriptors, and players go again.
func (a *Alerts) fillUp(ctx context.Context) error {
	since := a.now()
	if err := a.crowd.grow(ctx, nearlyFull); err != nil {
		return err
	}
	a.say("%d players came; the server may open %d descriptors", nearlyFull, fewFiles)
	a.expectFiring(ctx, since, "DescriptorsLow", status.SeverityWarning, "of 1,000 file descriptors")
	since = a.now()
	a.crowd.shrink(calmCrowd)
	a.say("all but %d went", calmCrowd)
	a.expectResolved(ctx, since, "DescriptorsLow")
	return nil
}

// emptyTable has another process flush the ruleset while the table is watched.
func (a *Alerts) emptyTable(ctx context.Context) error {
	first := a.now()
	if err := a.flush(ctx, 1); err != nil {
		return err
	}
	a.expectFiring(ctx, first, "Drift", status.SeverityInfo, culpritName)
	since := first
	for drifts := 2; drifts <= 3; drifts++ {
		since = a.now()
		if err := a.flush(ctx, drifts); err != nil {
			return err
		}
	}
	a.expectFiring(ctx, since, "DriftRepeated", status.SeverityWarning, "3 times")
	a.expectTold(first, "Drift, of three of them", "Drift", once)
	a.expect("the rules, read back", enforcing, awaitEnforcing(ctx, a.daemon))
	return nil
}

// flush tampers once, and waits until the daemon has put right so many in all.
func (a *Alerts) flush(ctx context.Context, repaired int) error {
	if _, err := a.daemon.host.Output(ctx, a.culprit(), append(slices.Clone(a.options.Tamper), "flush")...); err != nil {
		return err
	}
	return a.awaitStatus(ctx, fmt.Sprintf("%d drifts that were put right", repaired), func(h status.Host) bool { return h.Firewall.DriftsLately >= repaired })
}

// dies kills Nakama and starts it again.
func (a *Alerts) dies(ctx context.Context) error {
	since := a.kill()
	a.expectFiring(ctx, since, "ServiceDown", status.SeverityCritical, "nakama is down")
	since = a.now()
	if err := a.startNakama(); err != nil {
		return err
	}
	a.say("it was started again")
	a.expectResolved(ctx, since, "ServiceDown")
	return nil
}

func (a *Alerts) kill() cause {
	a.crowd.shrink(0)
	since := a.now()
	a.server.Kill()
	return since
}

// diesQuietly shows a silence and a maintenance. A pause is what nobody may do unseen: that it is told at the same time shows
// that somebody would have heard of the rest.
func (a *Alerts) diesQuietly(ctx context.Context) error {
	silence, err := a.silenced(ctx, "silence", "ServiceDown", "--for", "10m", "--why", "the demo kills it")
	if err != nil {
		return err
	}
	a.say("%s", silence.Summary)
	since := a.kill()
	id := silence.Silences[0].ID
	a.expectQuiet(ctx, "silence "+id)

	maintenance, err := a.silenced(ctx, "maintenance", "start", "--for", "10m", "--why", "the demo works on it")
	if err != nil {
		return err
	}
	a.say("%s", maintenance.Summary)
	if _, err := a.silenced(ctx, "silence", "--end", id); err != nil {
		return err
	}
	a.expectQuiet(ctx, "maintenance")
	if err := a.pauseTold(ctx); err != nil {
		return err
	}
	a.expectTold(since, "ServiceDown meanwhile", "ServiceDown", never)

	since = a.now()
	if _, err := a.run(ctx, "apply"); err != nil {
		return err
	}
	a.expectResolved(ctx, since, "Paused")
	since = a.now()
	if _, err := a.silenced(ctx, "maintenance", "end"); err != nil {
		return err
	}
	a.say("the maintenance was ended")
	a.checkFiring(a.awaitNotice(ctx, since, "ServiceDown", status.AlertFiring, func() {}), "ServiceDown", status.SeverityCritical)
	return nil
}

func (a *Alerts) expectQuiet(ctx context.Context, by string) {
	seen := a.awaitQuiet(ctx, "ServiceDown", by)
	expected := status.AlertFiring + ", " + by
	a.check(Check{Name: "ServiceDown, in status", Expected: expected, Seen: seen, Held: strings.HasPrefix(seen, expected)})
}

// pauseTold lets everybody in and checks that it is told.
func (a *Alerts) pauseTold(ctx context.Context) error {
	since := a.now()
	if _, err := a.run(ctx, "pause", "--for", "10m", "--why", "is on-call there?"); err != nil {
		return err
	}
	a.expectFiring(ctx, since, "Paused", status.SeverityWarning, "is on-call there?")
	return nil
}

// killDaemon shows that who was paged once is not paged again for want of memory.
func (a *Alerts) killDaemon(ctx context.Context) error {
	if err := a.awaitDelivered(ctx); err != nil {
		return err
	}
	since := a.now()
	a.daemon.process.Kill()
	if err := a.startDaemon(ctx); err != nil {
		return err
	}
	a.say("the daemon was killed with -9 and started again")
	if err := a.awaitStatus(ctx, "ServiceDown fires after the restart", func(h status.Host) bool {
		return h.Sample != nil && slices.ContainsFunc(h.Conditions, func(c status.Condition) bool { return c.Name == "ServiceDown" })
	}); err != nil {
		return err
	}
	found, err := a.alert(ctx, "ServiceDown")
	if err != nil {
		return err
	}
	a.expect("ServiceDown, in status", "firing, told: true", fmt.Sprintf("%s, told: %t", found.State, found.Told))
	if err := a.pauseTold(ctx); err != nil { // whatever was to be told before this would have come before it
		return err
	}
	for _, name := range []string{"ServiceDown", "DriftRepeated"} {
		a.expectTold(since, name+", which fired before", name, never)
	}
	took := a.slowest.took.Round(time.Millisecond)
	a.say("the slowest was %s: %s after its hold time, which began when the daemon's facts first showed it; the budget is 1 s", a.slowest.name, took)
	a.check(Check{Name: "the slowest, beyond its hold time", Expected: fmt.Sprintf("at most %s", slack), Seen: took.String(), Held: took > 0 && took <= slack})
	return nil
}
