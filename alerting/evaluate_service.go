package alerting

import (
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

const (
	roleNakama = "nakama"
	limitHost  = "host" // Memory.LimitBy where no cgroup binds
)

func serviceDown(h status.Host, _ float64) []finding {
	var found []finding
	for _, d := range downOf(h) {
		if answers(unitsOf(h), d) {
			continue
		}
		affected := phrase("what uses this database is affected")
		if d.Role == roleNakama {
			affected = "its players are disconnected"
		}
		found = append(found, finding{subject: d.Name, summary: summary("%s is down since %s, %s: start it, and see its log (`journalctl -u`, `docker logs`) for why it ended",
			d.Name, clock(d.Since), affected)})
	}
	return found
}

func downOf(h status.Host) []status.Down {
	if h.Sample == nil {
		return nil
	}
	return h.Sample.Down
}

// answers is a database that is alive and says whether it is ready: one that is not is draining, and will end or be back by
// itself.
func answers(units []status.Unit, d status.Down) bool {
	return slices.ContainsFunc(units, func(u status.Unit) bool {
		return u.Name == d.Name && u.Application != nil && u.Application.Ready != nil
	})
}

func serviceRestarted(h status.Host, within float64) []finding {
	var found []finding
	for _, u := range unitsOf(h) {
		if lately(h.Time, u.Restarted, within) {
			found = append(found, finding{subject: u.Name, summary: summary("%s was restarted at %s (pid %d): if nobody meant to, its log tells why (`journalctl -u`, `docker logs`)",
				u.Name, clock(u.Restarted), u.PID)})
		}
	}
	return found
}

// oneKill is how far apart the cgroup's and the host's news of the same kill may be.
const oneKill = time.Minute

// outOfMemoryKill is told of the unit whose limit was met, or that was killed and does not run since. The host counts every kill:
// it is told where no unit is.
func outOfMemoryKill(h status.Host, within float64) []finding {
	var found []finding
	machine := machineOf(h)
	told := false
	for _, u := range unitsOf(h) {
		at := u.Memory.OOMKilled
		hosts := u.Memory.LimitBy == limitHost && !machine.OOMKilled.IsZero() // it counts all kills of the host
		if !lately(h.Time, at, within) || hosts {
			continue
		}
		told = told || machine.OOMKilled.Sub(at).Abs() <= oneKill
		found = append(found, finding{subject: u.Name, summary: summary("the kernel killed a process of %s at %s: its limit of %s was met; raise it, or move load away",
			u.Name, clock(at), bytes(u.Memory.Limit))})
	}
	for _, d := range downOf(h) {
		again := slices.ContainsFunc(found, func(f finding) bool { return f.subject == d.Name }) // it runs, and serves nobody
		if !lately(h.Time, d.OOMKilled, within) || again {
			continue
		}
		told = told || machine.OOMKilled.Sub(d.OOMKilled).Abs() <= oneKill
		found = append(found, finding{subject: d.Name, summary: summary("the kernel killed %s for want of memory at %s, and it does not run since: start it, and raise its limit or give the host more memory",
			d.Name, clock(d.OOMKilled))})
	}
	if lately(h.Time, machine.OOMKilled, within) && !told {
		found = append(found, finding{summary: summary("the kernel killed a process for want of memory at %s: `journalctl -k --grep 'Out of memory|oom-kill'` names it; give the host more memory, or limit what grew",
			clock(machine.OOMKilled))})
	}
	return found
}
