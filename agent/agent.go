// Package agent is the daemon: it wires the parts, starts and awaits their loops, reloads, and shuts down.
//
// The way of the data is one: config and fleet say what is wanted, the enforcer holds the kernel to it, and
// status.Host, put together here from snapshots, is what everybody else reads. The parts end in the opposite order of
// their start, so that the last events are still written down.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/agent/history"
	"github.com/nakama-warden/nakama-warden/agent/journal"
	"github.com/nakama-warden/nakama-warden/agent/journal/journald"
	"github.com/nakama-warden/nakama-warden/agent/journal/loki"
	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/agent/web"
	"github.com/nakama-warden/nakama-warden/collector"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/status"
)

// Options are what the command line knows.
type Options struct {
	ConfigPath string
	StateDir   string
	Version    string
	Log        *slog.Logger
	Reload     <-chan os.Signal // SIGHUP; may be nil
}

// ErrNothingToEnforce: the configuration is invalid and no policy was stored by an earlier run. Restarting does not help.
var ErrNothingToEnforce = errors.New("the configuration is invalid, and no policy of an earlier run is stored")

// The files below the state directory.
const (
	storeFile  = "warden.db"
	socketFile = "control.sock"
)

// SocketPath is where a daemon with this state directory listens.
func SocketPath(stateDir string) string { return filepath.Join(stateDir, socketFile) }

// daemon is everything that runs.
type daemon struct {
	o        Options
	started  time.Time
	hostname string

	store     *store.Store
	journal   *journal.Journal
	loki      *loki.Shipper
	table     *kernel.Table
	enforcer  *enforcer.Enforcer
	collector *collector.Collector
	history   *history.History
	alerts    alerts
	heart     heartbeat

	storeProblem string // the last that was told
	steering
	senses
}

// Run is the daemon. It returns nil when ctx ended and everything was left in order.
func Run(ctx context.Context, o Options) error {
	listener, err := listenControl(o)
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // for the ways out before Serve owns it
	}
	d := &daemon{o: o, started: time.Now()}
	if d.hostname, err = os.Hostname(); err != nil {
		return fmt.Errorf("read hostname: %w", err)
	}
	if d.store, err = store.Open(filepath.Join(o.StateDir, storeFile), store.Options{}); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	d.journal = journal.New(journald.Upgrade(o.Log), d.store, time.Now)
	d.loki = d.newLoki()
	d.history = history.New(d.store, o.Log, time.Now)

	return errors.Join(d.withJournal(ctx, func(ctx context.Context) error {
		cfg, wish, err := d.firstWish()
		if err != nil {
			return errors.Join(err, leaveTable(ctx))
		}
		kept := keptSocket()
		options := kernel.Options{HighestGrip: highestGrip(cfg), Keeper: newDescriptorStore(kept), Kept: kept}
		if d.table, err = kernel.Open(ctx, options); err != nil {
			return err
		}
		d.openSenses(cfg.Firewall.LogGroup)
		defer d.closeSenses()
		d.enforcer = enforcer.New(d.table, d.enforcerOptions(cfg.Firewall.LogGroup))
		d.collector = d.newCollector()
		if err := d.openAlerts(cfg); err != nil {
			return errors.Join(err, d.table.Close())
		}
		return errors.Join(d.withEnforcer(ctx, func(ctx context.Context) error {
			d.begin(ctx, cfg, wish)
			d.serve(ctx, listener)
			return nil
		}), d.table.Close())
	}), d.store.Close())
}

// listenControl opens the control socket. A disk that cannot be written to keeps the command line out, not the rules:
// then there is no listener, and no error.
func listenControl(o Options) (controlListener, error) {
	err := os.MkdirAll(o.StateDir, 0o700)
	if err == nil {
		var listener controlListener
		if listener, err = control.Listen(SocketPath(o.StateDir)); err == nil {
			return listener, nil
		}
	}
	for _, disk := range []error{unix.EROFS, unix.ENOSPC, unix.EDQUOT, unix.EIO} {
		if errors.Is(err, disk) {
			o.Log.Error("no control socket: commands cannot ask this daemon; everything else goes on", "error", err)
			return nil, nil
		}
	}
	return nil, fmt.Errorf("open control socket: %w", err)
}

