// Package collector measures: one status.Sample of the host and of the services found on it, every second.
//
// What is dear is done seldom and what is done every second is cheap. Finding processes, reading limits and asking
// applications take milliseconds and happen every ten or fifteen seconds, beside the tick. Counting connections exactly
// walks the kernel's table and happens every max(10 s, cost/0.001); in between the count follows the number of
// descriptors, whose difference to the connections was learned at the last exact count (facts: connections and memory,
// "the cheap way that stays exact").
package collector

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

// Options say what to measure.
type Options struct {
	// Guarded are the ports that a role's services guard: connections are counted there.
	Guarded func() []Guarded
	// Admits says whether the policy lets a remote address reach a port; nil: everybody is expected.
	Admits func(remote netip.Addr, port uint16) bool
	// Roles and Environment decide how large the host should be.
	Roles       func() []string
	Environment func() string
	// Sizing is what the operator wants of capacity; nil: capacity is not estimated.
	Sizing func() Sizing
	Learnt map[string]Learnt // by an earlier run, by unit
	Known  []Known           // to an earlier run
	// Tell hears of units that end, are back or are restarted, and of whom the kernel kills; it must not block. nil: nobody does.
	Tell func(status.Event)
	Proc string // "" is /proc
	Root string // where the files of systemd's units are; "" is /
	Now  func() time.Time
}

// Guarded is a port of a service and the program that should hold it.
type Guarded struct {
	Service string
	Role    string
	Port    uint16
	Program string
}

// Collector measures until its Run ends. Latest may be called by anybody.
type Collector struct {
	o Options

	searching         // owned by Run
	units     []*unit // owned by Run
	scrapes   *scrapes

	mu           sync.Mutex // guards what follows
	latest       *status.Sample
	changed      chan struct{}
	found        []string
	metricsPorts []uint16
	learnt       map[string]Learnt
	known        []Known
}

// New makes a Collector that has measured nothing yet.
func New(o Options) *Collector {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Tell == nil {
		o.Tell = func(status.Event) {}
	}
	return &Collector{o: o, scrapes: newScrapes(o.Now), known: o.Known, changed: make(chan struct{}),
		searching: searching{finder: discovery.New(discovery.Options{Proc: o.Proc}), presences: newPresences(o.Root, o.Known)}}
}

// Latest is the last sample; nil before the first.
func (c *Collector) Latest() *status.Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest
}

// Changed returns a channel that is closed when the next sample is there. Whoever follows takes the channel first, then the
// sample, then waits: so nothing is missed between.
func (c *Collector) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Roles are the roles whose services have been found since the start, sorted.
func (c *Collector) Roles() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// MetricsPorts are where Nakamas were found to tell their metrics since the start, sorted.
func (c *Collector) MetricsPorts() []uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metricsPorts
}

// Known are the units that ran here, to be given to the next Collector.
func (c *Collector) Known() []Known {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.known)
}

const (
	// tick is how often the cheap measurements are taken: 15 µs a process (facts).
	tick = time.Second
	// searchEvery is how often processes are looked for, and limits read.
	searchEvery = 10 * time.Second
	// awaitFor is how long a process that has ended is expected back: until then each tick looks for it.
	awaitFor = 30 * time.Second
)

// Run measures until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	var asking sync.WaitGroup
	asking.Go(func() { c.scrapes.run(ctx) })
	defer asking.Wait()
	defer c.forget()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var searched, vanished time.Time
	for {
		now := c.o.Now()
		due := now.Sub(searched) >= searchEvery || now.Before(searched)
		if c.vanished() {
			due, vanished = true, now
		}
		awaited := now.Sub(vanished) < awaitFor && !now.Before(vanished)
		if due || awaited && c.appeared(ctx) {
			c.search(ctx)
			searched = now
		}
		c.sample(ctx, now)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
