package fleet

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// sourceKey names a source of files.
type sourceKey struct{ group, pattern string }

func compareKeys(a, b sourceKey) int {
	return strings.Compare(a.group+"\x00"+a.pattern, b.group+"\x00"+b.pattern)
}

type answers map[sourceKey][]netip.Prefix

type records map[string]record

func (r records) roster() policy.Roster {
	roster := make(policy.Roster, len(r))
	for group, rec := range r {
		roster[group] = rec.inForce()
	}
	return roster
}

// admit decides which answers come into force: those after which the roster, with what is held, breaks no rule that it
// did not break before. The others are refused whole. An answer may make room for another (a host that changes its
// group), so they are tried together first, and then one by one for as long as one more fits.
func admit(services []policy.Service, now time.Time, old records, fresh answers) (records, map[sourceKey]string) {
	tolerated := violations(services, old)
	next := old.answered(now, fresh)
	refused := map[sourceKey]string{}
	if broken(services, next, tolerated) == "" {
		return next, refused
	}
	accepted := answers{}
	next = old.answered(now, accepted)
	waiting := slices.SortedFunc(maps.Keys(fresh), compareKeys)
	for progress := true; progress; {
		progress = false
		for _, key := range waiting {
			trial := maps.Clone(accepted)
			trial[key] = fresh[key]
			candidate := old.answered(now, trial)
			if refused[key] = broken(services, candidate, tolerated); refused[key] != "" {
				continue
			}
			accepted, next, progress = trial, candidate, true
			delete(refused, key)
		}
		waiting = slices.SortedFunc(maps.Keys(refused), compareKeys)
	}
	return next, refused
}

// recall puts what is remembered of files under what the configuration declares now. The configuration has the last word:
// what breaks a rule beside it is forgotten, and named.
func recall(services []policy.Service, stored records) (records, map[sourceKey]string) {
	kept := make(records, len(stored))
	for group, rec := range stored {
		rec.Files = nil
		kept[group] = rec
	}
	tolerated := violations(services, kept)
	forgotten := map[sourceKey]string{}
	for _, key := range stored.keys() {
		trial := maps.Clone(kept)
		rec := trial[key.group]
		rec.Files = maps.Clone(rec.Files)
		if rec.Files == nil {
			rec.Files = map[string]answer{}
		}
		rec.Files[key.pattern] = stored[key.group].Files[key.pattern]
		trial[key.group] = rec
		if problem := broken(services, trial, tolerated); problem != "" {
			forgotten[key] = problem
			continue
		}
		kept = trial
	}
	for group, rec := range kept {
		kept[group] = rec.settled()
	}
	return kept, forgotten
}

// answered applies the answers to every group: time passes for those that got none, too.
func (r records) answered(now time.Time, fresh answers) records {
	byGroup := map[string]map[string][]netip.Prefix{}
	for key, prefixes := range fresh {
		if byGroup[key.group] == nil {
			byGroup[key.group] = map[string][]netip.Prefix{}
		}
		byGroup[key.group][key.pattern] = prefixes
	}
	next := make(records, len(r))
	for group, rec := range r {
		next[group] = rec.answered(now, byGroup[group])
	}
	return next
}

// keys returns every source that something is remembered of, sorted.
func (r records) keys() []sourceKey {
	var keys []sourceKey
	for group, rec := range r {
		for pattern := range rec.Files {
			keys = append(keys, sourceKey{group, pattern})
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func violations(services []policy.Service, r records) map[string]bool {
	found := map[string]bool{}
	for _, v := range policy.Check(services, r.roster()) {
		found[v.Error()] = true
	}
	return found
}

// broken returns the first rule that is broken and not tolerated.
func broken(services []policy.Service, r records, tolerated map[string]bool) string {
	for _, v := range policy.Check(services, r.roster()) {
		if text := v.Error(); !tolerated[text] {
			return text
		}
	}
	return ""
}
