package text

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// filled is a host with one Nakama.
func filled(connections uint64, c status.Capacity) status.Host {
	h := safeHost()
	h.Sample = &status.Sample{Time: noon(), Units: []status.Unit{unitOf("nakama", connections, c)}}
	return h
}

func unitOf(name string, connections uint64, c status.Capacity) status.Unit {
	return status.Unit{Name: name, Role: "nakama", Capacity: &c,
		Ports:  []status.Port{{Port: 7349, How: "exact"}, {Port: 7350, Connections: connections, How: "exact"}},
		Memory: status.Memory{Resident: 60e6 + 75e3*connections, Limit: 2e9, LimitBy: "cgroup /nakama.service"},
		Files:  &status.Level{Used: connections + 33, Limit: 65536}}
}

// knownCapacity is enough for twice the peak.
func knownCapacity() status.Capacity {
	return status.Capacity{Known: true, Fits: 21808, Expected: 25970, Binding: "memory", BytesPerConnection: 74638, Peak: 9120, Ratio: 2.39, Target: 1.5,
		Resources: []status.Resource{{Name: "memory", Limit: 2e9, Fits: 21808, Known: true}, {Name: "descriptors", Limit: 65536, Fits: 65503, Known: true}}}
}

func unknownCapacity() status.Capacity {
	return status.Capacity{Reason: "memory: insufficient variation: connections were between 4000 and 4200 lately, want more than 15 % apart",
		Fits: 18200, Expected: 18200, Binding: "memory", Peak: 4200, Target: 1.5}
}

func change(c status.Capacity, edit func(*status.Capacity)) status.Capacity {
	edit(&c)
	return c
}

// shared is a host with two Nakamas in its memory.
func shared() status.Host {
	joint := &status.Joint{Units: []string{"nakama-a", "nakama-b"}, LimitBy: "host", Limit: 7.2e9, Known: true, Fits: 84000, Expected: 91000}
	part := func(fits, peak uint64) status.Capacity {
		return change(knownCapacity(), func(c *status.Capacity) {
			c.Fits, c.Expected, c.Peak, c.Ratio, c.Joint = fits, fits*91/84, peak, 2.8, joint
			c.Resources[0].Limit = 7.2e9
		})
	}
	h := filled(12000, part(56000, 20000))
	h.Sample.Units[0].Name = "nakama-a"
	h.Sample.Units = append(h.Sample.Units, unitOf("nakama-b", 7000, part(28000, 10000)))
	return h
}

// capacityPages are what a page says of capacity: what needs somebody, and the section.
func capacityPages() map[string]func(io.Writer, Style) error {
	soon := noon().Add(3 * time.Hour)
	pages := map[string]func(io.Writer, Style) error{}
	for name, h := range map[string]status.Host{
		"capacity-known":   filled(5200, knownCapacity()),
		"capacity-unknown": filled(4100, unknownCapacity()),
		"capacity-nothing": filled(0, status.Capacity{Reason: "memory: no steady load was seen yet", Target: 1.5}),
		"capacity-full": filled(22900, change(knownCapacity(), func(c *status.Capacity) {
			c.Peak, c.Ratio, c.Below, c.Exhaustion = 22900, 0.95, true, &soon
		})),
		"capacity-descriptors": filled(8000, change(knownCapacity(), func(c *status.Capacity) {
			c.Binding, c.Fits, c.Expected, c.Peak, c.Ratio, c.Below, c.Resources[1].Limit = "descriptors", 9967, 9967, 9120, 1.09, true, 10000
		})),
		"capacity-idle":     filled(0, change(knownCapacity(), func(c *status.Capacity) { c.Peak, c.Ratio = 0, 0 })),
		"capacity-generous": filled(700, change(knownCapacity(), func(c *status.Capacity) { c.Peak, c.Ratio, c.SufficientMemory = 900, 24.2, 212e6 })),
		"capacity-shared":   shared(),
	} {
		pages[name] = func(w io.Writer, s Style) error {
			p := page{style: s}
			p.needs(h, needs(h))
			p.capacity(h)
			return p.flush(w)
		}
	}
	return pages
}

func TestCapacityPages(t *testing.T) {
	for name, render := range capacityPages() {
		for _, width := range []int{60, 80, 200} {
			t.Run(fmt.Sprintf("%s/%d", name, width), func(t *testing.T) {
				var b strings.Builder
				if err := render(&b, Style{Width: width}); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("%s-%d.golden", name, width), b.String())
				checkFits(t, b.String(), width)
			})
		}
	}
}

func TestHeadroom(t *testing.T) {
	const much = 1 << 63
	for _, c := range []struct {
		name                 string
		used, sure, expected uint64
		known                bool
		want                 string
		colour               colour
	}{
		{"half", 50, 80, 100, true, "[#####---|?]", green},
		{"as sure as expected", 50, 100, 100, true, "[#####-----]", green},
		{"nobody", 0, 80, 100, true, "[--------|?]", green},
		{"somebody", 1, 8000, 10000, true, "[#-------|?]", green},
		{"beyond what is sure", 90, 80, 100, true, "[########|?]", red},
		{"beyond what is expected", 200, 80, 100, true, "[####|#####]", red},
		{"nothing fits", 0, 0, 0, true, words.Unknown, plain},
		{"nothing is sure to fit", 5, 0, 10, true, "[|####?????]", red},
		{"a guess", 50, 100, 100, false, "[#####?????]", plain},
		{"not even that", 50, 0, 0, false, words.Unknown, plain},
		{"very many", much, much, much, true, "[##########]", red},
	} {
		u := unitOf("nakama", c.used, status.Capacity{})
		got := headroom(u, status.Capacity{Known: c.known, Fits: c.sure, Expected: c.expected}, 10)
		if got.text != c.want || got.colour != c.colour {
			t.Errorf("%s: %q, colour %q; want %q, %q", c.name, got.text, got.colour, c.want, c.colour)
		}
	}
}

// What a limit, a name or a reason of a unit holds breaks no page.
func FuzzCapacity(f *testing.F) {
	f.Add("nakama\x1b[2J", uint64(5), uint64(10), uint64(20), true, 60)
	f.Add("世界", uint64(1<<63), uint64(0), uint64(1), false, 21)
	f.Fuzz(func(t *testing.T, name string, used, sure, expected uint64, known bool, width int) {
		if width < 20 || width > 300 {
			return
		}
		c := change(knownCapacity(), func(c *status.Capacity) {
			c.Known, c.Fits, c.Expected, c.Reason, c.Below, c.SufficientMemory = known, sure, expected, name, true, sure
			c.Joint = &status.Joint{Units: []string{name}, LimitBy: name, Limit: used}
		})
		h := filled(used, c)
		h.Sample.Units[0].Name = name
		var b strings.Builder
		if err := Host(&b, Style{Width: width}, h); err != nil {
			t.Fatal(err)
		}
		if err := Forecast(&b, Style{Width: width}, status.Forecast{Connections: used, Known: known, Reason: name, Unit: name, Windows: 1, Capacity: &c}); err != nil {
			t.Fatal(err)
		}
		checkFits(t, b.String(), width)
	})
}
