package alerting

import (
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func memoryCases() []raised {
	uses := func(anonymous, kernel uint64) func(*status.Host) {
		return func(h *status.Host) {
			m := &nakamaOf(h).Memory
			m.Resident, m.Anonymous, m.Kernel = anonymous+1e9, anonymous, kernel
		}
	}
	return []raised{
		{"at 90 %", uses(3.5e9, 0.1e9), []string{"!MemoryNearlyExhausted/nakama.service"},
			"nakama.service: 3.6 GB of 4.0 GB in use (90 %) with 12,400 connections: raise the limit, or move players away"},
		{"at 89 %", uses(3.5e9, 0.06e9), nil, ""},
		{"file pages are no need", uses(3e9, 0), nil, ""},
		{"only the whole is known", func(h *status.Host) { nakamaOf(h).Memory = status.Memory{Resident: 3.7e9, Limit: 4e9} },
			[]string{"!MemoryNearlyExhausted/nakama.service"}, "3.7 GB of 4.0 GB"},
		{"with one connection", func(h *status.Host) { uses(3.5e9, 0.1e9)(h); nakamaOf(h).Ports[0].Connections = 1 },
			[]string{"!MemoryNearlyExhausted/nakama.service"}, "(90 %) with 1 connection: raise"},
		{"no limit is known", func(h *status.Host) { nakamaOf(h).Memory = status.Memory{Resident: 3.7e9} }, nil, ""},
		{"two share a limit", func(h *status.Host) {
			for i := range h.Sample.Units {
				h.Sample.Units[i].Memory = status.Memory{Anonymous: 2e9, Limit: 4e9, LimitBy: "cgroup /game.slice"}
			}
		}, []string{"!MemoryNearlyExhausted/cockroach.service, nakama.service"}, "(100 %)"},
		{"two limits of the same size", func(h *status.Host) {
			nakamaOf(h).Memory = status.Memory{Anonymous: 2e9, Limit: 4e9, LimitBy: "cgroup /a.slice"}
			databaseOf(h).Memory = status.Memory{Anonymous: 2e9, Limit: 4e9, LimitBy: "cgroup /b.slice"}
		}, nil, ""},

		{"the host", func(h *status.Host) { h.Sample.Machine.MemoryAvailable = 1.6e9 }, []string{"!MemoryNearlyExhausted"},
			"1.6 GB of 16.0 GB memory and swap left (90 % in use), cockroach.service has 2.9 GB"},
		{"the host, a little more", func(h *status.Host) { h.Sample.Machine.MemoryAvailable = 1.61e9 }, nil, ""},
		{"the host, with swap left", func(h *status.Host) {
			m := &h.Sample.Machine
			m.MemoryAvailable, m.SwapTotal, m.SwapFree = 1e9, 4e9, 3e9
		}, nil, ""},
		{"the host, with swap full", func(h *status.Host) {
			m := &h.Sample.Machine
			m.MemoryAvailable, m.SwapTotal, m.SwapFree = 1.7e9, 4e9, 0
		}, []string{"!MemoryNearlyExhausted"}, ""},
		{"the host, and what fills it: one page", func(h *status.Host) {
			h.Sample.Machine.MemoryAvailable = 1e9
			databaseOf(h).Memory.Anonymous = 15e9
		}, []string{"!MemoryNearlyExhausted"}, "cockroach.service has 15.0 GB (0 connections): give it more, or lower what it may cache"},
		{"the host, nothing of ours", func(h *status.Host) { h.Sample.Machine.MemoryAvailable, h.Sample.Units = 1e9, nil },
			[]string{"!MemoryNearlyExhausted"}, "find what grew"},
		{"nothing is known of the host's", func(h *status.Host) { h.Sample.Machine = status.Machine{} }, nil, ""},
		{"what fills a host of which nothing is known", func(h *status.Host) {
			h.Sample.Machine = status.Machine{}
			databaseOf(h).Memory.Anonymous = 15e9
		}, []string{"!MemoryNearlyExhausted/cockroach.service"}, ""},
	}
}

func capacityCases() []raised {
	below := func(h *status.Host) {
		c := nakamaOf(h).Capacity
		c.Fits, c.Ratio, c.Below = 15000, 1.2, true
	}
	soon := noon.Add(2 * time.Hour)
	return []raised{
		{"below the target", below, []string{"-ProvisionBelowTarget/nakama.service"}, "15,000 connections fit nakama.service, 1.2 × its peak of 12,500 where 1.5 is wanted: memory runs out first, add a node"},
		{"below, for want of descriptors", func(h *status.Host) { below(h); nakamaOf(h).Capacity.Binding = "descriptors" }, []string{"-ProvisionBelowTarget/nakama.service"},
			"wanted: file descriptors run out first, raise LimitNOFILE= of its unit"},
		{"below, for want of tracked connections", func(h *status.Host) { below(h); nakamaOf(h).Capacity.Binding = "conntrack" }, []string{"-ProvisionBelowTarget/nakama.service"},
			"wanted: connection tracking runs out first, raise net.netfilter.nf_conntrack_max"},
		{"below, and not known", func(h *status.Host) { below(h); nakamaOf(h).Capacity.Known = false }, nil, ""},
		{"capacity unknown", func(h *status.Host) { nakamaOf(h).Capacity = nil }, nil, ""},
		{"forecast", func(h *status.Host) { nakamaOf(h).Capacity.Exhaustion = &soon }, []string{"-MemoryExhaustionForecast/nakama.service"},
			"at 2026-11-22 14:00 UTC (12,400 connections now, 30,000 fit)"},
		{"descriptors at 80 %", func(h *status.Host) { nakamaOf(h).Files = &status.Level{Used: 800, Limit: 1000} }, []string{"-DescriptorsLow/nakama.service"},
			"800 of 1,000 file descriptors (80 %)"},
		{"descriptors below", func(h *status.Host) { nakamaOf(h).Files = &status.Level{Used: 799, Limit: 1000} }, nil, ""},
		{"descriptors without a limit", func(h *status.Host) { nakamaOf(h).Files = &status.Level{Used: 800} }, nil, ""},
		{"conntrack at 80 %", func(h *status.Host) { h.Sample.Machine.Conntrack = &status.Level{Used: 52429, Limit: 65536} }, []string{"-ConntrackNearFull"},
			"52,400 of 65,500 entries (80 %)"},
		{"conntrack below", func(h *status.Host) { h.Sample.Machine.Conntrack = &status.Level{Used: 52428, Limit: 65536} }, nil, ""},
		{"no conntrack", func(h *status.Host) { h.Sample.Machine.Conntrack = nil }, nil, ""},
		{"too small", func(h *status.Host) { h.Sample.Machine.Sizing = []string{"1.0 GB of memory are too little"} }, []string{"-HostUndersized"}, "1.0 GB"},
		{"shared", func(h *status.Host) { h.Sample.Machine.Sharing = "nakama and cockroachdb share this host" }, []string{"-RolesShareHost"}, "share this host"},
		{"caches", func(h *status.Host) { databaseOf(h).Misconfigured = "caches are 110 %" }, []string{"-CockroachMemoryMisconfigured/cockroach.service"}, "110 %"},
		{"nothing was measured yet", func(h *status.Host) { h.Sample = nil }, nil, ""},
	}
}
