package agent

import (
	"os"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// host puts together what is known now. Nothing is measured here.
func (d *daemon) host() status.Host {
	snapshot := d.enforcer.Snapshot()
	d.mu.Lock()
	cfg, configState, f := d.config, d.configState, d.fleet
	pause, unconfirmed, revoked := d.pause, d.unconfirmed, d.revoked
	d.mu.Unlock()
	told, dropped := d.journal.Counts()
	h := status.Host{
		Time:     time.Now(),
		Hostname: d.hostname,
		Version:  d.o.Version,
		Config:   configState,
		Firewall: snapshot.Firewall,
		Services: snapshot.Services,
		Agent: status.Agent{
			Started: d.started, PID: os.Getpid(), Events: told, EventsDropped: dropped, StoreProblem: d.store.Problem(),
		},
	}
	h.Firewall.Paused, h.Firewall.Revoked = pause, revoked
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
