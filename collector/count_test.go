package collector

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/collector/sockdiag"
	"github.com/nakama-warden/nakama-warden/status"
)

// desk is a tally beside a world that the test turns by hand: the clock, what is cheap to read, and what a count finds.
type desk struct {
	tally
	now   time.Time
	vital vital
	ports []uint16
	held  []uint64 // what is there, by port
	cost  time.Duration
	err   error
	looks int // exact counts
}

func newDesk(ports ...uint16) *desk {
	d := &desk{now: time.Unix(1_000_000, 0), ports: ports, held: make([]uint64, len(ports))}
	d.tally = tally{counter: (*fakeCounter)(d), clock: func() time.Time { return d.now }, steady: true}
	return d
}

// tells lets some time pass and returns what the tally says then.
func (d *desk) tells(t *testing.T, after time.Duration) []status.Port {
	t.Helper()
	d.now = d.now.Add(after)
	now := d.now
	if err := d.exact(t.Context(), now, func() vital { return d.vital }); !errors.Is(err, d.err) {
		t.Fatalf("exact: %v; want %v", err, d.err)
	}
	return d.tally.ports(now, d.vital)
}

type fakeCounter desk

func (c *fakeCounter) Ports() []uint16 { return c.ports }
func (c *fakeCounter) Close() error    { return nil }

func (c *fakeCounter) Count(_ context.Context, into []sockdiag.Counts) error {
	c.looks++
	c.now = c.now.Add(c.cost)
	if c.err != nil {
		return c.err
	}
	for i, n := range c.held {
		into[i] = sockdiag.Counts{Established: n - n/10, CloseWait: n / 10}
		into[i].States[unix.BPF_TCP_ESTABLISHED], into[i].States[unix.BPF_TCP_CLOSE_WAIT] = n-n/10, n/10
	}
	return nil
}

func (c *fakeCounter) Remotes(context.Context, uint16) (map[netip.Addr]uint64, error) {
	return nil, c.err
}

// says is a port as a test writes it down.
type says struct {
	connections uint64
	how         string
}

func told(ports []status.Port) []says {
	var found []says
	for _, p := range ports {
		found = append(found, says{p.Connections, p.How})
	}
	return found
}

func TestBetweenExactCounts(t *testing.T) {
	tests := []struct {
		name        string
		steady      bool
		first, then vital
		connections uint64
		want        uint64
		how         string
	}{
		{"descriptors", true, vital{133, 500, true}, vital{163, 900, true}, 100, 130, howDerived},
		{"fewer descriptors", true, vital{133, 500, true}, vital{83, 500, true}, 100, 50, howDerived},
		{"below zero", true, vital{133, 500, true}, vital{3, 500, true}, 100, 0, howDerived},
		{"a kernel without", true, vital{0, 500, true}, vital{0, 470, true}, 100, 70, howEstablished},
		{"files come and go", false, vital{133, 500, true}, vital{163, 520, true}, 100, 120, howEstablished},
		{"nothing cheap", true, vital{}, vital{}, 100, 100, howLast},
		{"cheap then, not now", true, vital{133, 0, false}, vital{}, 100, 100, howLast},
		{"cheap now, not then", true, vital{}, vital{163, 520, true}, 100, 100, howLast},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(7350)
			d.steady, d.vital, d.held[0] = test.steady, test.first, test.connections
			if got := told(d.tells(t, 0)); got[0] != (says{test.connections, howExact}) {
				t.Errorf("first %v; want %d exactly", got, test.connections)
			}
			d.vital = test.then
			if got := told(d.tells(t, time.Second)); got[0] != (says{test.want, test.how}) {
				t.Errorf("then %v; want %d, %s", got, test.want, test.how)
			}
			if d.looks != 1 {
				t.Errorf("%d exact counts in a second", d.looks)
			}
		})
	}
}

// TestShared: where another service has the same network namespace, its connections are not taken for ours. Who can tell by its
// own descriptors does; else a change has the next exact count come as soon as the last one's cost allows.
func TestShared(t *testing.T) {
	tests := []struct {
		name        string
		steady      bool
		cost, after time.Duration
		then        vital
		want        says
		looks       int
	}{
		{"own descriptors tell", true, time.Millisecond, 2 * time.Second, vital{163, 900, true}, says{130, howDerived}, 1},
		{"nothing changed", false, time.Millisecond, 2 * time.Second, vital{163, 500, true}, says{100, howLast}, 1},
		{"changed, and a count is too dear yet", false, time.Millisecond, 900 * time.Millisecond, vital{133, 900, true}, says{100, howLast}, 1},
		{"changed", false, time.Millisecond, time.Second, vital{133, 900, true}, says{107, howExact}, 2},
		{"nothing cheap", false, time.Millisecond, 2 * time.Second, vital{}, says{100, howLast}, 1},
		{"changed, dear", false, 100 * time.Millisecond, 99 * time.Second, vital{133, 900, true}, says{100, howLast}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(26257)
			d.steady, d.shared, d.cost = test.steady, true, test.cost
			d.vital, d.held[0] = vital{133, 500, true}, 100
			d.tells(t, 0)
			d.now = d.now.Add(-test.cost) // the cost is not among what passes
			d.vital, d.held[0], d.cost = test.then, 107, 0
			if got := told(d.tells(t, test.after)); got[0] != test.want || d.looks != test.looks {
				t.Errorf("%v after %d exact counts; want %v after %d", got, d.looks, test.want, test.looks)
			}
		})
	}
}

