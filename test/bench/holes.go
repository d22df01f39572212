package main

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// How often the rules are attacked.
const (
	flushes        = 200
	kills          = 50
	controlFlushes = 50
	togethers      = 20 // kill and flush at the very same time
)

// floodConfig guards the flooded port, and nothing that a flood could confuse it with.
const floodConfig = `roles: [nakama]
environment: testing
web: {listen: "127.0.0.1:9735"}
firewall:
  mode: enforce
  grip: %s
  services:
    flooded: {role: nakama, ports: [9999], protocol: udp, from: []}
`

// holes counts the packets that get through while others flush the ruleset and the daemon is killed.
func (b *bench) holes() error {
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer l.Close()
	host, err := l.Host("guarded")
	if err != nil {
		return err
	}
	player, err := l.Host("player")
	if err != nil {
		return err
	}
	f, err := startFlood(host, player)
	if err != nil {
		return err
	}
	defer f.stop()
	if err := f.awaitArrival(); err != nil {
		return err
	}
	for _, part := range []struct {
		grip string
		keep bool
	}{{"watched", false}, {"owned", false}, {"owned", true}, {"held", true}} {
		name := part.grip
		if part.keep && part.grip == "owned" {
			name += ", its socket kept"
		}
		s, err := supervise(host, b.program, filepath.Join(b.dir, fmt.Sprint(part.grip, part.keep)), fmt.Sprintf(floodConfig, part.grip), part.keep)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := b.holesOf(name, part.keep, host, s, f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := s.end(); err != nil {
			return err
		}
		if _, err := host.Output(b.ctx, "nft", "flush ruleset"); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) holesOf(name string, kept bool, host *lab.Host, s *supervisor, f *flood) error {
	flush := func() error {
		_, err := host.Output(b.ctx, "nft", "flush ruleset")
		return err
	}
	if name == "watched" {
		return b.count(f, name+fmt.Sprintf(": %d × nft flush ruleset (the positive control)", controlFlushes), controlFlushes, "> 0", flush)
	}
	if err := b.count(f, fmt.Sprintf("%s: %d × nft flush ruleset", name, flushes), flushes, "0", flush); err != nil {
		return err
	}
	again := func() error {
		if err := s.kill(); err != nil {
			return err
		}
		return s.start()
	}
	if err := b.count(f, fmt.Sprintf("%s: %d × kill -9 and return", name, kills), kills, "0", again); err != nil {
		return err
	}
	together := func() error {
		var flushing sync.WaitGroup
		flushing.Go(func() { _ = flush() })
		err := s.kill()
		flushing.Wait()
		if err := flush(); err != nil { // and once more, while nobody is there
			return err
		}
		if err != nil {
			return err
		}
		return s.start()
	}
	budget := "" // without a holder the window is reported, not promised
	if kept {
		budget = "0"
	}
	return b.count(f, fmt.Sprintf("%s: %d × kill -9 and flush at once", name, togethers), togethers, budget, together)
}

// count attacks so many times and tells how many packets got through.
func (b *bench) count(f *flood, what string, times int, budget string, attack func() error) error {
	f.reset()
	for range times {
		if err := attack(); err != nil {
			return err
		}
	}
	open := time.Duration(f.last.Load() - f.first.Load())
	sent, through := f.reset()
	measured := fmt.Sprintf("%d of %d packets", through, sent)
	switch budget {
	case "0":
		b.row(what, measured, budget, through == 0 && sent > 0)
	case "> 0":
		b.row(what, measured, budget, through > 0)
	default:
		b.note(what, fmt.Sprintf("%s (the first and the last %s apart)", measured, open.Round(time.Millisecond)))
	}
	return nil
}

// awaitArrival is the control before everything: without rules the flood arrives.
func (f *flood) awaitArrival() error {
	deadline := time.After(10 * time.Second)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for f.arrived.Load() == 0 {
		select {
		case <-ticker.C:
		case <-deadline:
			return fmt.Errorf("without any rules not one of %d packets arrives", f.sent.Load())
		}
	}
	return nil
}
