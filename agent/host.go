package agent

import (
	"os"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// host is everything that is known now: the facts, and what was concluded from them.
func (d *daemon) host() status.Host {
	h := d.facts()
	d.addRefused(h.Services)
	d.addAlerts(&h)
	return h
}

// facts puts together what was measured, all that conditions go by: who was refused is dear to sort, and no condition.
func (d *daemon) facts() status.Host {
	snapshot := d.enforcer.Snapshot()
	d.steering.mu.Lock()
	cfg, configState, f := d.config, d.configState, d.fleet
	pause, unconfirmed, revoked := d.pause, d.unconfirmed, d.revoked
	d.steering.mu.Unlock()
	told, dropped := d.journal.Counts()
	h := status.Host{
		Time:     time.Now(),
		Hostname: d.hostname,
		Version:  d.o.Version,
		Config:   configState,
		Firewall: snapshot.Firewall,
		Services: slices.Clone(snapshot.Services),
		Sample:   d.collector.Latest(),
		Agent: status.Agent{
			Started: d.started, PID: os.Getpid(), Events: told, EventsDropped: dropped, StoreProblem: d.store.Problem(),
			Deliveries: d.deliveries(),
		},
	}
	h.Firewall.Paused, h.Firewall.Revoked = pause, revoked
	h.Firewall.Refusals, h.Firewall.CutOff = d.deafness, d.cutProblem()
	if unconfirmed != nil {
		h.Firewall.RevertAt = unconfirmed.At
	}
	if cfg != nil {
		h.Revision, h.Environment, h.Roles = cfg.Revision, cfg.Environment, slices.Clone(cfg.Roles)
	}
	if f != nil {
		h.Roster = f.Status()
	} else {
		h.Roster = groupsOf(snapshot.Wish.Policy)
	}
	return h
}

// shownSources bounds how many refused sources of a service status lists.
const shownSources = 5

// addRefused adds to services, which are the caller's own, who was refused.
func (d *daemon) addRefused(services []status.Service) {
	counts := d.book.Counts()
	for i := range services {
		sources := d.book.Sources(services[i].Name)
		services[i].Refused = sources[:min(len(sources), shownSources)]
		services[i].RefusedSources = counts[services[i].Name]
	}
}

func (d *daemon) cutProblem() string {
	d.senses.mu.Lock()
	defer d.senses.mu.Unlock()
	return d.cutOff
}
