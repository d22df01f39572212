package page

import (
	"math"
	"net/netip"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func noon() time.Time { return time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC) }

func ptr(n uint64) *uint64 { return &n }

// loadAt is a game's load: a quiet night, a busy evening, busier at the weekend.
func loadAt(t time.Time) uint64 {
	hour := float64(t.Hour()) + float64(t.Minute())/60
	week := 1.0
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		week = 1.3
	}
	return uint64(week * (4000 - 2800*math.Cos((hour-4)*math.Pi/12) + 150*math.Sin(7*hour)))
}

func memoryAt(n uint64) uint64 { return 90e6 + 75e3*n + n%97*1e5 }

// recorded is the history of units that all carry the same load.
func recorded(until time.Time, length, step time.Duration, units ...string) status.History {
	h := status.History{Start: until.Add(-length), Step: step}
	for _, name := range units {
		u := status.UnitHistory{Name: name, Role: "nakama"}
		for t := h.Start; t.Before(until); t = t.Add(step) {
			n := loadAt(t)
			u.Connections, u.Memory = append(u.Connections, ptr(n)), append(u.Memory, ptr(memoryAt(n)))
			u.Limit, u.Fits = append(u.Limit, ptr(2e9)), append(u.Fits, ptr(21808))
		}
		h.Units = append(h.Units, u)
	}
	return h
}

func modelled() status.Capacity {
	c := status.Capacity{Known: true, Fits: 21808, Expected: 23900, Binding: "memory", BytesPerConnection: 75100, Peak: 9120, Ratio: 2.39, Target: 1.5,
		KernelPerConnection: 4700,
		Resources:           []status.Resource{{Name: "memory", Limit: 2e9, Fits: 21808, Known: true}, {Name: "descriptors", Limit: 65536, Fits: 65503, Known: true}}}
	for i := range uint64(17) {
		n := 1900 * i
		mean := 92e6 + 75.1e3*float64(n)
		c.Curve = append(c.Curve, status.CurvePoint{Connections: n, Expected: uint64(mean), Upper: uint64(mean + 25e6 + 5.8*float64(n)*1000)})
	}
	return c
}

// safeHost is a host on which all is well.
func safeHost() status.Host {
	now := noon()
	c := modelled()
	n := loadAt(now)
	return status.Host{Time: now, Hostname: "nakama-1", Version: "1.2.3", Revision: "4f2a91c", Environment: "production", Roles: []string{"nakama"},
		Config: status.Config{Path: "/etc/nakama-warden/config.yaml", LastReload: now.Add(-30 * time.Hour), LastReloadOK: true},
		Firewall: status.Firewall{Mode: "enforce", Grip: "owned", State: "enforcing", Verified: true, LastVerified: now.Add(-3 * time.Second), PolicyHash: "9c1e",
			HookedPaths: []string{"prerouting", "input"}, Drifts: map[string]uint64{"rule": 2},
			LastDrift: &status.Drift{Time: now.Add(-3 * time.Hour), Kind: "rule", By: "nft (pid 4711, uid 0)", Repair: 4 * time.Millisecond, Changes: []string{"- tcp dport 7351 drop"}},
			Revoked:   []status.Revocation{{Prefix: netip.MustParsePrefix("192.0.2.7/32"), Why: "left"}}},
		Services: []status.Service{
			{Name: "nakama-api", Role: "nakama", Protocol: "tcp", Ports: []uint16{7350}, From: []string{"anyone"}, Mode: "enforce", Enforced: true,
				Traffic: map[string]status.Count{"allowed": {Packets: 123456789}, "refused": {}}},
			{Name: "nakama-console", Role: "nakama", Protocol: "tcp", Ports: []uint16{7351}, From: []string{"admins"}, Mode: "enforce", Enforced: true, RefusedSources: 213,
				Traffic: map[string]status.Count{"allowed": {Packets: 881}, "refused": {Packets: 5012}},
				Refused: []status.RefusedSource{{Service: "nakama-console", Source: "203.0.113.9", Verdict: "refused", First: now.Add(-48 * time.Hour), Last: now.Add(-time.Minute), Count: 210, Ports: []uint16{7351}}}},
		},
		Roster: []status.Group{{Name: "admins", Addresses: 3, LastSuccess: now.Add(-time.Minute), Sources: []status.Source{{Name: "static/0", Up: true}}}},
		Sample: &status.Sample{Time: now, Machine: status.Machine{CPUs: 4, MemoryTotal: 8e9, MemoryAvailable: 6e9}, Units: []status.Unit{{
			Name: "nakama.service", Role: "nakama", Program: "nakama", PID: 812, Started: now.Add(-72 * time.Hour),
			Ports:    []status.Port{{Port: 7350, Service: "nakama-api", Connections: n, How: "exact"}, {Port: 7349, How: "exact"}},
			Memory:   status.Memory{Resident: memoryAt(n), Limit: 2e9, LimitBy: "cgroup /system.slice/nakama.service"},
			Files:    &status.Level{Used: n + 33, Limit: 65536},
			Capacity: &c, Application: &status.Application{Sessions: ptr(n - 40), Presences: ptr(3 * n)}}}},
		Agent: status.Agent{Started: now.Add(-72 * time.Hour), PID: 640, Deliveries: []status.Delivery{{Receiver: "alertmanager/0"}}},
	}
}

// hold makes the conditions of a host's alerts hold.
func hold(h *status.Host) {
	h.Conditions = nil
	for _, a := range h.Alerts {
		h.Conditions = append(h.Conditions, a.Condition)
	}
}

// safe is everything a page of such a host shows.
func safe() Known {
	h := safeHost()
	return Known{Host: h, Day: recorded(h.Time, 24*time.Hour, DayStep, "nakama.service"), Month: recorded(h.Time, 30*24*time.Hour, MonthStep, "nakama.service"),
		Events: []status.Event{{Time: h.Time.Add(-3 * time.Hour), Kind: status.KindDrift, Summary: "rule changed by nft, put right in 4 ms"}}}
}
