package application

import (
	"fmt"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// The names of Nakama's metrics here, whatever prefix they have on the page.
const (
	sessions  = "nakama_sessions"
	presences = "nakama_presences"

	heapInUse  = "go_memstats_heap_inuse_bytes"
	stackInUse = "go_memstats_stack_inuse_bytes"
	nextGC     = "go_memstats_next_gc_bytes"
)

// bookkeeping is the Go runtime's memory beside heap and stacks. It grows with the heap.
func bookkeeping() []string {
	return []string{
		"go_memstats_mspan_inuse_bytes", "go_memstats_mcache_inuse_bytes", "go_memstats_buck_hash_sys_bytes",
		"go_memstats_gc_sys_bytes", "go_memstats_other_sys_bytes",
	}
}

// metricPrefix makes of a metrics.prefix what Nakama makes of it: letters, digits and underscores, the rest become
// underscores.
func metricPrefix(prefix string) string {
	if prefix == "" {
		return "nakama"
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, prefix)
}

// nakamaWords are Nakama's. An empty metrics.prefix leaves the bare names, of which the marks are what every Nakama reports;
// the names of the runtime are those of any Go program.
func nakamaWords(prefix string) vocabulary {
	wanted := map[string]metric{}
	for _, name := range []string{"sessions", "presences", "socket_ws_opened", "socket_ws_closed"} {
		m := metric{name: "nakama_" + name, merge: highest}
		wanted[name], wanted[prefix+"_"+name] = m, m
	}
	runtime := append(bookkeeping(), heapInUse, stackInUse, nextGC,
		"process_resident_memory_bytes", "process_open_fds", "process_max_fds")
	for _, name := range runtime {
		wanted[name] = metric{name: name, merge: highest}
	}
	return vocabulary{wanted, []string{prefix + "_", "matchmaker_", "overall_"}}
}

// nakama fills in what a page of Nakama says. Its gauges are absent until the first session, and so 0, but only if the
// page is Nakama's.
func (p page) nakama(app *status.Application, prefix string) {
	app.Problem = p.problem()
	app.Sessions, app.Presences = p.count(sessions), p.count(presences)
	app.Values = p.values
	if !p.marked {
		app.Problem = also(app.Problem, fmt.Sprintf("no metric begins with %s_: is metrics.prefix another, or is this not Nakama?", prefix))
		return
	}
	app.Sessions = p.orNone(app.Sessions, sessions)
	app.Presences = p.orNone(app.Presences, presences)
}

// orNone is 0 for what is absent, unless it was there and could not be believed.
func (p page) orNone(n *uint64, name string) *uint64 {
	if _, doubted := p.doubts[name]; n == nil && !doubted {
		return new(uint64)
	}
	return n
}

func highest(a, b float64) float64 { return max(a, b) }
