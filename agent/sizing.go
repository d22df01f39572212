package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/collector"
	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
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

// Forecast answers from what was learnt of a Nakama on this host.
func (d *daemon) Forecast(_ context.Context, r status.ForecastRequest) (status.Forecast, error) {
	return forecastFrom(d.collector.Learnt(), r)
}

// Forecast answers from what the last daemon learnt.
func (l Local) Forecast(_ context.Context, r status.ForecastRequest) (status.Forecast, error) {
	s, err := store.Open(filepath.Join(l.o.StateDir, storeFile), store.Options{ReadOnly: true})
	if err != nil {
		return status.Forecast{}, fmt.Errorf("open store: %w", err)
	}
	learnt := map[string]collector.Learnt{}
	if _, err := s.Get(capacityBucket, learntKey, &learnt); err != nil {
		return status.Forecast{}, errors.Join(err, s.Close())
	}
	f, err := forecastFrom(learnt, r)
	return f, errors.Join(err, s.Close())
}

func forecastFrom(learnt map[string]collector.Learnt, r status.ForecastRequest) (status.Forecast, error) {
	names := slices.Sorted(maps.Keys(learnt))
	if r.Unit == "" && len(names) == 1 {
		r.Unit = names[0]
	}
	known, found := learnt[r.Unit]
	switch {
	case len(names) == 0:
		return status.Forecast{}, errors.New("nothing was learnt yet: no Nakama was seen on this host; --trace FILE answers from a recording")
	case !found:
		return status.Forecast{}, fmt.Errorf("which Nakama? want --unit with one of %s", strings.Join(names, ", "))
	}
	return ForecastOf(known.Model, r.Connections), nil
}

// ForecastOf asks a model.
func ForecastOf(m capacity.Model, connections uint64) status.Forecast {
	mean, upper := m.At(float64(connections))
	known, reason := m.Known()
	return status.Forecast{Connections: connections, Memory: whole(mean), MemoryUpper: whole(upper), Known: known, Reason: reason,
		BytesPerConnection: m.BytesPerConnection(), Base: whole(m.Base()), LargestSeen: m.LargestSeen()}
}

// whole rounds to bytes; less than none is none.
func whole(bytes float64) uint64 { return uint64(max(0, bytes)) }
