package history

import (
	"maps"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// mostNumbers bounds an answer, at 16 bytes a number: 64 units with moderate steps, 29 with the finest of a month.
const mostNumbers = 1 << 20

// frame is an answer that is being filled.
type frame struct {
	start, until, step int64
	steps              int
	only               string // the unit that is asked for; empty: all
	places             int    // for units

	units   map[identity]unit
	leftOut map[identity]bool
}

func newFrame(start, until, step int64, only string) *frame {
	steps := max(0, int((until-start+step-1)/step))
	places := min(mostUnits, mostNumbers/(columns*max(1, steps)))
	return &frame{start: start, until: until, step: step, steps: steps, only: only, places: places,
		units: map[identity]unit{}, leftOut: map[identity]bool{}}
}

// add takes in a chunk that is earlier than those before it.
func (f *frame) add(c *chunk) {
	first := int(max(0, (f.start-c.start)/c.step))
	end := int(min(int64(c.steps), (f.until-c.start+c.step-1)/c.step))
	for _, id := range c.latestFirst(end) {
		if f.only != "" && id.name != f.only {
			continue
		}
		from := c.units[id]
		if from.lastKnown(end) < first {
			continue
		}
		to := f.unit(id)
		if to == nil {
			f.leftOut[id] = true
			continue
		}
		for column := range columns {
			cells, earlier := to.column(column), from.column(column)
			for i := end - 1; i >= first; i-- {
				at := (c.start + int64(i)*c.step - f.start) / f.step
				cells[at] = later(column, earlier[i], cells[at])
			}
		}
	}
}

// unit is nil where there is no place left. Chunks come the latest first: so those have one that ran last.
func (f *frame) unit(id identity) unit {
	u, known := f.units[id]
	if !known && len(f.units) < f.places {
		u = make(unit, columns*f.steps)
		f.units[id] = u
	}
	return u
}

// history is the answer. The frame must not be used afterwards.
func (f *frame) history() status.History {
	h := status.History{
		Start:   time.Unix(f.start, 0).UTC(),
		Step:    time.Duration(f.step) * time.Second,
		Units:   []status.UnitHistory{}, // [] and not null
		LeftOut: len(f.leftOut),
	}
	for _, id := range slices.SortedFunc(maps.Keys(f.units), identity.compare) {
		u := f.units[id]
		h.Units = append(h.Units, status.UnitHistory{
			Name: id.name, Role: id.role,
			Connections: values(u.column(connections), 1),
			Memory:      values(u.column(memory), kib),
			Limit:       values(u.column(limit), kib),
			Fits:        values(u.column(fits), 1),
		})
	}
	return h
}

// values are those of cells, which become their memory.
func values(cells []uint64, factor uint64) []*uint64 {
	all := make([]*uint64, len(cells))
	for i := range cells {
		if cells[i] != 0 {
			cells[i] = (cells[i] - 1) * factor
			all[i] = &cells[i]
		}
	}
	return all
}
