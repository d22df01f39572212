package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// Host is one machine of the lab: a network namespace with addresses, listeners and processes. Its methods may be
// called by several goroutines at once.
type Host struct {
	Name   string
	V4, V6 netip.Addr // the zero Addr where the host has none

	*namespace

	mu         sync.Mutex // guards what follows
	listeners  []*listener
	processes  []*Process
	containers []*Host
	engine     *engine // absent before the first container
}

// TB is what Namespace needs of testing.TB. The package testing itself stays out of the programs that use a lab.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// Namespace makes a host of its own, with a loopback and nothing else, that lives as long as the test: enough for tests
// of nothing but the kernel.
func Namespace(tb TB) *Host {
	tb.Helper()
	h, err := newHost("namespace")
	if err != nil {
		tb.Fatal("make a network namespace: ", err)
	}
	tb.Cleanup(h.close)
	return h
}

func newHost(name string) (*Host, error) {
	n, err := newNamespace()
	if err != nil {
		return nil, err
	}
	return &Host{Name: name, namespace: n}, nil
}

// Do runs fn on a thread inside the host's network namespace. Sockets that fn makes belong to the host and may be used
// from anywhere; goroutines that fn starts are outside.
func (h *Host) Do(fn func() error) error { return h.do(fn) }

// NetNS is the descriptor of the host's network namespace. It stays the lab's.
func (h *Host) NetNS() int { return int(h.handle) }

// Route leads the host's packets for a prefix to a neighbour.
func (h *Host) Route(to netip.Prefix, via netip.Addr) error {
	if err := addRoute(h.links, to, via); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	return nil
}

// Dial connects from the host to an address and port.
func (h *Host) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var conn net.Conn
	err := h.do(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		return err
	})
	return conn, err
}

// Addr returns the host's IPv6 or IPv4 address.
func (h *Host) Addr(six bool) netip.Addr {
	if six {
		return h.V6
	}
	return h.V4
}

func (h *Host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.processes {
		p.Kill()
	}
	for _, l := range h.listeners {
		l.close()
	}
	for _, c := range h.containers {
		c.close()
	}
	h.namespace.close()
	h.listeners, h.processes, h.containers = nil, nil, nil
}
