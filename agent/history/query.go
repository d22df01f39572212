package history

import (
	"fmt"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// usually is how much an answer tells unless it is asked for another range.
	usually = 24 * time.Hour
	// moderate is how many steps an answer has at most unless it is asked for finer ones: more than a screen has columns.
	moderate = 3000
)

// moderateSteps are what is chosen from; the last makes a moderate answer of all that is kept.
func moderateSteps() []int64 { return []int64{10, 30, 60, 300, 900} }

// Query answers from what is kept. An error says what is wrong with the query.
func (h *History) Query(q status.HistoryQuery) (status.History, error) {
	now := h.now()
	if q.Until.IsZero() || q.Until.After(now) {
		q.Until = now // what lies ahead was written by a clock that was wrong
	}
	if q.Since.IsZero() {
		q.Since = q.Until.Add(-usually)
	}
	if !q.Since.Before(q.Until) {
		return status.History{}, fmt.Errorf("nothing lies between since (%s) and until (%s)",
			q.Since.UTC().Format(time.RFC3339), q.Until.UTC().Format(time.RFC3339))
	}
	i, f, err := frameOf(q, now.Unix())
	if err != nil {
		return status.History{}, err
	}
	h.mu.Lock()
	pieces := h.rings[i].pieces(f.start, f.until)
	h.mu.Unlock()
	for _, p := range pieces {
		c, err := decode(p.data)
		if err != nil { // it was decoded before, or encoded by us
			h.log.Error("a part of the history cannot be read", "start", time.Unix(p.start, 0).UTC(), "error", err)
			continue
		}
		f.add(c)
	}
	return f.history(), nil
}

// frameOf chooses the grain that answers a query, and the empty answer.
func frameOf(q status.HistoryQuery, now int64) (grain int, f *frame, err error) {
	since, until := q.Since.Unix(), q.Until.Unix()
	if q.Until.Nanosecond() > 0 {
		until++ // the second that is not over
	}
	all := grains()
	since = max(since, all[len(all)-1].oldest(now))
	step := int64(q.Step / time.Second)
	switch {
	case q.Step == 0:
		step = moderateStep(since, until, now)
	case step <= 0 || q.Step%time.Second != 0 || step%all[0].step != 0 || q.Step > usually:
		return 0, nil, fmt.Errorf("the step is %s; want a multiple of 10s, at most 24h", q.Step)
	}
	grain = coarsest(step)
	start := max(since, all[grain].oldest(now))
	return grain, newFrame(start-start%step, until, step, q.Unit), nil
}

// moderateStep is the finest that is kept for all of a range and does not make too much of it.
func moderateStep(since, until, now int64) int64 {
	steps := moderateSteps()
	for _, step := range steps {
		if since >= grains()[coarsest(step)].oldest(now) && (until-since)/step <= moderate {
			return step
		}
	}
	return steps[len(steps)-1]
}

// coarsest is the grain with the fewest chunks to read for a step. It is kept the longest, too.
func coarsest(step int64) int {
	all := grains()
	for i := len(all) - 1; i > 0; i-- {
		if step%all[i].step == 0 {
			return i
		}
	}
	return 0
}
