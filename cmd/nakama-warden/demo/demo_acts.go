package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// repairLimit is how long a daemon may take to notice and put right, on a machine that does other things too.
const repairLimit = 5 * time.Second

// startAgents starts all daemons at once and looks whether they enforce.
func (d *Demo) startAgents(ctx context.Context) error {
	ready, readyCtx := errgroup.WithContext(ctx)
	for _, a := range d.fleet.agents {
		ready.Go(func() error {
			if err := a.start(); err != nil {
				return err
			}
			return a.awaitReady(readyCtx)
		})
	}
	if err := ready.Wait(); err != nil {
		return err
	}
	d.say("The Nakamas and CockroachDBs are stand-ins: they have the names, the ports and the metrics, and no game and no data.")
	for i, a := range d.fleet.agents {
		d.expect(a.host.Name+" reads its rules back", enforcing, a.enforcing(ctx))
		program := programOf(guardedHosts()[i].role)
		d.expect(a.host.Name+" finds what it guards", program, awaitFound(ctx, a, program))
	}
	return nil
}

// awaitFound waits until a daemon has found a program, alone, and returns what it found.
func awaitFound(ctx context.Context, a *agent, program string) string {
	last := ""
	await(ctx, repairLimit, func() bool {
		last = a.found(ctx)
		return last == program
	})
	return last
}

// consolePaths are what tampering with a Nakama host would change, and what it must not break.
func consolePaths(host string) []path {
	return []path{
		{"player", host, consolePort, lab.Hidden},
		{"admin", host, consolePort, lab.Open},
		{"player", host, apiPort, lab.Open},
	}
}

// asExpected says "as before" if all paths are what they should be, and else what they are.
func (d *Demo) asExpected(ctx context.Context, all []path) string {
	var wrong []string
	for i, s := range d.fleet.try(ctx, all) {
		if !s.is(all[i].want) {
			wrong = append(wrong, fmt.Sprintf("%s: %s", all[i], s))
		}
	}
	if len(wrong) > 0 {
		return strings.Join(wrong, ", ")
	}
	return asBefore
}

const asBefore = "as before"

// tamper does it, from another process on the agent's host.
func (d *Demo) tamper(ctx context.Context, a *agent, w way) error {
	args := append([]string{}, d.fleet.options.Tamper...)
	args = append(args, w.name)
	args = append(args, d.fleet.addresses("player")...)
	_, err := a.host.Output(ctx, d.fleet.program(culpritName), args...)
	return err
}

// tamperOwned shows that a table with an owner cannot be touched.
func (d *Demo) tamperOwned(ctx context.Context) error {
	a := d.fleet.agent(ownedHost)
	before, err := a.status(ctx)
	if err != nil {
		return err
	}
	if before.Firewall.Grip != "owned" {
		d.audience.Progress(fmt.Sprintf("%s cannot own its table here, it is %s: %s", a.host.Name, before.Firewall.Grip, before.Firewall.GripReason))
		return d.tamperEveryWay(ctx, a)
	}
	if err := a.addBystander(); err != nil {
		return err
	}
	for _, w := range ways() {
		err := d.tamper(ctx, a, w)
		if w.name == "flush" {
			there, listErr := a.hasBystander()
			if listErr != nil {
				return listErr
			}
			d.expect(w.text+": another program's table", "gone", map[bool]string{true: "still there", false: "gone"}[there])
		} else {
			d.expect(w.text+": what the kernel says", "operation not permitted", kernelSays(err))
		}
		d.expect(w.text+": who reaches what", asBefore, d.asExpected(ctx, consolePaths(a.host.Name)))
	}
	after, err := a.status(ctx)
	if err != nil {
		return err
	}
	d.expect("drifts of the table, read back", fmt.Sprint(total(before.Firewall.Drifts)), fmt.Sprint(total(after.Firewall.Drifts)))
	return nil
}

// kernelSays finds the refusal in what the other process complained about.
func kernelSays(err error) string {
	const refusal = "operation not permitted"
	switch {
	case err == nil:
		return "done"
	case strings.Contains(err.Error(), refusal):
		return refusal
	}
	return err.Error()
}

func total(counts map[string]uint64) uint64 {
	var sum uint64
	for _, n := range counts {
		sum += n
	}
	return sum
}

func (d *Demo) tamperWatched(ctx context.Context) error {
	return d.tamperEveryWay(ctx, d.fleet.agent(watchedHost))
}

