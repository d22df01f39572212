package collector

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

// What one connection costs in these tests, and none at all.
const (
	perConnection = 70e3
	noConnection  = 60e6
)

// climb has a Nakama filled in steps of a minute and returns it at the top.
func climb(e *estimate, s Sizing, steps int) (status.Unit, time.Time) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	u := status.Unit{Started: at, Memory: status.Memory{Limit: 2e9, LimitBy: "cgroup /nakama.service"}, Files: &status.Level{Limit: 20000}}
	for step := range steps {
		n := uint64(step+1) * 500
		for range 60 {
			at = at.Add(time.Second)
			u.Ports = []status.Port{{Port: 7350, Connections: n}}
			u.Memory.Resident = uint64(noConnection + perConnection*float64(n))
			u.Files.Used = n + 33
			e.observe(u, at, s)
		}
	}
	return u, at
}

func TestEstimateLearnsWhatFits(t *testing.T) {
	s := Sizing{Window: 20 * time.Second, PeakWindow: 24 * time.Hour, Overprovision: 1.5, SpareNodes: 1, Nodes: 4}
	e := &estimate{sampler: capacity.Sampler{Length: s.Window}}
	u, _ := climb(e, s, 16)
	c := e.capacityOf(u, status.Machine{}, u.Memory.Limit, s)
	if !c.Known || c.Binding != "descriptors" || c.Fits != 20000-33 {
		t.Errorf("%+v; want known, and descriptors to bind at 19,967", c)
	}
	if off := math.Abs(c.BytesPerConnection-perConnection) / perConnection; off > 0.05 {
		t.Errorf("%.0f bytes per connection; want %.0f", c.BytesPerConnection, perConnection)
	}
	if c.Peak != 8000 || c.Target != 1.5 || c.Below || math.Abs(c.Ratio-19967.0/8000) > 0.01 {
		t.Errorf("peak %d, target %.2f, ratio %.2f, below %t", c.Peak, c.Target, c.Ratio, c.Below)
	}

	u.Files.Limit = 10000
	if c = e.capacityOf(u, status.Machine{}, u.Memory.Limit, s); !c.Below || c.Ratio > c.Target {
		t.Errorf("ratio %.2f of %.2f, below %t; want below: 10,000 descriptors for a peak of 8,000", c.Ratio, c.Target, c.Below)
	}
}

func TestEstimateDoesNotKnowAtFirst(t *testing.T) {
	s := Sizing{Window: 20 * time.Second, PeakWindow: time.Hour, Overprovision: 1.5}
	e := &estimate{sampler: capacity.Sampler{Length: s.Window}}
	u, _ := climb(e, s, 1)
	if c := e.capacityOf(u, status.Machine{}, u.Memory.Limit, s); c.Known || c.Reason == "" {
		t.Errorf("%+v; want not known, and why: the load was flat", c)
	}
}

func TestWhatWasLearntIsRemembered(t *testing.T) {
	s := Sizing{Window: 20 * time.Second, PeakWindow: time.Hour, Overprovision: 1.5}
	e := &estimate{sampler: capacity.Sampler{Length: s.Window}}
	climb(e, s, 16)
	text, err := json.Marshal(map[string]Learnt{"nakama": e.Learnt})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]Learnt
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	mean, upper := e.Model.At(12000)
	if m, u := back["nakama"].Model.At(12000); m != mean || u != upper || back["nakama"].Peak.Value() != e.Peak.Value() {
		t.Errorf("remembered: %.0f below %.0f; want %.0f below %.0f", m, u, mean, upper)
	}
}

func TestTheHostsMemoryIsShared(t *testing.T) {
	host := func(role string, resident uint64) status.Unit {
		return status.Unit{Role: role, Memory: status.Memory{Limit: 8e9, LimitBy: "host", Resident: resident}}
	}
	s := &status.Sample{Machine: status.Machine{MemoryTotal: 8e9, MemoryAvailable: 4e9},
		Units: []status.Unit{host("nakama", 1e9), host("nakama", 2e9), host("cockroachdb", 1e9)}}
	if left := leftFor(s, 0); left != 3e9 {
		t.Errorf("%d; want what it has and half of what is free", left)
	}
	s.Units[0].Memory.LimitBy, s.Units[0].Memory.Limit = "cgroup /a", 1500e6
	if left := leftFor(s, 0); left != 1500e6 {
		t.Errorf("%d; want its cgroup's limit", left)
	}
}