func TestNeighbours(t *testing.T) {
	one := func(ns uint64, own bool) *unit { return &unit{Found: discovery.Found{NetNS: ns, Own: own}} }
	for _, test := range []struct {
		name string
		a, b *unit
		want bool
	}{
		{"on the host", one(1, true), one(1, true), true},
		{"on the host, unseen", one(0, true), one(0, true), true},
		{"in a pod", one(7, false), one(7, false), true},
		{"in two containers", one(7, false), one(8, false), false},
		{"in two containers, unseen", one(0, false), one(0, false), false},
		{"one in a container", one(1, true), one(8, false), false},
	} {
		if got := test.a.neighbours(test.b); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
		if test.a.neighbours(test.a) {
			t.Errorf("%s: it is its own neighbour", test.name)
		}
	}
}

// TestBusiest: what changes is taken to be at the port with the most connections; the others are as counted last.
func TestBusiest(t *testing.T) {
	d := newDesk(7349, 7350, 7351)
	d.held, d.vital = []uint64{4, 100, 2}, vital{descriptors: 200}
	exactly := d.tells(t, 0)
	d.vital.descriptors = 210
	got := told(d.tells(t, time.Second))
	if want := []says{{4, howLast}, {110, howDerived}, {2, howLast}}; !slices.Equal(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	if states := exactly[1].States; states["established"] != 90 || states["close_wait"] != 10 || len(states) != 2 {
		t.Errorf("states %v; want 90 established and 10 in close_wait", states)
	}
	if !exactly[1].Exact.Equal(d.exactAt) || d.exactAt.IsZero() {
		t.Errorf("exact at %v; want %v", exactly[1].Exact, d.exactAt)
	}
}

func TestWhenToCountExactly(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		cost  time.Duration // of the first count
		after time.Duration
		looks int
	}{
		{"too early", ms, 9999 * ms, 1},
		{"after ten seconds", ms, 10 * time.Second, 2},
		{"dear, too early", 100 * ms, 99 * time.Second, 1}, // 100 ms / 0.001
		{"dear", 100 * ms, 100 * time.Second, 2},
		{"the clock was set back", ms, -time.Hour, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(7350)
			d.cost = test.cost
			d.tells(t, 0)
			d.now = d.now.Add(-test.cost) // the cost is not among what passes
			d.tells(t, test.after)
			if d.looks != test.looks {
				t.Errorf("%d exact counts; want %d", d.looks, test.looks)
			}
		})
	}
}

// TestUncounted: before the first count succeeds nothing is told, least of all that nobody is connected; after one that
// fails the last one stands, and the kernel is not asked again before its time, whatever the clock does.
func TestUncounted(t *testing.T) {
	d := newDesk(7350)
	d.held[0], d.vital, d.err = 100, vital{descriptors: 133}, errors.New("no buffer space")
	if got := d.tells(t, 0); got != nil {
		t.Errorf("after a failure %v; want nothing", got)
	}
	d.err = nil
	if d.tells(t, time.Second); d.looks != 1 {
		t.Errorf("%d exact counts; want 1: a failure is not tried again at once", d.looks)
	}
	d.tells(t, exactAtLeast)
	was := d.exactAt
	d.err, d.vital.descriptors = errors.New("no buffer space"), 140
	got := d.tells(t, exactAtLeast)
	if want := []says{{107, howDerived}}; !slices.Equal(told(got), want) || !got[0].Exact.Equal(was) {
		t.Errorf("after a failure %v of %v; want %v of %v", told(got), got[0].Exact, want, was)
	}
	looks := d.looks
	tick := func(after time.Duration) {
		d.now = d.now.Add(after)
		_ = d.exact(t.Context(), d.now, func() vital { return d.vital }) // fails, as above
	}
	if tick(-time.Hour); d.looks == looks {
		t.Fatal("the clock was set back, and nobody counted")
	}
	if tick(time.Second); d.looks != looks+1 {
		t.Errorf("%d exact counts in a second after the clock was set back; want 1", d.looks-looks)
	}
}