// tamperEveryWay shows that each change is put right, and reported with the culprit's name.
func (d *Demo) tamperEveryWay(ctx context.Context, a *agent) error {
	for _, w := range ways() {
		last, err := a.lastEvent(ctx)
		if err != nil {
			return err
		}
		if err := d.tamper(ctx, a, w); err != nil {
			d.expect(w.text+": from another process", "done", err.Error()) // as when an earlier one was not put right
			continue
		}
		report := d.awaitReport(ctx, a, last)
		d.check(Check{Name: w.text + ": reported", Expected: "a drift by " + culpritName, Seen: report,
			Held: strings.Contains(report, culpritName)})
		d.expect(w.text+": read back", enforcing, awaitEnforcing(ctx, a))
		d.expect(w.text+": who reaches what", asBefore, d.asExpected(ctx, consolePaths(a.host.Name)))
	}
	return nil
}

// awaitReport waits for a drift event that names the culprit and returns what the newest one says.
func (d *Demo) awaitReport(ctx context.Context, a *agent, since uint64) string {
	report := "no drift"
	await(ctx, repairLimit, func() bool {
		events, err := a.events(ctx, since)
		if err != nil {
			report = err.Error()
			return false
		}
		for _, e := range events {
			if e.Kind == status.KindDrift {
				report = e.Summary
				if by := e.Fields["by"]; by != "" && !strings.Contains(report, by) {
					report += ", by " + by
				}
			}
		}
		return strings.Contains(report, culpritName)
	})
	return report
}

func awaitEnforcing(ctx context.Context, a *agent) string {
	last := ""
	await(ctx, repairLimit, func() bool {
		last = a.enforcing(ctx)
		return last == enforcing
	})
	return last
}

// joinAndLeave shows that the file decides who reaches the database, and that leaving cuts what is connected.
func (d *Demo) joinAndLeave(ctx context.Context) error {
	f := d.fleet
	sql := path{joiningNode, "cockroachdb-1", sqlPort, lab.Refused}
	d.expect(sql.String()+", not in the file", string(lab.Refused), f.try(ctx, []path{sql})[0].String())

	if err := f.setNodes(append(nakamaNodes(), joiningNode)...); err != nil {
		return err
	}
	sql.want = lab.Open
	d.expect(sql.String()+", in the file", string(lab.Open), f.awaitPath(ctx, sql))
	conn, err := f.host(sql.from).Dial(ctx, netip.AddrPortFrom(f.host(sql.to).V4, sql.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	lines := bufio.NewReader(conn)
	if _, err := lines.ReadString('\n'); err != nil {
		return fmt.Errorf("read the greeting: %w", err)
	}
	d.expect("a connection it has", "answers", echo(conn, lines, answerLimit))

	if err := f.setNodes(nakamaNodes()...); err != nil {
		return err
	}
	sql.want = lab.Refused
	d.expect(sql.String()+", out of the file", string(lab.Refused), f.awaitPath(ctx, sql))
	d.expect("the connection it had", "cut", echo(conn, lines, silenceLimit))
	return nil
}

// awaitPath waits until a path is as it should be over both families, and returns what it is.
func (f *fleet) awaitPath(ctx context.Context, p path) string {
	var last seen
	await(ctx, repairLimit, func() bool {
		last = f.try(ctx, []path{p})[0]
		return last.is(p.want)
	})
	return last.String()
}

// echo says whether the far end still answers.
func echo(conn net.Conn, lines *bufio.Reader, limit time.Duration) string {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err.Error()
	}
	_, err := io.WriteString(conn, "still there?\n")
	if err == nil {
		_, err = lines.ReadString('\n')
	}
	switch {
	case err == nil:
		return "answers"
	case errors.Is(err, os.ErrDeadlineExceeded), lab.OutcomeOf(err) == lab.Refused, errors.Is(err, io.EOF):
		return "cut"
	}
	return err.Error()
}

// killAgents shows that the rules stay while nobody is there to keep them, and that the daemon takes them up again.
func (d *Demo) killAgents(ctx context.Context) error {
	for _, name := range []string{ownedHost, watchedHost} {
		a := d.fleet.agent(name)
		a.process.Kill()
		d.expect(name+" without its daemon: who reaches what", asBefore, d.asExpected(ctx, consolePaths(name)))
		if err := a.start(); err != nil {
			return err
		}
		if err := a.awaitReady(ctx); err != nil {
			return err
		}
		d.expect(name+" with its daemon again: read back", enforcing, awaitEnforcing(ctx, a))
		d.expect(name+" with its daemon again: who reaches what", asBefore, d.asExpected(ctx, consolePaths(name)))
	}
	return nil
}
