package browser

import (
	"hash/fnv"
	"math"
	"strconv"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

// now is the instant of all states: a Sunday evening, when players are most.
func now() time.Time { return time.Date(2026, time.March, 1, 20, 12, 0, 0, time.UTC) }

const (
	day = 24 * time.Hour
	// What a Nakama was measured to need (data of real servers: 61 MB when idle, 71 to 75 KB for each connection).
	idleBytes       = 61e6
	connectionBytes = 73e3
)

// game is the load of one Nakama as a function of time, so that a history of any step and range can be asked of it.
type game struct {
	unit    string
	evening float64   // connections of an evening in the middle of the week, today
	limit   uint64    // bytes
	born    time.Time // nothing is known of before
	restart time.Time // it was away for the ten minutes before
}

// played is a game that has run here for longer than a month, and was deployed anew twelve days ago.
func played(unit string, evening float64, limit uint64) game {
	restart := now().Add(-12 * day).Truncate(day).Add(4 * time.Hour)
	return game{unit: unit, evening: evening, limit: limit, born: now().Add(-40 * day), restart: restart}
}

// load is how many are connected, and whether it is known.
func (g game) load(at time.Time) (n uint64, known bool) {
	if at.Before(g.born) || at.After(now()) || (at.Before(g.restart) && at.After(g.restart.Add(-10*time.Minute))) {
		return 0, false
	}
	return uint64(max(0, g.smooth(at)*(1+0.012*g.noise(at, "load")))), true
}

// smooth has its peak at eight in the evening, more at weekends, and grows by half a per cent a day.
func (g game) smooth(at time.Time) float64 {
	hour := at.Sub(at.Truncate(day)).Hours()
	tide := math.Pow((1+math.Cos(2*math.Pi*(hour-20)/24))/2, 1.4)
	week := 1 + 0.09*math.Cos(2*math.Pi*(float64(at.Weekday())+hour/24-0.3)/7)
	growth := 1 - 0.005*now().Sub(at).Hours()/24
	back := 1.0
	if since := at.Sub(g.restart); since >= 0 && since < 30*time.Minute {
		back = since.Minutes() / 30 // players come back one by one
	}
	return g.evening * (0.22 + 0.78*tide) * week * growth * back
}

// memory follows the load; of what a higher load took, a part is given back only over hours.
func (g game) memory(at time.Time) (bytes uint64, known bool) {
	n, known := g.load(at)
	if !known {
		return 0, false
	}
	lately := float64(n)
	for ago := 20 * time.Minute; ago <= 2*time.Hour; ago += 20 * time.Minute {
		lately = max(lately, g.smooth(at.Add(-ago)))
	}
	taken := idleBytes + connectionBytes*(float64(n)+0.2*(lately-float64(n)))
	return uint64(taken * (1 + 0.01*g.noise(at, "memory"))), true
}

// noise is between −1 and 1, and the same whenever it is asked for.
func (g game) noise(at time.Time, of string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(g.unit + of + strconv.FormatInt(at.Unix()/10, 10))) // a hash does not fail
	return 2*float64(h.Sum64()>>11)/(1<<53) - 1
}

// peak is the most that was connected in the last 30 days.
func (g game) peak() (most uint64) {
	for at := now().Add(-30 * day); !at.After(now()); at = at.Add(5 * time.Minute) {
		n, _ := g.load(at)
		most = max(most, n)
	}
	return most
}

// model is what our own model learns of the game in 30 days.
func (g game) model() capacity.Model {
	const length = 5 * time.Minute
	var m capacity.Model
	for at := now().Add(-30 * day); at.Before(now()); at = at.Add(length) {
		n, known := g.load(at)
		used, _ := g.memory(at)
		if !known {
			continue
		}
		m = m.Observe(capacity.Window{Start: at, Duration: length, MaxMemory: used, MaxConnections: n, MinConnections: n - n/50, Peak: n, Started: g.started(at)})
	}
	return m
}

// started is when the process that ran then had started.
func (g game) started(at time.Time) time.Time {
	if at.Before(g.restart) {
		return g.born
	}
	return g.restart
}

// history answers as the daemon does.
func (g game) history(q status.HistoryQuery, fits uint64) status.UnitHistory {
	u := status.UnitHistory{Name: g.unit, Role: "nakama"}
	for at := q.Since; at.Before(q.Until); at = at.Add(q.Step) {
		n, known := g.load(at)
		used, _ := g.memory(at)
		u.Connections = append(u.Connections, value(n, known))
		u.Memory = append(u.Memory, value(used, known))
		u.Limit = append(u.Limit, value(g.limit, known))
		u.Fits = append(u.Fits, value(fits, known && fits > 0))
	}
	return u
}

func value(v uint64, known bool) *uint64 {
	if !known {
		return nil
	}
	return &v
}
