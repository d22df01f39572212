package alerting

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// stored is a State on disk. Fields are added, never renamed: an upgrade must not page again.
type stored struct {
	Stepped time.Time         `json:"stepped,omitzero"`
	Settled time.Time         `json:"settled,omitzero"`
	Alerts  []json.RawMessage `json:"alerts"`
}

// MarshalJSON writes the state in the order of display, so that equal states are equal bytes.
func (s State) MarshalJSON() ([]byte, error) {
	all := make([]tracked, 0, len(s.tracked))
	for _, t := range s.tracked {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b tracked) int { return order(a.Alert, b.Alert) })
	out := stored{Stepped: s.stepped, Settled: s.settled, Alerts: make([]json.RawMessage, len(all))}
	for i, t := range all {
		text, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		out.Alerts[i] = text
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads a stored state. An alert that cannot be is left out, the others are kept: one damaged entry must
// not page for all. Conditions that this version does not know stay: they are never listed, and so resolve.
func (s *State) UnmarshalJSON(text []byte) error {
	var in stored
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	read := State{tracked: map[string]tracked{}, stepped: in.Stepped.UTC(), settled: in.Settled.UTC()}
	for _, text := range in.Alerts {
		var t tracked
		if json.Unmarshal(text, &t) != nil || !t.possible() || len(read.tracked) == places {
			continue
		}
		t.mend()
		read.tracked[t.Key()] = t
	}
	*s = read
	return nil
}

// possible reports whether Step could have left the alert like this.
func (t *tracked) possible() bool {
	switch t.State {
	case status.AlertPending, status.AlertResolved: // a resolved one may be a pending one that cleared
		return t.Name != "" && !t.Since.IsZero()
	case status.AlertFiring:
		return t.Name != "" && !t.Since.IsZero() && !t.Fired.IsZero()
	}
	return false
}

// mend brings what follows from other fields in line with them, and times to the form in which Step keeps them.
func (t *tracked) mend() {
	for _, at := range []*time.Time{&t.Since, &t.Fired, &t.Resolved, &t.Absent, &t.QuietUntil, &t.Flapped} {
		*at = at.UTC()
	}
	if t.Told = t.Told && t.State == status.AlertFiring; !t.Told {
		t.ToldAs = ""
	} else if t.ToldAs == "" {
		t.ToldAs = t.Severity
	}
}
