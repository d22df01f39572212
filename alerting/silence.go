package alerting

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Quiet is what a person asked not to hear of, for a while. It is a value; the zero value silences nothing. Its verbs
// return a changed copy; the new Quiet counts from the next Step on.
type Quiet struct {
	Silences    []status.Silence    `json:"silences,omitempty"`
	Maintenance *status.Maintenance `json:"maintenance,omitempty"`
	LastID      uint64              `json:"last_id,omitempty"` // so that no ID is given twice
}

const (
	// All is the condition of a silence that keeps every condition quiet.
	All = "all"
	// longestQuiet is the longest silence or maintenance: what is never to be heard belongs into the configuration.
	longestQuiet = 30 * 24 * time.Hour
	silencesMost = 100
)

// Silence adds a silence, and returns it with its ID: s1, s2, and so on, unless it brings one.
func (q Quiet) Silence(s status.Silence) (Quiet, status.Silence, error) {
	if s.Condition == "" {
		return q, s, fmt.Errorf("silence: no condition: name one, or %s", All)
	}
	if err := checkSpan(s.From, s.Until); err != nil {
		return q, s, fmt.Errorf("silence %s: %w", s.Condition, err)
	}
	if len(q.Silences) >= silencesMost {
		return q, s, fmt.Errorf("silence %s: there are %d silences already: end one, or silence %s", s.Condition, silencesMost, All)
	}
	for s.ID == "" {
		q.LastID++
		if id := "s" + strconv.FormatUint(q.LastID, 10); q.index(id) < 0 {
			s.ID = id
		}
	}
	if q.index(s.ID) >= 0 {
		return q, s, fmt.Errorf("silence %s: there is a silence %s already: end it first", s.Condition, s.ID)
	}
	q.Silences = append(slices.Clone(q.Silences), s)
	return q, s, nil
}

// End ends the silence of that ID, and returns it; false if there is none.
func (q Quiet) End(id string) (Quiet, status.Silence, bool) {
	i := q.index(id)
	if i < 0 {
		return q, status.Silence{}, false
	}
	ended := q.Silences[i]
	q.Silences = slices.Delete(slices.Clone(q.Silences), i, i+1)
	return q, ended, true
}

// Expire parts what still holds at now from what ended by itself. It is to be called with every tick: after a clock was
// set back it also brings a silence back to its own length, which would else last until the old time comes again.
func (q Quiet) Expire(now time.Time) (left, ended Quiet) {
	left.LastID = q.LastID
	for _, s := range q.Silences {
		s.From, s.Until = lasting(s.From, s.Until, now)
		if now.Before(s.Until) {
			left.Silences = append(left.Silences, s)
		} else {
			ended.Silences = append(ended.Silences, s)
		}
	}
	if q.Maintenance != nil {
		m := *q.Maintenance
		m.From, m.Until = lasting(m.From, m.Until, now)
		if now.Before(m.Until) {
			left.Maintenance = &m
		} else {
			ended.Maintenance = &m
		}
	}
	return left, ended
}

// Reason tells why nobody is to hear of a condition now, and until when; nothing if they are. Of several reasons it is
// the one that lasts longest.
func (q Quiet) Reason(condition, about string, now time.Time) (why string, until time.Time) {
	for _, s := range q.Silences {
		if (s.Condition == condition || s.Condition == All) && s.Until.After(later(now, until)) {
			why, until = reason("silence "+s.ID, s.Until, s.By, s.Why), s.Until
		}
	}
	if m := q.Maintenance; m != nil && about == AboutAvailability && m.Until.After(later(now, until)) {
		why, until = reason("maintenance", m.Until, m.By, m.Why), m.Until
	}
	return why, until.UTC()
}

// of is Reason, for a condition that the catalogue knows.
func (q Quiet) of(condition string, now time.Time) (why string, until time.Time) {
	topic := ""
	if q.Maintenance != nil {
		topic = about(condition)
	}
	return q.Reason(condition, topic, now)
}

func reason(what string, until time.Time, by, why string) string {
	what += " until " + clock(until)
	if by != "" {
		what += " by " + by
	}
	if why != "" {
		what += ": " + why
	}
	return plain(what, longestSummary)
}

func (q Quiet) index(id string) int {
	return slices.IndexFunc(q.Silences, func(s status.Silence) bool { return s.ID == id })
}

func checkSpan(from, until time.Time) error {
	switch length := until.Sub(from); {
	case length <= 0:
		return fmt.Errorf("ends before it begins: give a time that is above 0")
	case length > longestQuiet:
		return fmt.Errorf("lasts %v: at most %v (alerting.overrides turns a condition off for good)", length, longestQuiet)
	}
	return nil
}

// lasting is when something begins and ends, as seen at now: it began by now, and keeps its own length, within bounds.
func lasting(from, until, now time.Time) (time.Time, time.Time) {
	length := min(until.Sub(from), longestQuiet)
	if from.After(now) {
		from = now
	}
	return from, from.Add(length)
}
