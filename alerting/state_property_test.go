package alerting

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Whatever happens, in whatever order: what is told of an alert makes sense to somebody who hears nothing else.
func TestWhatIsToldMakesSense(t *testing.T) {
	told := 0
	for seed := range uint64(30) {
		l := listener{TB: t, seed: seed, heard: map[string]status.Alert{}}
		told += l.listen(rand.New(rand.NewPCG(seed, 6)))
	}
	if told < 1000 {
		t.Errorf("%d alerts were told: too few to prove anything", told)
	}
}

// listener is on-call: it remembers of each alert what it heard last.
type listener struct {
	testing.TB
	seed  uint64
	heard map[string]status.Alert
	back  bool // the clock was set back just now
}

func (l *listener) listen(r *rand.Rand) (count int) {
	var s State
	var q Quiet
	now := start
	for range 200 {
		passed := someTime(r)
		now, l.back = now.Add(passed), passed < 0
		switch r.IntN(12) {
		case 0:
			q, _, _ = q.Silence(status.Silence{Condition: pick(r, All, "c0", "ServiceDown"), From: now, Until: now.Add(1 + someTime(r).Abs())})
		case 1:
			q, _ = q.Maintain(status.Maintenance{From: now, Until: now.Add(1 + someTime(r).Abs())})
		case 2:
			s = s.Settle(now.Add(someTime(r)))
		}
		q, _ = q.Expire(now)
		conditions := someConditions(r)
		next, told := s.Step(now, conditions, q, map[string]string{"host": "h"}, nil)
		again, toldAgain := reread(l, s).Step(now, conditions, q, map[string]string{"host": "h"}, nil)
		if !reflect.DeepEqual(next, again) || !reflect.DeepEqual(told, toldAgain) {
			l.Fatalf("seed %d: read back from JSON it goes otherwise", l.seed)
		}
		for _, a := range told {
			l.hear(a, now, q, conditions)
		}
		if at := next.Next(); !at.IsZero() && !at.After(now) {
			l.Fatalf("seed %d: next step at %v, and it is %v", l.seed, at, now)
		}
		count += len(told)
		s = next
	}
	l.silent(s, now)
	return count
}

func (l *listener) hear(a status.Alert, now time.Time, q Quiet, conditions []status.Condition) {
	last, known := l.heard[a.Key()]
	listed := slices.ContainsFunc(conditions, func(c status.Condition) bool { return c.Name == a.Name && c.Subject == a.Subject })
	quiet, _ := q.of(a.Name, now)
	wrong := ""
	switch {
	case a.Since.After(a.Fired), a.Fired.After(now), !a.Told, a.Silenced != "", a.Labels["host"] != "h":
		wrong = "cannot be"
	case a.State == status.AlertResolved && (!known || last.State != status.AlertFiring):
		wrong = "resolved, and nobody heard that it fires"
	case a.State == status.AlertResolved && (a.Fired.After(a.Resolved) || !a.Resolved.Equal(now) || listed):
		wrong = "resolved at the wrong time"
	case a.State == status.AlertResolved && a.Severity != last.Severity:
		wrong = "resolved as something else"
	case a.State == status.AlertFiring && known && last.State == status.AlertFiring && rank(a.Severity) <= rank(last.Severity):
		wrong = "told twice"
	case a.State == status.AlertFiring && (quiet != "" || !listed):
		wrong = "told, and nobody wants to hear it"
	case a.State == status.AlertFiring && !l.back && a.Fired.Equal(now) && now.Sub(a.Since) < a.For:
		wrong = "told too early"
	}
	if wrong != "" {
		l.Fatalf("seed %d: %s: %+v after %+v", l.seed, wrong, a, last)
	}
	l.heard[a.Key()] = a
}

// silent lets two days pass without conditions: everybody hears of the end, and nothing is left.
func (l *listener) silent(s State, now time.Time) {
	for range 49 {
		now = now.Add(time.Hour)
		var told []status.Alert
		s, told = s.Step(now, nil, Quiet{}, map[string]string{"host": "h"}, nil)
		for _, a := range told {
			l.hear(a, now, Quiet{}, nil)
		}
	}
	for _, a := range l.heard {
		if a.State != status.AlertResolved {
			l.Fatalf("seed %d: nobody heard of the end of %+v", l.seed, a)
		}
	}
	if len(s.tracked) != 0 {
		l.Fatalf("seed %d: two days later there is still %s", l.seed, text(l, s))
	}
}

// A caller that steps only when something changes, and at Next, tells the same at the same time as one that steps each
// second.
func TestNextIsEnough(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 7))
		var lazy, eager State
		var q Quiet
		var heardLazy, heardEager []string
		var conditions []status.Condition
		told := func(now time.Time, alerts []status.Alert) (lines []string) {
			for _, a := range alerts {
				lines = append(lines, fmt.Sprint(now.Sub(start), " ", describe([]status.Alert{a}), a.Subject))
			}
			return lines
		}
		for second := range 3 * 3600 {
			now := start.Add(time.Duration(second) * time.Second)
			changed := r.IntN(120) == 0
			if changed {
				conditions = someConditions(r)
			}
			if r.IntN(900) == 0 {
				q, _, _ = q.Silence(status.Silence{Condition: All, From: now, Until: now.Add(time.Duration(1+r.IntN(900)) * time.Second)})
				changed = true
			}
			var alerts []status.Alert
			eager, alerts = eager.Step(now, conditions, q, nil, nil)
			heardEager = append(heardEager, told(now, alerts)...)
			if at := lazy.Next(); changed || !at.IsZero() && !at.After(now) {
				lazy, alerts = lazy.Step(now, conditions, q, nil, nil)
				heardLazy = append(heardLazy, told(now, alerts)...)
			}
		}
		if !slices.Equal(heardLazy, heardEager) || len(heardEager) == 0 {
			t.Fatalf("seed %d: step by step\n%v\nby Next\n%v", seed, heardEager, heardLazy)
		}
	}
}

func someConditions(r *rand.Rand) []status.Condition {
	var conditions []status.Condition
	for i := range 4 {
		if r.IntN(2) == 0 {
			continue
		}
		conditions = append(conditions, status.Condition{
			Name: pick(r, fmt.Sprint("c", i), "ServiceDown"), Subject: fmt.Sprint(i),
			Severity: pick(r, status.SeverityInfo, status.SeverityWarning, status.SeverityCritical),
			For:      time.Duration(i) * time.Minute, ClearAfter: time.Duration(r.IntN(3)) * time.Minute,
		})
	}
	return conditions
}

// someTime is mostly a few seconds or minutes, sometimes hours, and sometimes back.
func someTime(r *rand.Rand) time.Duration {
	switch r.IntN(20) {
	case 0:
		return time.Duration(r.Int64N(int64(30 * 24 * time.Hour)))
	case 1:
		return -time.Duration(r.Int64N(int64(3 * time.Hour)))
	}
	return time.Duration(r.Int64N(int64(2 * time.Minute)))
}

func pick(r *rand.Rand, texts ...string) string { return texts[r.IntN(len(texts))] }
