package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
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

// sizing is what the configuration in force wants of capacity, in a fleet of as many nodes as are known.
func (d *daemon) sizing() collector.Sizing {
	c := d.configuration().Capacity
	var roster []status.Group
	if f := d.fleetInForce(); f != nil {
		roster = f.Status()
	}
	return collector.Sizing{Window: c.Window, PeakWindow: c.PeakWindow, Overprovision: c.Overprovision, SpareNodes: c.SpareNodes,
		Nodes: nodesOf(nakamas(d.enforcer.Snapshot().Wish.Policy, roster))}
}

// nakamas are the addresses of Nakama nodes: of the policy in force, or of the roster where no service of this host is for them.
func nakamas(p policy.Policy, roster []status.Group) []netip.Prefix {
	prefixes, used := p.Groups[policy.GroupNakama]
	if used {
		return prefixes
	}
	for _, group := range roster {
		if group.Name != policy.GroupNakama {
			continue
		}
		for _, text := range group.Prefixes {
			if p, err := netip.ParsePrefix(text); err == nil {
				prefixes = append(prefixes, p)
			}
		}
	}
	return prefixes
}

// manyNodes is where counting ends: N/(N − spare) is as good as 1 from there on.
const manyNodes = 1 << 20

// nodesOf counts the nodes behind coalesced prefixes: neighbours are one prefix there, so that each address counts. A network
// that was declared as a whole counts as very many, which asks for no more than capacity.overprovision does. A node has an
// address of either family, or of both: of the families the larger counts.
func nodesOf(prefixes []netip.Prefix) int {
	var v4, v6 int
	for _, p := range prefixes {
		addresses := manyNodes
		if free := p.Addr().BitLen() - p.Bits(); free < 20 {
			addresses = 1 << free
		}
		if p.Addr().Is4() {
			v4 = min(v4+addresses, manyNodes)
		} else {
			v6 = min(v6+addresses, manyNodes)
		}
	}
	return max(v4, v6)
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
	f, err := forecastFrom(d.collector.Learnt(), r)
	if sample := d.collector.Latest(); err == nil && sample != nil {
		for _, u := range sample.Units {
			if u.Name == f.Unit {
				f.Capacity = u.Capacity
			}
		}
	}
	return f, err
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
	f := ForecastOf(known.Model, r.Connections)
	f.Unit = r.Unit
	return f, nil
}

// ForecastOf asks a model.
func ForecastOf(m capacity.Model, connections uint64) status.Forecast {
	mean, upper := m.At(float64(connections))
	evidence := m.Evidence()
	f := status.Forecast{Connections: connections, Memory: whole(mean), MemoryUpper: whole(upper), Kernel: collector.KernelPerConnection * connections,
		BytesPerConnection: m.BytesPerConnection(), Doubt: evidence.Doubt, Base: whole(m.Base()),
		Windows: evidence.Windows, Seconds: evidence.Over.Seconds(), LeastSeen: evidence.Least, LargestSeen: evidence.Most}
	f.Known, f.Reason = m.Known()
	f.Surer = surer(f)
	return f
}

// surer is what would make a forecast surer; "" if it is as sure as it gets.
func surer(f status.Forecast) string {
	switch {
	case f.Windows == 0:
		return "a load that stays for the length of a window, at several levels: what moves all the time teaches only its peak"
	case !f.Known:
		return "a load that varies: a quiet night and a busy evening, or a load test in steps from idle to the usual peak"
	case f.Connections > f.LargestSeen:
		return "a larger load: beyond the most that was seen it extrapolates"
	case f.Doubt > 0.1*f.BytesPerConnection:
		return "more time: what a connection takes is uncertain by more than a tenth"
	}
	return ""
}

// whole rounds to bytes; less than none is none.
func whole(bytes float64) uint64 { return uint64(max(0, bytes)) }
