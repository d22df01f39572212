package main

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// floodPort is the guarded UDP service of the benchmark: each datagram that arrives is a packet that was let through,
// and there is no handshake to hide one.
const floodPort = 9999

// flood is a stream of datagrams from a player to a guarded port.
type flood struct {
	sent    atomic.Uint64
	arrived atomic.Uint64
	first   atomic.Int64 // when the first and the last arrived, in nanoseconds of Unix time
	last    atomic.Int64
	stop    func()
}

// startFlood has a listener on the host count what the player's datagrams get through.
func startFlood(host, player *lab.Host) (*flood, error) {
	var listener net.PacketConn
	err := host.Do(func() (err error) {
		listener, err = net.ListenUDP("udp4", &net.UDPAddr{Port: floodPort})
		return err
	})
	if err != nil {
		return nil, err
	}
	var sender net.Conn
	err = player.Do(func() (err error) {
		sender, err = net.Dial("udp4", netip.AddrPortFrom(host.V4, floodPort).String())
		return err
	})
	if err != nil {
		return nil, err
	}
	f := &flood{}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { f.receive(listener) })
	loops.Go(func() { f.send(ctx, sender) })
	f.stop = func() {
		cancel()
		_, _ = sender.Close(), listener.Close()
		loops.Wait()
	}
	return f, nil
}

func (f *flood) receive(listener net.PacketConn) {
	buffer := make([]byte, 64)
	for {
		if _, _, err := listener.ReadFrom(buffer); err != nil {
			return
		}
		now := time.Now().UnixNano()
		f.first.CompareAndSwap(0, now)
		f.last.Store(now)
		f.arrived.Add(1)
	}
}

// burst datagrams each tick are 20,000 a second, and leave the machine time for what is measured.
const (
	tick  = time.Millisecond
	burst = 20
)

func (f *flood) send(ctx context.Context, sender net.Conn) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		<-ticker.C
		for range burst {
			if _, err := sender.Write([]byte("x")); err == nil {
				f.sent.Add(1) // a refusal comes back as an error of the next write
			}
		}
	}
}

// reset begins a count anew and returns the one before.
func (f *flood) reset() (sent, arrived uint64) {
	f.first.Store(0)
	return f.sent.Swap(0), f.arrived.Swap(0)
}
