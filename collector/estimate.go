package collector

import (
	"maps"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

// Learnt is what is known of one Nakama's memory and load. It is JSON, to outlive a restart.
type Learnt struct {
	Model      capacity.Model      `json:"model"`
	Forecast   capacity.Forecast   `json:"forecast"`
	Peak       capacity.Peak       `json:"peak"`
	Exhaustion capacity.Exhaustion `json:"exhaustion"`
}

// Sizing is how much more than the peak is wanted.
type Sizing struct {
	Window        time.Duration // of the model
	PeakWindow    time.Duration
	Overprovision float64
	SpareNodes    int
	Nodes         int // Nakama nodes in the fleet, as far as the roster knows
}

// estimate learns a unit's capacity.
type estimate struct {
	sampler capacity.Sampler
	Learnt
}

// newEstimate goes on with what was learnt of a unit of this name before.
func (c *Collector) newEstimate(f discovery.Found) *estimate {
	if f.Role != discovery.RoleNakama || c.o.Sizing == nil {
		return nil
	}
	before, known := c.Learnt()[f.Unit] // by the process before this one
	if !known {
		before = c.o.Learnt[f.Unit]
	}
	return &estimate{sampler: capacity.Sampler{Length: c.o.Sizing().Window}, Learnt: before}
}

// observe takes in what was measured just now.
func (e *estimate) observe(u status.Unit, now time.Time, s Sizing) {
	n := connectionsOf(u.Ports)
	if u.Memory.Resident == 0 || len(u.Ports) == 0 {
		return // not measured
	}
	window, complete := e.sampler.Add(capacity.Sample{Time: now, Connections: n, Memory: u.Memory.Resident, Ceiling: u.Memory.Ceiling, Started: u.Started})
	if complete {
		e.Model = e.Model.Observe(window)
	}
	e.Peak = e.Peak.Observe(now, n, s.PeakWindow)
	var bin bool
	if e.Forecast, bin = e.Forecast.Observe(now, n); bin {
		e.Exhaustion = e.Exhaustion.Step(e.Forecast, capacity.Memory(u.Memory.Limit, e.Model))
	}
}

// capacityOf judges a unit. left is what others leave of the limit that binds it.
func (e *estimate) capacityOf(u status.Unit, m status.Machine, left uint64, s Sizing) *status.Capacity {
	n := connectionsOf(u.Ports)
	resources := []capacity.Resource{capacity.Memory(left, e.Model)}
	if u.Files != nil {
		resources = append(resources, capacity.Descriptors(u.Files.Limit, u.Files.Used, n))
	}
	if m.Conntrack != nil {
		resources = append(resources, capacity.Conntrack(m.Conntrack.Limit, m.Conntrack.Used, n))
	}
	binding := capacity.Capacity(resources)
	target, _ := capacity.Target(s.Overprovision, s.Nodes, s.SpareNodes)
	provision := capacity.Assess(binding, e.Peak.Value(), target, e.Model)
	out := &status.Capacity{Known: binding.Known, Reason: binding.Reason, Fits: binding.Fits, Expected: binding.Expected, Binding: binding.Name,
		BytesPerConnection: e.Model.BytesPerConnection(), Peak: e.Peak.Value(), Ratio: provision.Ratio, Target: provision.Target, Below: provision.Below}
	if provision.Generous {
		out.SufficientMemory = provision.SufficientMemory
	}
	if e.Exhaustion.Active {
		out.Exhaustion = &e.Exhaustion.At
	}
	for _, r := range resources {
		out.Resources = append(out.Resources, status.Resource{Name: r.Name, Limit: r.Limit, Fits: r.Fits, Known: r.Known, Reason: r.Reason})
	}
	return out
}

// estimateAll learns from a sample and adds to it what fits. estimates belong to the sample's units; those of others than
// Nakama are nil.
func (c *Collector) estimateAll(s *status.Sample, estimates []*estimate, now time.Time) {
	if c.o.Sizing == nil {
		return
	}
	sizing := c.o.Sizing()
	learnt := map[string]Learnt{}
	maps.Copy(learnt, c.o.Learnt) // also of units that do not run now
	maps.Copy(learnt, c.Learnt())
	for i, e := range estimates {
		if e != nil {
			e.observe(s.Units[i], now, sizing)
			s.Units[i].Capacity = e.capacityOf(s.Units[i], s.Machine, leftFor(s, i), sizing)
			learnt[s.Units[i].Name] = e.Learnt
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learnt = learnt
}

// leftFor is what a unit may use of the limit that binds it: of its own cgroup's all, of the host's what it has and what is
// free, divided among the Nakamas there.
func leftFor(s *status.Sample, i int) uint64 {
	u := s.Units[i]
	if u.Memory.LimitBy != "host" || s.Machine.MemoryTotal == 0 {
		return u.Memory.Limit
	}
	sharing := uint64(0)
	for _, other := range s.Units {
		if other.Memory.LimitBy == "host" && other.Role == discovery.RoleNakama {
			sharing++
		}
	}
	return min(u.Memory.Limit, u.Memory.Resident+s.Machine.MemoryAvailable/max(1, sharing))
}

// Learnt is what is known of each unit, to be given to the next Collector.
func (c *Collector) Learnt() map[string]Learnt {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.learnt
}
