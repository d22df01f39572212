package history

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nakama-warden/nakama-warden/status"
)

// The columns of a unit, in the order in which they are encoded.
const (
	connections = iota
	memory
	limit
	fits
	columns
)

// A cell is a value and one, 0 where there is none: so cells of nothing need no filling. Memory is in KiB, of which
// pages, and with them all that the kernel tells of memory, are multiples.
const kib = 1024

const (
	// mostUnits bounds a chunk: containers come and go, each with a name of its own.
	mostUnits = 64
	// longestName is what systemd allows a unit; a container's is shorter.
	longestName = 255
	// mostCell is above every number that can be, and far from where sums overflow. It is exact in JSON.
	mostCell = 1 << 53
	// latest is the last second of the year 9999: RFC 3339, and so the answer, ends there.
	latest = 253402300799
)

// identity tells units apart.
type identity struct{ name, role string }

// measurement is what is remembered of a unit in a sample.
type measurement struct {
	identity
	cells [columns]uint64
}

func measure(u status.Unit) measurement {
	m := measurement{identity: identity{u.Name, u.Role}}
	if len(u.Ports) > 0 {
		var sum uint64
		for _, p := range u.Ports {
			sum += p.Connections
		}
		m.cells[connections] = cell(sum)
	}
	if u.Memory.Resident > 0 {
		m.cells[memory] = cell(u.Memory.Resident / kib)
	}
	if u.Memory.Limit > 0 {
		m.cells[limit] = cell(u.Memory.Limit / kib)
	}
	if u.Capacity != nil && u.Capacity.Known {
		m.cells[fits] = cell(u.Capacity.Fits)
	}
	return m
}

// cell is 0, not known, for a number that cannot be.
func cell(value uint64) uint64 {
	if value >= mostCell {
		return 0
	}
	return value + 1
}

// chunk is a part of the history, plain.
type chunk struct {
	grain
	start int64
	units map[identity]unit
	full  bool // a unit was left out
}

// unit is the columns of a unit, one after another: a cell for each step.
type unit []uint64

// column is one of them.
func (u unit) column(i int) []uint64 {
	steps := len(u) / columns
	return u[i*steps : (i+1)*steps]
}

// lastKnown is the last step before end of which something is known, or -1.
func (u unit) lastKnown(end int) int {
	steps := len(u) / columns
	for i := end - 1; i >= 0; i-- {
		if u[i]|u[steps+i]|u[2*steps+i]|u[3*steps+i] != 0 {
			return i
		}
	}
	return -1
}

func newChunk(g grain, start int64) *chunk {
	return &chunk{grain: g, start: start, units: map[identity]unit{}}
}

// latestFirst are the units, those that were seen last before the step end first.
func (c *chunk) latestFirst(end int) []identity {
	return slices.SortedFunc(maps.Keys(c.units), func(a, b identity) int {
		return cmp.Or(cmp.Compare(c.units[b].lastKnown(end), c.units[a].lastKnown(end)), a.compare(b))
	})
}

// forget takes back what is known of a step.
func (c *chunk) forget(step int64) {
	i := int(step-c.start) / int(c.step)
	for _, u := range c.units {
		for column := range columns {
			u.column(column)[i] = 0
		}
	}
}

// note adds measurements to their step. It is false once: when a unit is left out for the first time.
func (c *chunk) note(step int64, all []measurement) bool {
	i := int(step-c.start) / int(c.step)
	left := false
	for _, m := range all {
		u, known := c.units[m.identity]
		if !known {
			if len(c.units) == mostUnits || len(m.name) > longestName || len(m.role) > longestName {
				left = true
				continue
			}
			u = make(unit, columns*c.steps)
			c.units[m.identity] = u
		}
		for column, value := range m.cells {
			cells := u.column(column)
			cells[i] = later(column, cells[i], value)
		}
	}
	told := c.full
	c.full = c.full || left
	return !left || told
}

// later joins a cell with one of the same step that is later: of connections and memory the larger counts, of what they are
// measured against the last that is known.
func later(column int, cell, next uint64) uint64 {
	if next == 0 || (column == connections || column == memory) && next < cell {
		return cell
	}
	return next
}
