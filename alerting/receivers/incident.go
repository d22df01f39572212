package receivers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/status"
)

// groupKey names the incident: one per condition and cluster, whichever host tells of it and whatever its subject. Where
// no cluster is declared it is one per host. The notify packages make a hash of it where they need one.
func groupKey(a status.Alert) string {
	key := fmt.Sprintf("nakama-warden:%q", groupLabels(a))
	if a.Test {
		key += ":test" // never closes a real one
	}
	return key
}

func groupLabels(a status.Alert) model.LabelSet {
	all := labels(a)
	group := model.LabelSet{model.AlertNameLabel: all[model.AlertNameLabel]}
	for _, name := range []model.LabelName{"cluster", "host", model.InstanceLabel} {
		if value, ok := all[name]; ok {
			group[name] = value
			break
		}
	}
	return group
}

// memory is what a receiver was told since this agent runs. After a restart it is empty: repeating fills it again.
type memory struct {
	mu     sync.Mutex                 // guards all: a test may be sent while the outbox delivers
	groups map[string]map[string]told // of each incident its firing alerts by identity
	stores map[string]*nflog.Store    // what a notifier noted of an incident, such as a message's id
	taken  map[telling]struct{}       // accepted since the last delivery that failed in part
}

type told struct {
	alert status.Alert
	at    time.Time
}

// untaken leaves out what an earlier attempt has delivered.
func (m *memory) untaken(alerts []status.Alert) []status.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(alerts), func(a status.Alert) bool {
		_, done := m.taken[tellingOf(a)]
		return done && !a.Test
	})
}

func (m *memory) took(alerts []status.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken == nil {
		m.taken = map[telling]struct{}{}
	}
	for _, a := range alerts {
		m.taken[tellingOf(a)] = struct{}{}
	}
}

// settle forgets what was taken: nothing is left that would be given again.
func (m *memory) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.taken)
}

// incident returns the alerts with what else of their incident fires. What was not repeated for so long has ended unheard.
func (m *memory) incident(alerts []status.Alert, now time.Time, forget time.Duration) []status.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(alerts)
	if alerts[0].Test {
		return all
	}
	group := m.groups[groupKey(alerts[0])]
	for _, id := range slices.Sorted(maps.Keys(group)) {
		known := group[id]
		given := slices.ContainsFunc(alerts, func(a status.Alert) bool { return identity(a) == id })
		if age := now.Sub(known.at); !given && age >= 0 && age < forget {
			all = append(all, known.alert)
		}
	}
	slices.SortStableFunc(all, func(a, b status.Alert) int { return cmp.Compare(a.State, b.State) }) // firing first
	return all
}

// learn remembers what was told.
func (m *memory) learn(alerts []status.Alert, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range alerts {
		key := groupKey(a)
		if a.Test {
			delete(m.stores, key)
			continue
		}
		if a.State == status.AlertResolved {
			delete(m.groups[key], identity(a))
			if len(m.groups[key]) == 0 {
				delete(m.groups, key)
				delete(m.stores, key)
			}
			continue
		}
		if m.groups == nil {
			m.groups = map[string]map[string]told{}
		}
		if m.groups[key] == nil {
			m.groups[key] = map[string]told{}
		}
		m.groups[key][identity(a)] = told{a, now}
	}
}

// store is where a notifier keeps notes on an incident while it lasts.
func (m *memory) store(key string) *nflog.Store {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stores == nil {
		m.stores = map[string]*nflog.Store{}
	}
	if m.stores[key] == nil {
		m.stores[key] = nflog.NewStore(nil)
	}
	return m.stores[key]
}

func firingOf(alerts []status.Alert) []status.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a status.Alert) bool { return a.State == status.AlertResolved })
}
