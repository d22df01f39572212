package collector

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
)

// Learnt is what is known of one Nakama's memory and load. It is JSON, to outlive a restart.
type Learnt struct {
	Model      capacity.Model      `json:"model"`
	Forecast   capacity.Forecast   `json:"forecast"`
	Peak       capacity.Peak       `json:"peak"`
	Exhaustion capacity.Exhaustion `json:"exhaustion"`
	Last       time.Time           `json:"last"` // when the unit was seen last
}

// learntOf is of how many units is remembered what was learnt, the latest ones: containers get a name with each start.
const learntOf = 64

// Learnt is what is known of each unit, to be given to the next Collector.
func (c *Collector) Learnt() map[string]Learnt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.learnt == nil {
		return maps.Clone(c.o.Learnt)
	}
	return maps.Clone(c.learnt)
}

// recall is what was learnt of a unit before, by this process or by the one before it.
func (c *Collector) recall(unit string) Learnt { return c.Learnt()[unit] }

// remember keeps what was learnt now, beside that of units that do not run now.
func (c *Collector) remember(all []nakama, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.learnt == nil {
		c.learnt = map[string]Learnt{}
		maps.Copy(c.learnt, c.o.Learnt)
	}
	for _, n := range all {
		n.Last = now
		c.learnt[n.Name] = n.Learnt
	}
	if surplus := len(c.learnt) - max(learntOf, len(all)); surplus > 0 {
		oldest := slices.SortedFunc(maps.Keys(c.learnt), func(a, b string) int {
			return cmp.Or(c.learnt[a].Last.Compare(c.learnt[b].Last), cmp.Compare(a, b))
		})
		for _, name := range oldest[:surplus] {
			delete(c.learnt, name)
		}
	}
}
