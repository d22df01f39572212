// Package sockdiag counts the TCP connections to local ports, in any network namespace.
//
// The one idea: the kernel is asked for no more than the sockets that matter, by port and state, and its answer is
// counted where it lies in the buffer, so that nothing is allocated per socket. One request shows IPv4 and IPv6 in one
// walk of the kernel's table: about 0.16 µs for each socket of the machine, whatever its namespace, and 0.76 µs for each
// that matches (facts: connections, "Counting"). Where a kernel or a lack of privilege forbids that, slower ways are
// taken, and Method and Reason say so.
//
// IPv4 clients of a listener on [::] are IPv6 sockets to the kernel: they are counted, and shown as IPv4.
package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
)

// Counts are the connections to one port.
type Counts struct {
	Established uint64
	CloseWait   uint64 // the client has gone, the server has not noticed: memory is still held
	Other       uint64 // being opened, or closed by the server

	// States is by the kernel's number of the state: see StateName. Listeners are not counted, nor connections of which
	// nothing is left but the wait (TIME_WAIT, and a FIN_WAIT2 that no process holds any more).
	States [13]uint64
}

// Counter counts in one namespace, over one lasting socket. It holds the namespace until it is closed, also when all
// processes in it have ended. It belongs to one goroutine.
type Counter struct {
	ports          []uint16
	counts         []Counts // of the count under way, by the index of the port
	add            visit    // counts one: made once, so that a count allocates nothing for it
	way            way
	method, reason string
	closed         bool
}

// Open makes a counter of the connections to at most 16 local ports. Of the ways to count, the best that works here is
// taken; it fails if none does, or if the process whose namespace is meant has ended.
func Open(ns Namespace, ports []uint16) (*Counter, error) {
	unique, err := checkPorts(ports)
	if err != nil {
		return nil, fmt.Errorf("count connections: %w", err)
	}
	chosen, err := choose(ns)
	if err != nil {
		return nil, fmt.Errorf("count connections: %w", err)
	}
	return newCounter(chosen, unique), nil
}

// Ports are those that are counted: as they were given, without repetitions.
func (c *Counter) Ports() []uint16 { return slices.Clone(c.ports) }

// Count counts now. The counts of Ports()[i] are written to into[i]; on an error, into is left as it was. Of what
// changes while it counts, some is seen and some is not.
func (c *Counter) Count(ctx context.Context, into []Counts) error {
	if len(into) != len(c.ports) {
		return fmt.Errorf("count connections: room for %d ports, not for %d", len(into), len(c.ports))
	}
	err := c.read(ctx, query{c.ports, countedStates}, func() { clear(c.counts) }, c.add)
	if err != nil {
		return fmt.Errorf("count connections: %w", err)
	}
	for i := range c.counts {
		c.counts[i].sum()
	}
	copy(into, c.counts)
	return nil
}

// Remotes counts the connections to a port that hold memory (established and close-wait) by their remote address. It
// may be any port.
func (c *Counter) Remotes(ctx context.Context, port uint16) (map[netip.Addr]uint64, error) {
	remotes := map[netip.Addr]uint64{}
	err := c.read(ctx, query{[]uint16{port}, heldStates}, func() { clear(remotes) },
		func(_ uint16, _ uint8, remote netip.Addr) { remotes[remote.Unmap()]++ })
	if err != nil {
		return nil, fmt.Errorf("count the clients of port %d: %w", port, err)
	}
	return remotes, nil
}

// Method is the way that was taken: one of the Method constants.
func (c *Counter) Method() string { return c.method }

// Reason says why no better way was taken; it is empty for the best.
func (c *Counter) Reason() string { return c.reason }

// Close gives back the socket and the namespace.
func (c *Counter) Close() error {
	if c.closed {
		return os.ErrClosed
	}
	c.closed = true
	return c.way.close()
}

// StateName is the name of a state by its number; it is empty for numbers that are none.
func StateName(state int) string {
	names := [...]string{"", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close",
		"close_wait", "last_ack", "listen", "closing", "new_syn_recv"}
	if state < 0 || state >= len(names) {
		return ""
	}
	return names[state]
}

func newCounter(c choice, ports []uint16) *Counter {
	counter := &Counter{ports: ports, counts: make([]Counts, len(ports)), way: c.way, method: c.method, reason: c.reason}
	counter.add = func(port uint16, state uint8, _ netip.Addr) {
		if i := slices.Index(counter.ports, port); i >= 0 {
			counter.counts[i].States[state]++
		}
	}
	return counter
}

// mostTorn is how often a dump is read again that the kernel calls inconsistent.
const mostTorn = 5

// read shows what is asked for; begin is called before, and again whenever all is shown anew.
func (c *Counter) read(ctx context.Context, q query, begin func(), show visit) error {
	if c.closed {
		return os.ErrClosed
	}
	err := errTorn
	for attempt := 0; attempt < mostTorn && errors.Is(err, errTorn); attempt++ {
		begin()
		err = c.way.each(ctx, q, show)
	}
	return err
}

// sum fills in what follows from the states.
func (c *Counts) sum() {
	for _, n := range c.States {
		c.Other += n
	}
	c.Established, c.CloseWait = c.States[established], c.States[closeWait]
	c.Other -= c.Established + c.CloseWait
}

// checkPorts returns the ports without repetitions.
func checkPorts(ports []uint16) ([]uint16, error) {
	var unique []uint16
	for _, port := range ports {
		if port == 0 {
			return nil, errors.New("port 0 cannot be listened on")
		}
		if !slices.Contains(unique, port) {
			unique = append(unique, port)
		}
	}
	if len(unique) == 0 || len(unique) > mostPorts {
		return nil, fmt.Errorf("%d ports: want 1 to %d", len(unique), mostPorts)
	}
	return unique, nil
}
