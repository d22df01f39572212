package enforcer

import (
	"slices"

	"github.com/nakama-warden/nakama-warden/status"
)

// traffic adds up the kernel's counters over tables: a table that is replaced begins at zero, and what is told must
// never go back.
type traffic struct {
	past map[string]status.Count // of tables that are gone
	last map[string]status.Count // as read last
}

func newTraffic() traffic {
	return traffic{past: map[string]status.Count{}, last: map[string]status.Count{}}
}

// read takes new values in. One that is less than before was reset by somebody.
func (t *traffic) read(counts map[string]status.Count) {
	for name, last := range t.last {
		if now := counts[name]; now.Packets < last.Packets || now.Bytes < last.Bytes {
			t.bank(name, last)
		}
	}
	t.last = counts
}

// tableReplaced keeps what the table counted that is gone.
func (t *traffic) tableReplaced() {
	for name, last := range t.last {
		t.bank(name, last)
	}
	t.last = map[string]status.Count{}
}

func (t *traffic) bank(name string, c status.Count) {
	past := t.past[name]
	t.past[name] = status.Count{Packets: past.Packets + c.Packets, Bytes: past.Bytes + c.Bytes}
}

func (t *traffic) total(name string) (status.Count, bool) {
	past, before := t.past[name]
	last, now := t.last[name]
	return status.Count{Packets: past.Packets + last.Packets, Bytes: past.Bytes + last.Bytes}, before || now
}

// histogram counts observations in seconds.
type histogram struct {
	bounds []float64
	counts []uint64
	count  uint64
	sum    float64
}

// newHistogram has bounds around what repairs take: 0.4 ms at best, 110 ms behind a flush that holds the kernel's
// commit lock (facts: nftables, "Repairing it").
func newHistogram() histogram {
	bounds := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 30}
	return histogram{bounds: bounds, counts: make([]uint64, len(bounds))}
}

func (h *histogram) observe(seconds float64) {
	h.count++
	h.sum += seconds
	for i, bound := range h.bounds {
		if seconds <= bound {
			h.counts[i]++
		}
	}
}

func (h *histogram) snapshot() status.Histogram {
	return status.Histogram{Bounds: slices.Clone(h.bounds), Counts: slices.Clone(h.counts), Count: h.count, Sum: h.sum}
}
