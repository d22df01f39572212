package web

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/status"
)

// manyEvents is how many are answered where nobody says how many: where they go to Loki, far more are kept.
const manyEvents = 10000

// parseEventQuery reads after=N, since= (a time, or how long ago), kind=K (any number of times) and limit=N. A parameter that
// is not one of these is an error: a misspelt one would select everything.
func parseEventQuery(raw string, now time.Time) (status.EventQuery, error) {
	query := status.EventQuery{Limit: manyEvents}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query, fmt.Errorf("bad query: %w", err)
	}
	for key, given := range values {
		if key != "kind" && len(given) > 1 {
			return query, fmt.Errorf("bad query: %q is given %d times", key, len(given))
		}
		switch key {
		case "after":
			if query.After, err = strconv.ParseUint(given[0], 10, 64); err != nil {
				return query, fmt.Errorf("bad query: after=%q; want the sequence number of an event", given[0])
			}
		case "since":
			if query.Since, err = parseTime(given[0], now); err != nil {
				return query, fmt.Errorf("bad query: since=%w", err)
			}
		case "limit":
			if query.Limit, err = strconv.Atoi(given[0]); err != nil || query.Limit < 0 {
				return query, fmt.Errorf("bad query: limit=%q; want a number, 0 for all", given[0])
			}
		case "kind":
			query.Kinds = given
		default:
			return query, fmt.Errorf("bad query: unknown parameter %q; want after, since, kind or limit", key)
		}
	}
	return query, nil
}

// parseHistoryQuery reads since=, until= (a time, or how long ago), step= and unit=.
func parseHistoryQuery(raw string, now time.Time) (status.HistoryQuery, error) {
	var query status.HistoryQuery
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query, fmt.Errorf("bad query: %w", err)
	}
	for key, given := range values {
		if len(given) > 1 {
			return query, fmt.Errorf("bad query: %q is given %d times", key, len(given))
		}
		switch key {
		case "since":
			query.Since, err = parseTime(given[0], now)
		case "until":
			query.Until, err = parseTime(given[0], now)
		case "step":
			query.Step, err = parseStep(given[0])
		case "unit":
			if query.Unit = given[0]; query.Unit == "" {
				err = errors.New("unit is empty; want a name")
			}
		default:
			err = fmt.Errorf("unknown parameter %q; want since, until, step or unit", key)
		}
		if err != nil {
			return query, fmt.Errorf("bad query: %w", err)
		}
	}
	return query, nil
}

// parseTime reads a time, or how long ago it was.
func parseTime(text string, now time.Time) (time.Time, error) {
	if ago, err := model.ParseDuration(text); err == nil {
		return now.Add(-time.Duration(ago)), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is no time; want one like 2026-03-01T12:00:00Z, or how long ago, like 24h or 30d", text)
	}
	return at, nil
}

// parseStep reads a step. 0 is none that anybody means.
func parseStep(text string) (time.Duration, error) {
	step, err := model.ParseDuration(text)
	if err != nil || step == 0 {
		return 0, fmt.Errorf("step=%q; want one like 10s or 5m", text)
	}
	return time.Duration(step), nil
}
