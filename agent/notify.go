package agent

import (
	"context"
	"fmt"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notify tells systemd, where there is one.
func (d *daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.o.Log.Warn("systemd was not told", "state", state, "error", err)
	}
}

func (d *daemon) notifyReady() {
	firewall := d.enforcer.Snapshot().Firewall
	d.notify(fmt.Sprintf("%s\nSTATUS=%s, %s, %s", sd.SdNotifyReady, firewall.State, firewall.Mode, firewall.Grip))
}

func (d *daemon) notifyStopping() { d.notify(sd.SdNotifyStopping) }

func (d *daemon) notifyReloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		d.notify(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, now.Nano()/1000))
	}
}

// freshness bounds the age of a loop's last round for the daemon to count as alive.
const freshness = 10 * time.Second

// watchdog tells systemd that we live, as long as the enforcer's loop goes round: a daemon whose other parts answer
// while the firewall is not looked after is a dead one.
func (d *daemon) watchdog(ctx context.Context) {
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	ticker := time.NewTicker(every / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if time.Since(d.enforcer.Snapshot().Beat) < max(freshness, every/2) {
				d.notify(sd.SdNotifyWatchdog)
			}
		}
	}
}