// withJournal runs body while events are written down, and those of its end too.
func (d *daemon) withJournal(ctx context.Context, body func(context.Context) error) error {
	journalCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var writing sync.WaitGroup
	writing.Go(func() { _ = d.journal.Run(journalCtx) }) // always nil
	defer writing.Wait()
	defer stop()
	d.tellStoreProblem()
	return body(ctx)
}

// withEnforcer runs body while the kernel is held to the policy, and lets go of it afterwards, rules in place.
func (d *daemon) withEnforcer(ctx context.Context, body func(context.Context) error) error {
	enforcerCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- d.enforcer.Run(enforcerCtx) }()
	err := body(ctx)
	stop()
	err = errors.Join(err, <-ended)
	d.journal.Tell(status.Event{Kind: status.KindStopped, Summary: "nakama-warden stops; the rules stay as they are"})
	return err
}

// serve starts what others see of us and waits until ctx ends and all of it with it.
func (d *daemon) serve(ctx context.Context, listener controlListener) {
	var parts sync.WaitGroup
	parts.Go(func() { d.steer(ctx) })
	parts.Go(func() { d.watchdog(ctx) })
	parts.Go(func() { d.listen(ctx) })
	parts.Go(func() { _ = d.collector.Run(ctx) }) // always nil
	parts.Go(func() { d.learn(ctx) })
	parts.Go(func() { d.remember(ctx) })
	parts.Go(func() { d.alert(ctx) })
	parts.Go(func() { _ = d.loki.Run(ctx) }) // always nil
	parts.Go(func() { d.beat(ctx) })
	parts.Go(func() { d.shed(ctx) })
	parts.Go(func() {
		if err := d.alerts.outbox.Run(ctx); err != nil {
			d.o.Log.Warn("alerts that nobody took yet may be lost", "error", err)
		}
	})
	if listener != nil {
		parts.Go(func() {
			if err := control.Serve(ctx, listener, d); err != nil {
				d.o.Log.Error("the control socket ended", "error", err)
			}
		})
	}
	parts.Go(func() { d.serveWeb(ctx) })
	d.notifyReady()
	stop := context.AfterFunc(ctx, d.notifyStopping)
	defer stop()
	parts.Wait()
}

// webRetry is how long a web server that could not listen waits: somebody else may have the port for a moment. The
// firewall does not depend on it.
const webRetry = 5 * time.Second

func (d *daemon) serveWeb(ctx context.Context) {
	cfg := d.configuration()
	for ctx.Err() == nil {
		err := web.Serve(ctx, web.Options{
			Host:       d.host,
			Ready:      func() bool { return !d.enforcer.Snapshot().Firewall.LastVerified.IsZero() },
			Events:     d.journal.Events,
			History:    d.history.Query,
			Listen:     cfg.Web.Listen,
			ConfigFile: cfg.Web.ConfigFile,
			Log:        d.o.Log,
			Version:    d.o.Version,
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		d.o.Log.Error("the web server cannot listen; everything else goes on", "listen", cfg.Web.Listen, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(webRetry):
		}
	}
}

// leaveTable makes a table that a predecessor owned a plain one, where systemd kept its socket for us: we are about to
// exit, and its rules must not go with us.
func leaveTable(ctx context.Context) error {
	kept := keptSocket()
	if kept == nil {
		return nil
	}
	table, err := kernel.Open(ctx, kernel.Options{Keeper: newDescriptorStore(kept), Kept: kept})
	if err != nil {
		return err
	}
	return errors.Join(table.Release(ctx), table.Close())
}

// highestGrip translates firewall.grip.
func highestGrip(cfg *config.Config) kernel.Grip {
	switch cfg.Firewall.Grip {
	case config.GripWatched:
		return kernel.Watched
	case config.GripHeld:
		return kernel.Held
	}
	return kernel.AnyGrip
}
