package outbox

import (
	"maps"

	"github.com/nakama-warden/nakama-warden/status"
)

// In this order entries go when too many wait, and of one rank the oldest first.
const (
	rankPair         = iota // an alert that began and ended while it waited: nobody knows of it
	rankInfo                //
	rankWarning             // and what has another severity
	rankCriticalPair        //
	rankCritical            //
	rankNever               // an attempt runs
)

// shrink makes room: what waits beyond the limit goes by rank. What goes with it (see lose) goes too. It returns how many
// entries went.
func (q *queue) shrink(limit int) (dropped int) {
	for len(q.waiting) > limit {
		least := q.least()
		if least == nil {
			break // as much as one batch, for as long as one attempt
		}
		dropped += q.lose(least)
	}
	return dropped
}

// least is the entry that is missed least, or nil.
func (q *queue) least() (least *entry) {
	lowest := rankNever
	pairs := q.pairs()
	for _, e := range q.waiting {
		if rank := rankOf(e, pairs[e]); rank < lowest {
			lowest, least = rank, e
		}
	}
	return least
}

func rankOf(e *entry, pair bool) int {
	critical := e.alert.Severity == status.SeverityCritical
	switch {
	case e.flying:
		return rankNever
	case critical && pair:
		return rankCriticalPair
	case critical:
		return rankCritical
	case pair:
		return rankPair
	case e.alert.Severity == status.SeverityInfo:
		return rankInfo
	}
	return rankWarning
}

// pairs finds the beginnings of alerts that the receiver cannot know of, and whose ends wait as well.
func (q *queue) pairs() map[*entry]bool {
	pairs := map[*entry]bool{}
	known := maps.Clone(q.heard)  // by key, once all that waits before is heard
	secret := map[string]*entry{} // by key, the beginning before
	for _, e := range q.waiting {
		if e.ends() {
			if beginning := secret[e.key]; beginning != nil {
				pairs[beginning] = true
			}
			known[e.key], secret[e.key] = false, nil
			continue
		}
		if !known[e.key] && !e.tried {
			secret[e.key] = e
		}
		known[e.key] = true
	}
	return pairs
}
