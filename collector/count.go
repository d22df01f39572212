package collector

import (
	"context"
	"net/netip"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/sockdiag"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// exactAtLeast and exactShare: an exact count costs more the more sockets the machine has. It runs every
	// max(10 s, cost/0.001), so that it never takes more than 0.1 % of a core: a third of what the whole daemon may.
	exactAtLeast = 10 * time.Second
	exactShare   = 0.001
)

// How a port's connections were found.
const (
	howExact       = "exact"       // just counted
	howDerived     = "derived"     // from the number of descriptors and the last exact count
	howEstablished = "established" // from the namespace's established connections and the last exact count
	howLast        = "last"        // as counted last: nothing cheaper tells
)

// counter counts the connections to some ports: a sockdiag.Counter.
type counter interface {
	Ports() []uint16
	Count(context.Context, []sockdiag.Counts) error
	Remotes(context.Context, uint16) (map[netip.Addr]uint64, error)
	Close() error
}

// tally follows the connections of one unit between exact counts.
type tally struct {
	counter counter // nil: connections cannot be counted
	clock   func() time.Time
	// steady: but for its connections, the process keeps the number of its descriptors, as a Nakama does. A database
	// opens and closes files all the time.
	steady bool
	// shared: other services have the same network namespace, so that its established connections may be theirs.
	shared bool

	counts  []sockdiag.Counts // of counter.Ports(), at the last exact count; nil before the first
	exactAt time.Time
	at      vital // what was cheap to read then

	triedAt time.Time
	nextAt  time.Time
	soonAt  time.Time // the next exact count at the earliest, where a change cannot be told otherwise
}

// vital is what is read every second.
type vital struct {
	descriptors uint64 // 0: the kernel does not tell (before 6.2)
	established uint64
	estabKnown  bool
}

// exact counts if it is time, if the clock was set back, or if something changed and only a count tells what.
func (t *tally) exact(ctx context.Context, now time.Time, read func() vital) error {
	early := now.Before(t.nextAt) && !now.Before(t.triedAt)
	if early && (!t.shared || now.Before(t.soonAt)) {
		return nil
	}
	before := read()
	if early && !t.ambiguous(before) {
		return nil
	}
	counts := make([]sockdiag.Counts, len(t.counter.Ports()))
	began := t.clock()
	err := t.counter.Count(ctx, counts)
	cost := t.clock().Sub(began)
	owed := time.Duration(float64(cost) / exactShare)
	t.triedAt, t.nextAt, t.soonAt = now, now.Add(max(exactAtLeast, owed)), now.Add(owed)
	if err != nil {
		return err
	}
	t.counts, t.exactAt, t.at = counts, now, before
	return nil
}

// held are the connections to port i that hold memory, at the last exact count.
func (t *tally) held(i int) uint64 { return t.counts[i].Established + t.counts[i].CloseWait }

// ports tells the connections of now. What changed since the last exact count is taken to be at the port that had the
// most connections then: on a Nakama all the others together have a handful.
func (t *tally) ports(now time.Time, v vital) []status.Port {
	if t.counts == nil {
		return nil
	}
	busiest := 0
	for i := range t.counts {
		if t.held(i) > t.held(busiest) {
			busiest = i
		}
	}
	change, how := t.change(now, v)
	ports := make([]status.Port, len(t.counts))
	for i, port := range t.counter.Ports() {
		p := status.Port{Port: port, Connections: t.held(i), How: howLast, Exact: t.exactAt, States: states(t.counts[i])}
		if how == howExact {
			p.How = howExact
		} else if i == busiest && how != howLast {
			p.How = how
			p.Connections = uint64(max(0, int64(p.Connections)+change))
		}
		ports[i] = p
	}
	return ports
}

// change is how many connections there are more than at the last exact count.
func (t *tally) change(now time.Time, v vital) (int64, string) {
	switch {
	case now.Equal(t.exactAt):
		return 0, howExact
	case t.derivable(v):
		return int64(v.descriptors) - int64(t.at.descriptors), howDerived
	case v.estabKnown && t.at.estabKnown && !t.shared:
		return int64(v.established) - int64(t.at.established), howEstablished
	}
	return 0, howLast
}

// derivable says that the process' own descriptors tell.
func (t *tally) derivable(v vital) bool { return t.steady && v.descriptors > 0 && t.at.descriptors > 0 }

// ambiguous says that connections came or went, of this service or of another.
func (t *tally) ambiguous(v vital) bool {
	return t.shared && t.counts != nil && !t.derivable(v) && v.estabKnown && t.at.estabKnown && v.established != t.at.established
}

func states(c sockdiag.Counts) map[string]uint64 {
	found := map[string]uint64{}
	for state, n := range c.States {
		if name := sockdiag.StateName(state); n > 0 && name != "" {
			found[name] = n
		}
	}
	return found
}
