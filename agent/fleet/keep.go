package fleet

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"go4.org/netipx"
)

const (
	// shrinkWindow is how far back a group's largest size counts.
	shrinkWindow = time.Hour
	// sizeGrain bounds the sizes that are remembered: one for each of these.
	sizeGrain = time.Minute
)

// record is all that is remembered of a group; it is stored as it is. Its methods are the keeping rules, and pure: each
// returns another record and leaves the one it is called on alone.
//
// An entry is a prefix as it was named. Sizes are counted in entries.
type record struct {
	Static  []netip.Prefix    `json:"static"`
	Files   map[string]answer `json:"files,omitempty"` // by pattern
	Sizes   []size            `json:"sizes,omitempty"` // in the last hour, at the times when they ended
	Against int               `json:"against,omitempty"`
	Success time.Time         `json:"success,omitzero"` // when all sources answered last
}

// answer is the last good answer of a source, and what it named before and is held back from leaving.
type answer struct {
	Good []netip.Prefix `json:"good"`
	Held []netip.Prefix `json:"held,omitempty"`
}

type size struct {
	Until   time.Time `json:"until"`
	Entries int       `json:"entries"`
}

// declare applies a person's word, sorted static entries and the patterns of files: what the configuration no longer declares leaves at once. It is no loss: the sizes that
// later losses are measured against go down with it.
func (r record) declare(static []netip.Prefix, patterns []string) record {
	next := r
	// Only the entries that stay: what comes must not make good for what goes.
	next.Static = without(r.Static, without(r.Static, static))
	next.Files = map[string]answer{}
	for _, pattern := range patterns {
		if a, known := r.Files[pattern]; known {
			next.Files[pattern] = a
		}
	}
	gone := len(r.inForce()) - len(next.inForce())
	next.Static = static
	next.Sizes = slices.Clone(r.Sizes)
	for i := range next.Sizes {
		next.Sizes[i].Entries = max(0, r.Sizes[i].Entries-gone)
	}
	if r.Against > 0 {
		next.Against = max(1, r.Against-gone)
	}
	return next.settled()
}

// answered applies the answers of sources. What comes, comes at once. What goes, goes at once, except when the group would
// lose more than half of its largest size in the last hour, or become empty: then everything that would go is held, until
// accept or until an answer that is no such loss. While something is held the size it is measured against stays, or an
// hour of a broken file would do what a person has not said.
func (r record) answered(now time.Time, answers map[string][]netip.Prefix) record {
	next := r
	next.Sizes = remember(r.Sizes, size{now, len(r.inForce())})
	next.Files = maps.Clone(r.Files)
	if next.Files == nil {
		next.Files = map[string]answer{}
	}
	leaving := map[string][]netip.Prefix{}
	for pattern, good := range answers {
		a := r.Files[pattern]
		leaving[pattern] = union(a.Good, a.Held)
		next.Files[pattern] = answer{Good: good}
	}
	for pattern, a := range r.Files {
		if _, fresh := answers[pattern]; !fresh {
			leaving[pattern] = a.Held
			next.Files[pattern] = answer{Good: a.Good}
		}
	}
	after := next.inForce()
	limit := r.Against
	if limit == 0 {
		limit = largest(next.Sizes)
	}
	next.Against = 0
	if 2*len(after) >= limit {
		return next
	}
	return next.hold(leaving, after, limit)
}

// hold keeps of what is leaving what the rest does not cover anyway.
func (r record) hold(leaving map[string][]netip.Prefix, rest []netip.Prefix, limit int) record {
	covered := ipSet(rest)
	for pattern, prefixes := range leaving {
		var held []netip.Prefix
		for _, p := range prefixes {
			if !covered.ContainsPrefix(p) {
				held = append(held, p)
			}
		}
		if len(held) > 0 {
			r.Files[pattern] = answer{Good: r.Files[pattern].Good, Held: held}
			r.Against = limit
		}
	}
	return r
}

// accept lets go of all that is held, and measures later losses against what is left.
func (r record) accept() record {
	next := r
	next.Files = maps.Clone(r.Files)
	for pattern, a := range next.Files {
		next.Files[pattern] = answer{Good: a.Good}
	}
	next.Against, next.Sizes = 0, nil
	return next
}

// settled forgets what losses are measured against once nothing is held.
func (r record) settled() record {
	if len(r.held()) == 0 {
		r.Against = 0
	}
	return r
}

// inForce returns every entry of the group, sorted.
func (r record) inForce() []netip.Prefix {
	all := [][]netip.Prefix{r.Static}
	for _, a := range r.Files {
		all = append(all, a.Good, a.Held)
	}
	return union(all...)
}

// held returns the entries that no source names any more, sorted.
func (r record) held() []netip.Prefix {
	var all [][]netip.Prefix
	for _, a := range r.Files {
		all = append(all, a.Held)
	}
	return union(all...)
}

func (r record) heldReason(group string) string {
	held := len(r.held())
	if held == 0 {
		return ""
	}
	return fmt.Sprintf("%d entries of %d are left, a loss of more than half; the other %d stay until `nakama-warden apply --accept-shrink %s`",
		len(r.inForce())-held, r.Against, held, group)
}

// remember adds a size that ended now, one for each sizeGrain, and forgets those that ended before the window.
func remember(sizes []size, ended size) []size {
	kept := make([]size, 0, len(sizes)+1)
	for _, s := range sizes {
		// A clock that was set back leaves sizes of the future: they would never be forgotten.
		if age := ended.Until.Sub(s.Until); age >= 0 && age < shrinkWindow {
			kept = append(kept, s)
		}
	}
	if n := len(kept); n > 0 && kept[n-1].Until.Truncate(sizeGrain).Equal(ended.Until.Truncate(sizeGrain)) {
		ended.Entries = max(ended.Entries, kept[n-1].Entries)
		kept = kept[:n-1]
	}
	return append(kept, ended)
}

func largest(sizes []size) int {
	most := 0
	for _, s := range sizes {
		most = max(most, s.Entries)
	}
	return most
}

// union returns the distinct prefixes, sorted.
func union(lists ...[]netip.Prefix) []netip.Prefix {
	all := slices.Concat(lists...)
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all)
}

// without returns the prefixes of a that are not in b; both are sorted and distinct.
func without(a, b []netip.Prefix) []netip.Prefix {
	var left []netip.Prefix
	for _, p := range a {
		if _, found := slices.BinarySearchFunc(b, p, netip.Prefix.Compare); !found {
			left = append(left, p)
		}
	}
	return left
}

func ipSet(prefixes []netip.Prefix) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range policy.Coalesce(prefixes) {
		b.AddPrefix(p)
	}
	set, err := b.IPSet()
	if err != nil {
		return new(netipx.IPSet) // covers nothing: then all is held
	}
	return set
}
