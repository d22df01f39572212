package agent

import (
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/journal"
	"github.com/nakama-warden/nakama-warden/agent/journal/loki"
	"github.com/nakama-warden/nakama-warden/agent/store"
)

// lokiEvents is how many events are kept where they go to Loki: those of a day without it, at one a second, and of another
// hour. Their bytes are bounded by the store.
const lokiEvents = 90000

// newLoki makes a shipper that waits to be told where to.
func (d *daemon) newLoki() *loki.Shipper {
	return loki.New(loki.Options{
		Storage: d.store,
		Changed: d.journal.Changed,
		Tell:    d.journal.Tell,
		Lost:    func(events uint64) { d.journal.Lost(journal.SinkLoki, events) },
		Log:     d.o.Log,
		Now:     time.Now,
	})
}

// takeLoki has events go where a configuration says. An invalid one is never asked: what waits for Loki goes on waiting.
func (d *daemon) takeLoki(cfg *config.Config) {
	kept := store.DefaultEventLimit
	if cfg.Loki.URL != "" {
		kept = lokiEvents
	}
	if err := d.store.KeepEvents(kept); err != nil {
		d.o.Log.Warn("the list of events keeps its length", "error", err)
	}
	d.loki.Replace(loki.Target{
		URL: cfg.Loki.URL, TenantID: cfg.Loki.TenantID,
		Username: cfg.Loki.Username, PasswordFile: cfg.Loki.PasswordFile, CAFile: cfg.Loki.CAFile,
		Labels: alertLabels(cfg, d.hostname),
	})
}
