package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The programs that are played, by the names that the daemon looks for.
const (
	nakamaProgram    = "nakama"
	cockroachProgram = "cockroach"
)

// programOf is the program of a role.
func programOf(role string) string {
	if role == "cockroachdb" {
		return cockroachProgram
	}
	return nakamaProgram
}

// StandIn plays a program of the fleet, whose name is the first argument and whose flags are the others: it listens where that
// does, is connected to whom that is, and tells the metrics that are read of it. There is no game and no data behind it. Outside
// of a lab it refuses.
func StandIn(ctx context.Context, args []string) error {
	if !lab.Isolated() {
		return errors.New("stand-in: this is a real machine; only the demo may play programs, on its own hosts")
	}
	if len(args) == 0 {
		return fmt.Errorf("stand-in: want %s or %s, and its flags", nakamaProgram, cockroachProgram)
	}
	work, ctx := errgroup.WithContext(ctx)
	s := standIn{ctx: ctx, work: work}
	var err error
	switch args[0] {
	case nakamaProgram:
		err = s.nakama(args[1:])
	case cockroachProgram:
		err = s.cockroach(args[1:])
	default:
		err = fmt.Errorf("%q; want %s or %s", args[0], nakamaProgram, cockroachProgram)
	}
	if err == nil {
		fmt.Print(serverReady)
		err = work.Wait()
	}
	if err != nil {
		return fmt.Errorf("stand-in: %w", err)
	}
	return nil
}

// standIn is a program that is played. All of its work ends with the context.
type standIn struct {
	ctx  context.Context
	work *errgroup.Group
	held []byte // memory that it takes
}

// newFlags are for what is told of errors, and not for their usage.
func newFlags(program string) *flag.FlagSet {
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// listen opens a port. Whoever serves it closes it.
func (s *standIn) listen(port uint16) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(s.ctx, "tcp", fmt.Sprintf("[::]:%d", port))
}

// echo greets on a port and sends back what it hears. The connections are counted.
func (s *standIn) echo(port uint16, connected *atomic.Int64) error {
	listener, err := s.listen(port)
	if err != nil {
		return err
	}
	context.AfterFunc(s.ctx, func() { listener.Close() })
	s.work.Go(func() error {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return unlessOver(s.ctx, err)
			}
			s.work.Go(func() error {
				connected.Add(1)
				defer connected.Add(-1)
				defer conn.Close()
				stop := context.AfterFunc(s.ctx, func() { conn.Close() })
				defer stop()
				if _, err := io.WriteString(conn, greeting); err == nil {
					_, _ = io.Copy(conn, conn) // ends when the client does, whichever way
				}
				return nil
			})
		}
	})
	return nil
}

// page serves HTTP on a port.
func (s *standIn) page(port uint16, pages http.Handler) error {
	listener, err := s.listen(port)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: pages, ReadHeaderTimeout: readyLimit}
	context.AfterFunc(s.ctx, func() { server.Close() })
	s.work.Go(func() error { return unlessOver(s.ctx, server.Serve(listener)) })
	return nil
}

// reconnectEvery is how soon a client tries again.
const reconnectEvery = time.Second

// connect keeps so many connections to an address open, as a client's pool does, and counts them. Without an address it does nothing.
func (s *standIn) connect(address string, n int, connected *atomic.Int64) {
	if address == "" {
		return
	}
	for range n {
		s.work.Go(func() error {
			tick := time.NewTicker(reconnectEvery)
			defer tick.Stop()
			for {
				s.stay(address, connected)
				select {
				case <-s.ctx.Done():
					return nil
				case <-tick.C:
				}
			}
		})
	}
}

// stay is one connection, to its end. Where there is none to be had, that is the end.
func (s *standIn) stay(address string, connected *atomic.Int64) {
	conn, err := (&net.Dialer{Timeout: readyLimit}).DialContext(s.ctx, "tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	connected.Add(1)
	defer connected.Add(-1)
	_, _ = io.Copy(io.Discard, conn)
}

// unlessOver is an error, unless it is that the context has ended.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// gauges are metrics that are worked out when they are asked for.
type gauges map[string]func() float64

func (g gauges) page(others ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(others...)
	for name, value := range g {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: "Of a stand-in in a demo."}, value))
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

func always(value float64) func() float64 { return func() float64 { return value } }

func countOf(n *atomic.Int64) func() float64 { return func() float64 { return float64(n.Load()) } }
