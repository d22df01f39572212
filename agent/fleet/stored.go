package fleet

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	bucket = "fleet" // one record a group
	// storeAfter is how old the stored time of success may get: each storing syncs the disk.
	storeAfter = time.Minute
)

// remember fills the records from the storage, under what is declared now.
func (f *Fleet) remember() {
	stored, before := records{}, records{}
	for name, group := range f.groups {
		var rec record
		if f.storage != nil {
			found, err := f.storage.Get(bucket, name, &rec)
			if err != nil {
				f.tell(storeDegraded(f.now(), fmt.Sprintf("what was remembered of group %s is lost: %v", name, err)))
			}
			if !found {
				rec = record{}
			}
		}
		stored[name], before[name] = rec.declare(group.Static, group.Files), rec
	}
	var forgotten map[sourceKey]string
	f.records, forgotten = recall(f.services, stored)
	for key, problem := range forgotten {
		f.tell(sourceFailed(f.now(), key.group, f.sourceName(key), "its remembered answer is forgotten: "+problem))
		f.problems[key] = problem
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if e, changed := rosterChanged(f.now(), name, before[name].inForce(), f.records[name].inForce()); changed {
			f.tell(e)
		}
	}
}

// store puts the records that changed, and returns what there is to tell. The caller holds mu.
func (f *Fleet) store() []status.Event {
	if f.storage == nil {
		return nil
	}
	failure := ""
	for _, name := range slices.Sorted(maps.Keys(f.records)) {
		rec := f.records[name]
		if before, put := f.stored[name]; put && !worthStoring(before, rec) {
			continue
		}
		if err := f.storage.Put(bucket, name, rec); err != nil {
			failure = err.Error()
			continue
		}
		f.stored[name] = rec
	}
	before := f.unstored
	f.unstored = failure != ""
	if f.unstored && !before {
		return []status.Event{storeDegraded(f.now(), "the roster is not stored: "+failure)}
	}
	return nil
}

// worthStoring leaves aside what only says that time went by.
func worthStoring(before, after record) bool {
	if len(after.Files) > 0 && after.Success.Sub(before.Success) >= storeAfter {
		return true
	}
	before.Success, before.Sizes = after.Success, after.Sizes
	return !reflect.DeepEqual(before, after)
}

func (r records) clone() records { return maps.Clone(r) }

func equalRosters(a, b policy.Roster) bool {
	return maps.EqualFunc(a, b, slices.Equal)
}
