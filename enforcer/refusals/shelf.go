package refusals

import (
	"cmp"
	"container/list"
	"net/netip"
	"time"
)

// shelf holds the sources of one service and verdict, and decides which of them goes when it is full.
//
// Neither the oldest nor the rarest may be the one that goes: in an hour at the rule's limit a flood of made-up addresses
// brings 180,000 sources, and the backup that comes once a night, for whose sake the audit is held, would be both. What
// made-up addresses do not do is come back. So a source is a newcomer until it returns, newcomers make room for
// newcomers, and among those that did return the one known for the shortest time counts as a newcomer again. A flood
// turns over newcomers only; whoever wants to push out a source that was seen for days must keep up, for days, more
// addresses than fit.
type shelf struct {
	limit     int
	sources   map[netip.Addr]*source
	newcomers list.List // of *source, the one not seen for longest first
	forgotten uint64
}

// returned is how long after the first refusal another makes a source a regular. A burst is no return; the first
// repetition of an unanswered TCP SYN, after a second, is one.
const returned = time.Second

// regulars is how many sources may be regulars: the rest is for newcomers, so that in a flood at the rule's limit of 50
// a second a newcomer of a full shelf of 1000 has five seconds to return.
func (s *shelf) regulars() int { return s.limit * 3 / 4 }

func newShelf(limit int) *shelf { return &shelf{limit: limit, sources: map[netip.Addr]*source{}} }

// see notes one refusal.
func (s *shelf) see(addr netip.Addr, at time.Time, port uint16) {
	known := s.sources[addr]
	if known == nil {
		known = s.add(&source{addr: addr, first: at, last: at})
	}
	known.extend(at, at)
	known.count++
	known.ports.add(port)
	s.settle(known)
}

// put adds a source that was stored.
func (s *shelf) put(stored *source) {
	known := s.sources[stored.addr]
	if known == nil {
		s.settle(s.add(stored))
		return
	}
	known.extend(stored.first, stored.last)
	known.count += stored.count
	for _, port := range stored.ports {
		known.ports.add(port)
	}
	s.settle(known)
}

// add makes a source a newcomer, in the place of another one if need be.
func (s *shelf) add(added *source) *source {
	if len(s.sources) >= s.limit {
		s.remove(s.newcomers.Front().Value.(*source)) // there is one: regulars are fewer than the limit
		s.forgotten++
	}
	s.sources[added.addr] = added
	added.newcomer = s.newcomers.PushBack(added)
	return added
}

// settle puts a source that was just seen where it belongs.
func (s *shelf) settle(seen *source) {
	if seen.newcomer == nil {
		return
	}
	if seen.known() < returned {
		s.newcomers.MoveToBack(seen.newcomer)
		return
	}
	s.newcomers.Remove(seen.newcomer)
	seen.newcomer = nil
	if len(s.sources)-s.newcomers.Len() > s.regulars() {
		shortest := s.shortestKnown()
		shortest.newcomer = s.newcomers.PushBack(shortest)
	}
}

// shortestKnown is the regular to which the least is lost.
func (s *shelf) shortestKnown() *source {
	var shortest *source
	for _, one := range s.sources {
		if one.newcomer == nil && (shortest == nil || one.compare(shortest) < 0) {
			shortest = one
		}
	}
	return shortest
}

// prune removes what was last seen before a time. What was seen in the future, by a clock that was ahead, was seen now.
func (s *shelf) prune(now, before time.Time) {
	for _, one := range s.sources {
		if one.last.After(now) {
			one.first, one.last = minTime(one.first, now), now
		}
		if one.last.Before(before) {
			s.remove(one)
		}
	}
}

func (s *shelf) remove(one *source) {
	delete(s.sources, one.addr)
	if one.newcomer != nil {
		s.newcomers.Remove(one.newcomer)
	}
}

// compare sorts the one known for a shorter time first, then the one not seen for longer.
func (one *source) compare(other *source) int {
	return cmp.Or(cmp.Compare(one.known(), other.known()), one.last.Compare(other.last), one.addr.Compare(other.addr))
}
