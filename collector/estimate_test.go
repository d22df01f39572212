package collector

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

// What one connection costs in these tests, and none at all.
const (
	perConnection = 70e3
	noConnection  = 60e6
)

// scene is a host whose Nakamas hold what a test says, each for as many seconds as it says.
type scene struct {
	*Collector
	now    time.Time
	sizing Sizing
	sample status.Sample
	learns []*estimate
}

func newScene(learnt map[string]Learnt, units ...status.Unit) *scene {
	s := &scene{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		sizing: Sizing{Window: 20 * time.Second, PeakWindow: 24 * time.Hour, Overprovision: 1.5, SpareNodes: 1, Nodes: 4}}
	s.Collector = New(Options{Sizing: func() Sizing { return s.sizing }, Learnt: learnt})
	for _, u := range units {
		s.add(u)
	}
	return s
}

// aNakama has a cgroup of 2 GB and 20,000 descriptors.
func aNakama(name string) status.Unit {
	return status.Unit{Name: name, Role: discovery.RoleNakama, PID: 100, Started: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC),
		Memory: status.Memory{Limit: 2e9, LimitBy: "cgroup /" + name}, Files: &status.Level{Limit: 20000}}
}

func (s *scene) add(u status.Unit) {
	s.sample.Units = append(s.sample.Units, u)
	s.learns = append(s.learns, s.newEstimate(discovery.Found{Unit: u.Name, Role: u.Role}))
}

// hold has each unit hold so many connections for so many seconds.
func (s *scene) hold(seconds int, connections ...uint64) {
	for i, n := range connections {
		u := &s.sample.Units[i]
		u.Ports = []status.Port{{Port: 7350, Connections: n}}
		u.Memory.Resident = uint64(noConnection + perConnection*float64(n))
		if u.Files != nil {
			u.Files.Used = n + 33
		}
	}
	s.pass(seconds)
}

// pass has the time go by.
func (s *scene) pass(seconds int) {
	for range seconds {
		s.now = s.now.Add(time.Second)
		s.estimateAll(&s.sample, s.learns, s.now)
	}
}

// climb fills every unit in steps of a minute, each up to so many times 500.
func (s *scene) climb(steps ...int) {
	for step := range 16 {
		var connections []uint64
		for _, most := range steps {
			connections = append(connections, uint64(500*(step+1)*most/16))
		}
		s.hold(60, connections...)
	}
}

func (s *scene) capacity(i int) *status.Capacity { return s.sample.Units[i].Capacity }

// near fails unless got is within a part of want.
func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within*math.Abs(want)) {
		t.Errorf("%s: %.4g; want %.4g ± %.0f %%", what, got, want, 100*within)
	}
}

func TestEstimateLearnsWhatFits(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.climb(16)
	c := s.capacity(0)
	if !c.Known || c.Binding != "descriptors" || c.Fits != 20000-33 {
		t.Errorf("%+v; want known, and descriptors to bind at 19,967", c)
	}
	near(t, "bytes per connection", c.BytesPerConnection, perConnection, 0.05)
	near(t, "ratio", c.Ratio, 19967.0/8000, 0.01)
	if c.Peak != 8000 || c.Target != 1.5 || c.Below {
		t.Errorf("peak %d, target %.2f, below %t", c.Peak, c.Target, c.Below)
	}
	// With the kernel's part, beside which a sceptic finds the sum.
	near(t, "expected to fit into memory", float64(s.learns[0].joint(t, 2e9)), (2e9-noConnection)/(perConnection+KernelPerConnection), 0.02)
}

// joint is how many are expected to fit into a limit.
func (e *estimate) joint(t *testing.T, limit uint64) uint64 {
	t.Helper()
	u := status.Unit{Memory: status.Memory{Limit: limit, LimitBy: "cgroup /alone"}}
	return memoryOf([]nakama{{&u, e}}, status.Machine{})[e].Expected
}

func TestEstimateFollowsALimitThatChanges(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.climb(16)
	s.sample.Units[0].Files.Limit = 10000
	s.pass(1)
	if c := s.capacity(0); !c.Below || c.Ratio > c.Target || c.Fits != 10000-33 {
		t.Errorf("%+v; want below the target: 10,000 descriptors for a peak of 8,000", c)
	}
	s.sample.Units[0].Memory.Limit = 500e6 // less than is in use
	s.pass(1)
	if c := s.capacity(0); c.Binding != "memory" || c.Fits >= 8000 || c.Fits == 0 {
		t.Errorf("%+v; want memory to bind below the present load", c)
	}
	s.sample.Units[0].Memory.Limit, s.sample.Units[0].Files.Limit = 64e9, 1e6
	s.pass(1)
	if c := s.capacity(0); c.Below || c.SufficientMemory == 0 || c.SufficientMemory > 2e9 {
		t.Errorf("%+v; want far more than is wanted, and that less than 2 GB would do", c)
	}
	_, upper := s.learns[0].Model.At(12000)
	if want := uint64(upper) + 12000*KernelPerConnection; s.capacity(0).SufficientMemory != want {
		t.Errorf("%d bytes would suffice; want %d, of which the kernel takes its part", s.capacity(0).SufficientMemory, want)
	}
}

