package agent

import (
	"context"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/history"
	"github.com/nakama-warden/nakama-warden/status"
)

// remember takes each sample into the history, and stores it, until ctx ends.
func (d *daemon) remember(ctx context.Context) {
	store := time.NewTicker(history.StoreEvery)
	defer store.Stop()
	var last *status.Sample
	for {
		measured := d.collector.Changed()
		if sample := d.collector.Latest(); sample != nil && sample != last {
			d.history.Observe(*sample)
			last = sample
		}
		select {
		case <-ctx.Done():
			d.storeHistory()
			return
		case <-measured:
		case <-store.C:
			d.storeHistory()
		}
	}
}

func (d *daemon) storeHistory() {
	if err := d.history.Store(); err != nil {
		d.o.Log.Warn("the history goes on in memory only, and is written again in a while", "error", err)
	}
}

// tellStoreProblem tells what keeps the store from working, once until it changes.
func (d *daemon) tellStoreProblem() {
	problem := d.store.Problem()
	if problem == d.storeProblem {
		return
	}
	d.storeProblem = problem
	if problem == "" {
		d.o.Log.Info("the store works again")
		return
	}
	d.journal.Tell(status.Event{Kind: status.KindStoreDegraded, Summary: problem})
}
