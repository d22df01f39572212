package application

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// Whatever a page says, no absurd number comes out of it, and the outcome can be written as JSON.
func FuzzPage(f *testing.F) {
	f.Add(read(f, "nakama.txt"), "")
	f.Add(read(f, "cockroach.txt"), "game")
	f.Add("nakama_sessions NaN\nnakama_sessions{a=\"\\n\"} -1e300 5\nsys_rss +Inf\n", "nakama")
	f.Add("sys_uptime{le=\"1\"} 5\nclock_offset_meannanos -9e99\n# HELP\n{\"a\"} 1\n", "a-b")
	f.Fuzz(func(t *testing.T, text, prefix string) {
		prefix = metricPrefix(prefix)
		var game, node status.Application
		if p, err := readPage(strings.NewReader(text), nakamaWords(prefix)); err == nil {
			p.nakama(&game, prefix)
		}
		if p, err := readPage(strings.NewReader(text), cockroachWords()); err == nil {
			p.cockroach(&node)
		}
		for _, app := range []status.Application{game, node} {
			for name, value := range app.Values {
				signed := name == "clock_offset_meannanos"
				if value != value || value > maxValue || value < -maxValue || (value < 0 && !signed) {
					t.Fatalf("%s is %g", name, value)
				}
			}
			if app.Sessions != nil && *app.Sessions > maxValue {
				t.Fatalf("%d sessions", *app.Sessions)
			}
			if _, err := json.Marshal(app); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzCockroachFlags(f *testing.F) {
	f.Add("--cache=.25", "--max-sql-memory=25%", uint64(8e9))
	f.Add("--cache", "1.5 GiB", uint64(0))
	f.Add("--cache=9e99%", "--max-sql-memory=0x1p60", uint64(1)<<63)
	f.Fuzz(func(t *testing.T, one, two string, memory uint64) {
		caches, err := CockroachFlags([]string{"cockroach", "start", one, two}, memory)
		if err == nil && (caches.Cache > maxValue || caches.SQLMemory > maxValue) {
			t.Fatalf("%+v", caches)
		}
	})
}
