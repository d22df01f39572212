package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

const (
	pairs = 10
	// Each side of a pair is many short windows, one side after the other: what else the machine does falls on both.
	windows    = 40
	windowTime = 100 * time.Millisecond
	// A median of ten lies between the second and the ninth value with 97.9 % confidence (binomial).
	lowRank, highRank = 1, 8
	tolerance         = 0.03
	apiPort           = 7350
	clients           = 4
)

// traffic measures what the table costs the players: connections a second and bytes a second on 7350, with it and
// without, by turns.
func (b *bench) traffic() error {
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer l.Close()
	server, err := l.Host("nakama")
	if err != nil {
		return err
	}
	player, err := l.Host("player")
	if err != nil {
		return err
	}
	listener, err := serve(server)
	if err != nil {
		return err
	}
	defer listener.Close()
	table, err := kernel.Open(b.ctx, kernel.Options{NetNS: server.NetNS()})
	if err != nil {
		return err
	}
	defer table.Close()
	want, err := nakamaHost()
	if err != nil {
		return err
	}
	to := netip.AddrPortFrom(server.V4, apiPort)
	for _, measure := range []struct {
		what string
		run  func(context.Context, *lab.Host, netip.AddrPort) (float64, error)
	}{{"connections a second on 7350", connectionRate}, {"bytes a second on 7350", throughput}} {
		ratios, err := b.interleave(table, want, func() (float64, error) { return measure.run(b.ctx, player, to) })
		if err != nil {
			return err
		}
		slices.Sort(ratios)
		low, high := ratios[lowRank], ratios[highRank]
		b.row(measure.what+", with the table beside without, median of ten pairs", fmt.Sprintf("%.3f (%.3f to %.3f)", ratios[pairs/2], low, high),
			"1 ± 0.03", low >= 1-tolerance && high <= 1+tolerance)
	}
	return nil
}

// interleave returns the ratio with the table to without, of each pair.
func (b *bench) interleave(table *kernel.Table, want ruleset.Ruleset, measure func() (float64, error)) ([]float64, error) {
	with := func() (float64, error) {
		if err := table.Commit(b.ctx, ruleset.Replace(want)); err != nil {
			return 0, err
		}
		return measure()
	}
	without := func() (float64, error) {
		if err := table.Remove(b.ctx); err != nil {
			return 0, err
		}
		return measure()
	}
	if _, err := without(); err != nil { // to warm up
		return nil, err
	}
	var ratios []float64
	for range pairs {
		var guarded, bare float64
		for i := range windows {
			first, second := with, without
			if i%2 == 1 { // what drifts with time must not favour one side
				first, second = without, with
			}
			x, err := first()
			if err != nil {
				return nil, err
			}
			y, err := second()
			if err != nil {
				return nil, err
			}
			if i%2 == 1 {
				x, y = y, x
			}
			guarded, bare = guarded+x, bare+y
		}
		ratios = append(ratios, guarded/bare)
	}
	return ratios, nil
}

// nakamaHost is the ruleset of a Nakama host by default, enforced.
func nakamaHost() (ruleset.Ruleset, error) {
	service := func(name string, port uint16, from ...string) policy.Service {
		return policy.Service{Name: name, Role: policy.RoleNakama, Protocol: policy.TCP, Ports: []uint16{port}, From: from,
			Mode: policy.Enforce, RefuseWith: policy.Drop}
	}
	p, err := policy.Compile([]policy.Service{
		service("nakama-api", apiPort, policy.Anyone), service("nakama-console", 7351, policy.GroupAdmins),
		service("nakama-console-grpc", 7348, policy.GroupAdmins), service("nakama-grpc", 7349),
		service("nakama-cluster", 7352, policy.GroupNakama), service("nakama-cluster-rpc", 7353, policy.GroupNakama),
		service("warden", 9735, policy.GroupAdmins, policy.GroupMonitoring),
	}, policy.Roster{policy.GroupAdmins: {netip.MustParsePrefix("10.9.0.0/24")}})
	return ruleset.Build(p, ruleset.Surroundings{LogGroup: 9735}), err
}

// serve sends bytes to whoever asks with one, and closes on everybody else.
func serve(host *lab.Host) (net.Listener, error) {
	var listener net.Listener
	err := host.Do(func() (err error) {
		listener, err = net.Listen("tcp", fmt.Sprintf(":%d", apiPort))
		return err
	})
	if err != nil {
		return nil, err
	}
	go func() {
		chunk := make([]byte, 256<<10)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(chunk[:1:1]); err != nil {
					return
				}
				for {
					if _, err := conn.Write(chunk); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener, nil
}

// connectionRate opens and resets connections for a window.
func connectionRate(ctx context.Context, player *lab.Host, to netip.AddrPort) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, windowTime)
	defer cancel()
	var made atomic.Uint64
	var dialling sync.WaitGroup
	errs := make([]error, clients)
	for i := range clients {
		dialling.Go(func() {
			errs[i] = player.Do(func() error {
				for ctx.Err() == nil {
					conn, err := net.Dial("tcp", to.String())
					if err != nil {
						return err
					}
					_ = conn.(*net.TCPConn).SetLinger(0) // no TIME_WAIT to run out of ports with
					_ = conn.Close()
					made.Add(1)
				}
				return nil
			})
		})
	}
	dialling.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(made.Load()) / windowTime.Seconds(), nil
}

// throughput reads from one connection for a window.
func throughput(ctx context.Context, player *lab.Host, to netip.AddrPort) (float64, error) {
	conn, err := player.Dial(ctx, to)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		return 0, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(windowTime)); err != nil {
		return 0, err
	}
	n, _ := io.Copy(io.Discard, conn) // until the deadline
	return float64(n) / windowTime.Seconds(), nil
}
