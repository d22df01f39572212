package collector

import (
	"time"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/collector/discovery"
	"github.com/nakama-warden/nakama-warden/status"
)

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
	due bool // the forecast is another one than the exhaustion was judged by
}

// newEstimate goes on with what was learnt of a unit of this name before.
func (c *Collector) newEstimate(f discovery.Found) *estimate {
	if f.Role != discovery.RoleNakama || c.o.Sizing == nil {
		return nil
	}
	return &estimate{sampler: capacity.Sampler{Length: c.o.Sizing().Window}, Learnt: c.recall(f.Unit)}
}

// estimateAll learns from a sample and adds to it what fits. estimates belong to the sample's units; those of others than
// Nakama are nil.
func (c *Collector) estimateAll(s *status.Sample, estimates []*estimate, now time.Time) {
	if c.o.Sizing == nil {
		return
	}
	sizing := c.o.Sizing()
	var all []nakama
	for i, e := range estimates {
		if e != nil {
			e.observe(s.Units[i], now, sizing)
			all = append(all, nakama{&s.Units[i], e})
		}
	}
	memory, tracked := memoryOf(all, s.Machine), conntrackOf(all, s.Machine)
	for _, n := range all {
		n.expire(memory[n.estimate].Resource)
		n.Capacity = n.capacityOf(*n.Unit, memory[n.estimate], tracked[n.estimate], sizing)
	}
	c.remember(all, now)
}

// observe takes in what was measured just now.
func (e *estimate) observe(u status.Unit, now time.Time, s Sizing) {
	if !counted(u) || u.Memory.Resident == 0 {
		return
	}
	n := connectionsOf(u.Ports)
	window, complete := e.sampler.Add(capacity.Sample{Time: now, Connections: n, Memory: u.Memory.Resident, Ceiling: u.Memory.Ceiling, Started: u.Started})
	if complete {
		e.Model = e.Model.Observe(window)
	}
	e.Peak = e.Peak.Observe(now, n, s.PeakWindow)
	var bin bool
	e.Forecast, bin = e.Forecast.Observe(now, n)
	e.due = e.due || bin
}

// counted is whether the connections of a unit are known. Without a port nothing was counted, which is not none.
func counted(u status.Unit) bool { return len(u.Ports) > 0 }

// expire judges when memory runs out, once for each bin of the forecast.
func (e *estimate) expire(memory capacity.Resource) {
	if e.due {
		e.Exhaustion = e.Exhaustion.Step(e.Forecast, memory)
		e.due = false
	}
}

// capacityOf judges a unit by the resources that it shares with others, and by its own.
func (e *estimate) capacityOf(u status.Unit, memory portion, tracked *capacity.Resource, s Sizing) *status.Capacity {
	resources := []capacity.Resource{memory.Resource}
	if u.Files != nil {
		resources = append(resources, capacity.Descriptors(u.Files.Limit, u.Files.Used, connectionsOf(u.Ports)))
	}
	if tracked != nil {
		resources = append(resources, *tracked)
	}
	if !counted(u) {
		for i, r := range resources {
			resources[i] = capacity.Resource{Name: r.Name, Limit: r.Limit, Reason: "its connections cannot be counted"}
		}
	}
	binding := capacity.Capacity(resources)
	target, _ := capacity.Target(s.Overprovision, s.Nodes, s.SpareNodes)
	provision := capacity.Assess(binding, e.Peak.Value(), target, e.Model)
	out := &status.Capacity{Known: binding.Known, Reason: binding.Reason, Fits: binding.Fits, Expected: binding.Expected, Binding: binding.Name,
		BytesPerConnection: e.Model.BytesPerConnection(), Peak: e.Peak.Value(), Ratio: provision.Ratio, Target: provision.Target,
		Below: provision.Below, Joint: memory.joint, KernelPerConnection: KernelPerConnection}
	if memory.Known {
		out.Curve = curveOf(e.Model, max(memory.Expected, e.Peak.Value()))
	}
	if provision.Generous {
		out.SufficientMemory = provision.SufficientMemory + outside(provision.Suffices)
	}
	if e.Exhaustion.Active {
		at := e.Exhaustion.At
		out.Exhaustion = &at
	}
	for _, r := range resources {
		out.Resources = append(out.Resources, status.Resource{Name: r.Name, Limit: r.Limit, Fits: r.Fits, Known: r.Known, Reason: r.Reason})
	}
	return out
}