func TestEstimateDoesNotKnow(t *testing.T) {
	for _, c := range []struct {
		name  string
		scene func(s *scene)
		want  string
	}{
		{"a flat load", func(s *scene) { s.hold(600, 500) }, "insufficient variation"},
		{"no load", func(s *scene) { s.hold(600, 0) }, "insufficient variation"},
		{"nothing seen yet", func(s *scene) { s.hold(1, 500) }, "no steady load"},
		{"connections that cannot be counted", func(s *scene) {
			s.climb(16)
			s.sample.Units[0].Ports = nil
			s.pass(1)
		}, "cannot be counted"},
		{"no limit", func(s *scene) {
			s.climb(16)
			s.sample.Units[0].Memory = status.Memory{Resident: 6e8, LimitBy: byHost}
			s.pass(1)
		}, "no limit"},
		{"descriptors of another moment", func(s *scene) {
			s.climb(16)
			s.sample.Units[0].Files.Used = 3
			s.pass(1)
		}, "descriptors: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(nil, aNakama("nakama"))
			c.scene(s)
			got := s.capacity(0)
			if got.Known || !strings.Contains(got.Reason, c.want) || got.Below || got.Ratio != 0 || got.Exhaustion != nil {
				t.Errorf("%+v; want not known: %s", got, c.want)
			}
		})
	}
}

func TestEstimateOfNothingMeasuredIsNotLearnt(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.hold(600, 500)
	before := s.learns[0].Model.Evidence().Windows
	s.sample.Units[0].Memory.Resident = 0 // it could not be read
	s.pass(600)
	if after := s.learns[0].Model.Evidence().Windows; before == 0 || after != before {
		t.Errorf("%d windows, and %d after nothing was measured", before, after)
	}
}

// A process that is started again may be another version: what was learnt is kept, and less sure.
func TestEstimateAfterARestartOfTheProcess(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.sample.Units[0].Files.Limit = 1e6
	s.climb(16)
	before := s.capacity(0)
	_, boundBefore := s.learns[0].Model.At(0)

	s.sample.Units[0].PID, s.sample.Units[0].Started = 200, s.now
	s.learns[0] = s.newEstimate(discovery.Found{Unit: "nakama", Role: discovery.RoleNakama})
	s.hold(60, 500)
	after := s.capacity(0)
	near(t, "bytes per connection after the restart", after.BytesPerConnection, perConnection, 0.05)
	if after.Known || !strings.Contains(after.Reason, "uncertain") || after.Peak != before.Peak {
		t.Errorf("%+v after %+v; want it uncertain, and the same peak", after, before)
	}
	if _, bound := s.learns[0].Model.At(0); bound <= boundBefore {
		t.Errorf("the base is below %.0f, and was below %.0f; want it less sure", bound, boundBefore)
	}
	s.climb(16)
	if again := s.capacity(0); !again.Known {
		t.Errorf("%+v; want known again", again)
	}
}

func TestEstimateWhenTheClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, -time.Hour, -time.Second, time.Hour, 10 * 365 * 24 * time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			s := newScene(nil, aNakama("nakama"))
			s.climb(16)
			before := *s.capacity(0)
			s.now = s.now.Add(jump)
			s.hold(120, 8000)
			after := s.capacity(0)
			near(t, "fits", float64(after.Fits), float64(before.Fits), 0.1)
			if !after.Known || after.Peak != 8000 || after.Exhaustion != nil {
				t.Errorf("%+v; want known, a peak of 8,000, and no exhaustion", after)
			}
		})
	}
}

// Nakama says what its present load may lift its memory to: less fits than what it uses now lets hope.
func TestEstimateTakesTheCeilingAsEvidence(t *testing.T) {
	fits := func(ceiling uint64) uint64 {
		s := newScene(nil, aNakama("nakama"))
		s.sample.Units[0].Files = nil
		s.climb(16)
		s.sample.Units[0].Memory.Ceiling = ceiling
		s.hold(120, 8000)
		return s.capacity(0).Fits
	}
	without, with := fits(0), fits(850e6)
	if with == 0 || float64(with) > 0.9*float64(without) {
		t.Errorf("%d fit with a ceiling of 850 MB, and %d without; 620 MB are in use", with, without)
	}
}

func TestEstimateForetellsExhaustion(t *testing.T) {
	s := newScene(nil, aNakama("nakama"))
	s.climb(16)
	s.sample.Units[0].Memory.Limit = 640e6
	s.hold(3600, 8000)
	c := s.capacity(0)
	if c.Exhaustion == nil || c.Exhaustion.Before(s.now.Add(-time.Hour)) || c.Exhaustion.After(s.now.Add(6*time.Hour)) {
		t.Fatalf("%+v; want exhaustion about now: 8,000 are there, and fewer are sure to fit", c)
	}
	told := *c.Exhaustion
	s.learns[0].Exhaustion.At = time.Time{}
	if !c.Exhaustion.Equal(told) {
		t.Error("what was told changes with what is learnt")
	}
}

func BenchmarkEstimate(b *testing.B) {
	s := newScene(nil, aNakama("a"), aNakama("b"))
	s.sample.Machine = status.Machine{MemoryTotal: 8e9, MemoryAvailable: 6e9}
	s.climb(16, 16)
	for b.Loop() {
		s.pass(1)
	}
}
