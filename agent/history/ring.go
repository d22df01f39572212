package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// grain is how finely a ring remembers, and for how long. Times are seconds since 1970 throughout.
type grain struct {
	name   string // in the store's keys
	step   int64
	steps  int // in a chunk
	chunks int // in the ring, with the one that is being filled
}

// grains are the two that are kept. A ring has one chunk more than its 24 hours or 30 days: the one that is being filled
// may have just begun.
func grains() []grain {
	return []grain{
		{name: "10s", step: 10, steps: 360, chunks: 24 + 1},
		{name: "5m", step: 300, steps: 288, chunks: 30 + 1},
	}
}

func (g grain) seconds() int64      { return g.step * int64(g.steps) }
func (g grain) span() time.Duration { return time.Duration(g.seconds()) * time.Second }

// oldest is when the oldest chunk begins that is kept at a time.
func (g grain) oldest(now int64) int64 {
	return now - now%g.seconds() - int64(g.chunks-1)*g.seconds()
}

// ring is the chunks of one grain.
type ring struct {
	grain
	kept    []piece // by place
	changed []bool  // since it was stored, by place

	current *chunk // the one that is being filled; its place in kept is empty. nil before the first sample
	step    int64  // of the last sample; 0 before the first
}

// piece is an encoded chunk; without data, there is none.
type piece struct {
	start int64
	data  []byte // never changed, so that it may be read without a lock
}

func newRing(g grain) *ring {
	return &ring{grain: g, kept: make([]piece, g.chunks), changed: make([]bool, g.chunks)}
}

// place is where the chunk that begins at start lies.
func (r *ring) place(start int64) int { return int(start / r.seconds() % int64(r.chunks)) }

func (r *ring) key(place int) string { return fmt.Sprintf("%s/%02d", r.name, place) }

// restore puts a stored chunk where it belongs, if it is one that belongs there.
func (r *ring) restore(place int, data []byte) error {
	c, err := decode(data)
	switch {
	case err != nil:
		return err
	case c.grain != r.grain || r.place(c.start) != place:
		return errors.New("a chunk of another place")
	}
	r.kept[place] = piece{start: c.start, data: data}
	return nil
}

// observe is false once for a chunk: when it has no place for a unit.
func (r *ring) observe(at int64, all []measurement) bool {
	c := r.chunkOf(at)
	step := at - at%r.grain.step
	if r.step != 0 && step > r.step {
		c.forget(step) // what lies ahead was written by a clock that was wrong
	}
	r.step = step
	r.changed[r.place(c.start)] = true
	return c.note(step, all)
}

// chunkOf makes the chunk of a time the current one.
func (r *ring) chunkOf(at int64) *chunk {
	start := at - at%r.seconds()
	if r.current != nil && r.current.start == start {
		return r.current
	}
	if r.current != nil {
		r.kept[r.place(r.current.start)] = piece{start: r.current.start, data: r.current.encode()}
	}
	place := r.place(start)
	before := r.kept[place]
	r.kept[place] = piece{}
	r.current = newChunk(r.grain, start)
	if before.data != nil && before.start == start { // the daemon began again, or the clock went back
		if c, err := decode(before.data); err == nil { // it was decoded before, or encoded by us
			r.current = c
		}
	}
	return r.current
}

// encoded is the chunk of a place; nil if there is none.
func (r *ring) encoded(place int) []byte {
	if r.current != nil && r.place(r.current.start) == place {
		return r.current.encode()
	}
	return r.kept[place].data
}

// pieces are the chunks that have something of a range of time, the latest first.
func (r *ring) pieces(since, until int64) []piece {
	all := slices.Clone(r.kept)
	if r.current != nil {
		all = append(all, piece{start: r.current.start, data: r.current.encode()})
	}
	all = slices.DeleteFunc(all, func(p piece) bool {
		return p.data == nil || p.start >= until || p.start+r.seconds() <= since
	})
	slices.SortFunc(all, func(a, b piece) int { return cmp.Compare(b.start, a.start) })
	return all
}

// takeChanged are the places that have changed since it was last called.
func (r *ring) takeChanged() []int {
	var places []int
	for place, changed := range r.changed {
		if changed {
			places = append(places, place)
		}
	}
	clear(r.changed)
	return places
}

func (r *ring) markChanged(places []int) {
	for _, place := range places {
		r.changed[place] = true
	}
}
