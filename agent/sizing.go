package agent

import (
	"github.com/nakama-warden/nakama-warden/collector"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// learntKey is where the models of what connections cost are stored, by unit.
const (
	capacityBucket = "capacity"
	learntKey      = "learnt"
)

// sizing is what the configuration in force wants of capacity, in a fleet of as many nodes as the policy knows.
func (d *daemon) sizing() collector.Sizing {
	c := d.configuration().Capacity
	nodes := 0
	for _, p := range d.enforcer.Snapshot().Wish.Policy.Groups[policy.GroupNakama] {
		if p.IsSingleIP() && p.Addr().Is4() { // a node that has both families counts once
			nodes++
		}
	}
	return collector.Sizing{Window: c.Window, PeakWindow: c.PeakWindow, Overprovision: c.Overprovision, SpareNodes: c.SpareNodes, Nodes: nodes}
}

func (d *daemon) storedLearnt() map[string]collector.Learnt {
	learnt := map[string]collector.Learnt{}
	if found, err := d.store.Get(capacityBucket, learntKey, &learnt); err != nil || !found {
		if err != nil {
			d.o.Log.Warn("what was learnt of the capacity is lost: it is learnt anew", "error", err)
		}
		return nil
	}
	return learnt
}

func (d *daemon) storeLearnt() {
	learnt := d.collector.Learnt()
	if len(learnt) == 0 {
		return
	}
	if err := d.store.Put(capacityBucket, learntKey, learnt); err != nil {
		d.o.Log.Warn("what was learnt of the capacity is not remembered over a restart", "error", err)
	}
}
