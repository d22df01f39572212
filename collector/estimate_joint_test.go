package collector

import (
	"slices"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// onHost is a Nakama that only the host's memory limits.
func onHost(name string) status.Unit {
	u := aNakama(name)
	u.Memory, u.Files = status.Memory{Limit: 8e9, LimitBy: byHost}, nil
	return u
}

// host lets the machine have so much memory, of which others use some.
func (s *scene) host(total, others uint64) {
	used := others
	for _, u := range s.sample.Units {
		used += u.Memory.Resident + 3700*connectionsOf(u.Ports)
	}
	s.sample.Machine = status.Machine{MemoryTotal: total, MemoryAvailable: total - min(total, used)}
	s.pass(1)
}

// expected is how many connections so much memory carries.
func expected(memory float64, nakamas int) float64 {
	return (memory - noConnection*float64(nakamas)) / (perConnection + KernelPerConnection)
}

func TestTwoNakamasShareTheHost(t *testing.T) {
	s := newScene(nil, onHost("a"), onHost("b"))
	s.climb(16, 8)
	s.host(8e9, 0)
	a, b := s.capacity(0), s.capacity(1)
	if a.Joint == nil || !a.Known || !b.Known || !slices.Equal(a.Joint.Units, []string{"a", "b"}) || a.Joint.LimitBy != byHost {
		t.Fatalf("%+v and %+v; want known, and to share the host", a, b)
	}
	near(t, "together", float64(a.Joint.Expected), expected(8e9, 2), 0.02)
	near(t, "the busier one's part", float64(a.Expected), float64(a.Joint.Expected)*2/3, 0.001)
	near(t, "the other one's part", float64(b.Expected), float64(a.Joint.Expected)/3, 0.001)
	near(t, "the ratios", a.Ratio, b.Ratio, 0.001)
	if a.Joint.Fits >= a.Joint.Expected {
		t.Errorf("%d are sure to fit, of %d expected; want fewer", a.Joint.Fits, a.Joint.Expected)
	}
}

// What a CockroachDB or anything else on the host uses is not there for connections.
func TestOthersOnTheHostAreTakenFromIt(t *testing.T) {
	s := newScene(nil, onHost("nakama"))
	s.climb(16)
	s.host(8e9, 0)
	near(t, "alone", float64(s.capacity(0).Expected), expected(8e9, 1), 0.02)
	if s.capacity(0).Joint != nil {
		t.Errorf("%+v; want no joint capacity of one", s.capacity(0).Joint)
	}
	s.host(8e9, 4e9)
	near(t, "beside 4 GB of others", float64(s.capacity(0).Expected), expected(4e9, 1), 0.02)
}

// Limits of cgroups that promise more than the host has are kept by the host.
func TestCgroupsThatPromiseMoreThanTheHostHas(t *testing.T) {
	for _, c := range []struct {
		name   string
		host   uint64
		a, b   float64 // connections, expected to fit
		shared bool
	}{
		{"the host has enough", 8e9, expected(2e9, 1), expected(2e9, 1), false},
		{"it has not", 3e9, expected(3e9, 2) / 2, expected(3e9, 2) / 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(nil, aNakama("a"), aNakama("b"))
			s.sample.Units[0].Files, s.sample.Units[1].Files = nil, nil
			s.climb(16, 16)
			s.host(c.host, 0)
			a, b := s.capacity(0), s.capacity(1)
			near(t, "a", float64(a.Expected), c.a, 0.02)
			near(t, "b", float64(b.Expected), c.b, 0.02)
			if (a.Joint != nil) != c.shared || (b.Joint != nil) != c.shared {
				t.Errorf("%+v and %+v; want shared: %t", a.Joint, b.Joint, c.shared)
			}
		})
	}
}

// A Nakama that meets the limit of its cgroup first leaves the rest of the host to the other.
func TestOneOfTwoIsLimitedByItsCgroup(t *testing.T) {
	s := newScene(nil, aNakama("small"), onHost("large"))
	s.sample.Units[0].Files = nil
	s.climb(16, 16)
	s.host(8e9, 0)
	near(t, "small", float64(s.capacity(0).Expected), expected(2e9, 1), 0.02)
	near(t, "large", float64(s.capacity(1).Expected), expected(6e9, 1), 0.02)
}

func TestTwoNakamasShareACgroup(t *testing.T) {
	s := newScene(nil, aNakama("a"), aNakama("b"))
	for i := range s.sample.Units {
		s.sample.Units[i].Memory.LimitBy, s.sample.Units[i].Files = "cgroup /games.slice", nil
	}
	s.climb(16, 16)
	s.host(8e9, 0)
	a := s.capacity(0)
	if a.Joint == nil || a.Joint.LimitBy != "cgroup /games.slice" {
		t.Fatalf("%+v; want to share games.slice", a)
	}
	near(t, "together", float64(a.Joint.Expected), expected(2e9, 2), 0.02)
	near(t, "a", float64(a.Expected), expected(2e9, 2)/2, 0.02)
}

func TestANakamaThatIsNotUsedDoesNotShare(t *testing.T) {
	s := newScene(nil, onHost("used"), onHost("spare"))
	s.climb(16, 0)
	s.host(8e9, 0)
	if c := s.capacity(0); !c.Known || c.Joint != nil {
		t.Errorf("%+v; want known although the spare one is not", c)
	}
	near(t, "used", float64(s.capacity(0).Expected), expected(8e9, 2), 0.02)
	if c := s.capacity(1); c.Known || strings.Contains(c.Reason, "used") {
		t.Errorf("%+v; want not known, for reasons of its own", c)
	}
}

// Of two that share, both are unknown while one is, and say which.
func TestWhatIsNotKnownOfOneIsSaidOfBoth(t *testing.T) {
	s := newScene(nil, onHost("a"), onHost("b"))
	for range 16 {
		s.hold(60, 500, 4000) // b's load is flat, and so is a's
	}
	for step := range 16 {
		s.hold(60, uint64(500*(step+1)), 4000)
	}
	s.host(8e9, 0)
	for i := range 2 {
		if c := s.capacity(i); c.Known || !strings.Contains(c.Reason, "memory: b: insufficient variation") {
			t.Errorf("%+v; want not known because of b", c)
		}
	}
}

// A table that does not track the game's connections leaves memory to bind, and known.
func TestConntrackOfConnectionsThatAreNotTracked(t *testing.T) {
	s := newScene(nil, onHost("a"))
	s.climb(16)
	s.host(8e9, 0)
	for used, want := range map[uint64]int{50: 2, 0: 1} {
		s.sample.Machine.Conntrack = &status.Level{Used: used, Limit: 31000}
		s.pass(1)
		if c := s.capacity(0); !c.Known || c.Binding != "memory" || len(c.Resources) != want {
			t.Errorf("with %d entries: %+v; want memory to bind, among %d resources", used, c, want)
		}
	}
}

func TestConntrackIsShared(t *testing.T) {
	s := newScene(nil, onHost("a"), onHost("b"))
	s.climb(16, 8)
	s.host(64e9, 0)
	s.sample.Machine.Conntrack = &status.Level{Used: 12000 + 1000, Limit: 31000}
	s.pass(1)
	a, b := s.capacity(0), s.capacity(1)
	if a.Binding != "conntrack" || a.Fits != 20000 || b.Fits != 10000 {
		t.Errorf("%d and %d fit, into %s; want 20,000 and 10,000 into conntrack: 1,000 of its 31,000 are others'", a.Fits, b.Fits, a.Binding)
	}
}
