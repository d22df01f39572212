package scenario

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// tamper has another process change nftables on a host.
func tamper(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	_, err = h.Output(s.ctx, nft(), strings.Join(args[1:], " "))
	return err
}

// nft is in sbin, which an ordinary user's PATH often lacks.
func nft() string {
	for _, path := range []string{"/usr/sbin/nft", "/sbin/nft"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return "nft"
}

// battle is somebody who flushes the ruleset again and again.
type battle struct {
	stop    context.CancelFunc
	done    sync.WaitGroup
	least   time.Duration
	flushes int
	err     error
	cpu     time.Duration // of the daemon when it began
	began   time.Time
}

func fight(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	limit, err := time.ParseDuration(args[1])
	if err != nil {
		return usageError(err.Error())
	}
	ctx, cancel := context.WithCancel(s.ctx)
	b := &battle{began: time.Now(), least: limit, stop: cancel}
	if b.cpu, err = cpuTime(h.daemon.process.PID); err != nil {
		return err
	}
	h.battle = b
	b.done.Go(func() {
		for ctx.Err() == nil && b.err == nil {
			_, b.err = h.Output(s.ctx, nft(), "flush ruleset")
			b.flushes++
		}
	})
	return nil
}

// fightShare bounds what a fight may cost the daemon: the rest of a small host is for the game.
const fightShare = 0.6

// fewestFlushes make a fight of it.
const fewestFlushes = 20

func peace(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	b := h.battle
	select {
	case <-time.After(b.least - time.Since(b.began)):
	case <-s.ctx.Done():
	}
	b.stop()
	b.done.Wait()
	took := time.Since(b.began)
	cpu, err := cpuTime(h.daemon.process.PID)
	if err != nil {
		return err
	}
	share := float64(cpu-b.cpu) / float64(took)
	ts.Logf("%d flushes in %s; the daemon took %.2f of a core", b.flushes, took, share)
	switch {
	case b.err != nil:
		return b.err
	case b.flushes < fewestFlushes:
		return fmt.Errorf("only %d flushes in %s: that was no fight", b.flushes, took)
	case share > fightShare:
		return fmt.Errorf("the daemon took %.2f of a core; want at most %.2f", share, fightShare)
	}
	return nil
}

// clockTick is USER_HZ, which is 100 on every architecture that Go runs on (proc_pid_stat(5)).
const clockTick = 10 * time.Millisecond

// cpuTime is what a process has used, in user mode and in the kernel.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold blanks. utime and stime are fields 14 and 15 of the whole.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += time.Duration(n)
	}
	return ticks * clockTick, nil
}

// siege is somebody who connects without a pause, by both families.
type siege struct {
	stop     context.CancelFunc
	done     sync.WaitGroup
	attempts atomic.Int64
	opened   atomic.Int64

	mu          sync.Mutex // guards what follows
	first, last time.Time  // when somebody got in
}

func (g *siege) gotIn() {
	g.opened.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = time.Now()
	if g.first.IsZero() {
		g.first = g.last
	}
}

// leak is how long somebody got in.
func (g *siege) leak() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last.Sub(g.first)
}

const (
	// besiegers connect at once, each for attemptTime: as many first packets a second as their quotient.
	besiegers   = 10
	attemptTime = 30 * time.Millisecond
	// fewestAttempts make a siege of it.
	fewestAttempts = 50
)

func besiege(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	from, err := s.host(args[0])
	if err != nil {
		return err
	}
	to, port, err := s.target(args[1])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	g := &siege{stop: cancel}
	s.siege = g
	targets := addresses(to, port)
	for i := range besiegers {
		g.done.Go(func() {
			for ctx.Err() == nil {
				if connects(ctx, from, targets[i%len(targets)]) {
					g.gotIn()
				}
				g.attempts.Add(1)
			}
		})
	}
	return s.await(patience, func() error {
		if g.attempts.Load() < fewestAttempts {
			return fmt.Errorf("%d attempts so far", g.attempts.Load())
		}
		return nil
	})
}

// connects says whether anybody answered at all: that is too much already.
func connects(ctx context.Context, from *host, to netip.AddrPort) bool {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	conn, err := from.Dial(ctx, to)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was written
	return true
}

func repelled(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 0, 0); err != nil {
		return err
	}
	opened, err := s.liftSiege(ts)
	if err == nil && opened > 0 {
		err = fmt.Errorf("%d attempts got in, for %s", opened, s.siege.leak())
	}
	return err
}

// leaked claims that somebody got in, but not for longer than a time.
func leaked(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	limit, err := time.ParseDuration(args[0])
	if err != nil {
		return usageError(err.Error())
	}
	opened, err := s.liftSiege(ts)
	if err != nil {
		return err
	}
	if leak := s.siege.leak(); opened == 0 || leak > limit {
		return fmt.Errorf("%d attempts got in, for %s", opened, leak)
	}
	return nil
}

// liftSiege ends it and says how many got in.
func (s *scene) liftSiege(ts *testscript.TestScript) (opened int64, err error) {
	if s.siege == nil {
		return 0, usageError("nobody besieges")
	}
	s.siege.stop()
	s.siege.done.Wait()
	opened = s.siege.opened.Load()
	ts.Logf("%d attempts, %d got in, for %s", s.siege.attempts.Load(), opened, s.siege.leak())
	return opened, nil
}
