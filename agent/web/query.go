package web

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/nakama-warden/nakama-warden/status"
)

// parseEventQuery reads after=N, kind=K (any number of times) and limit=N. A parameter that is not one of these is an
// error: a misspelt one would select everything.
func parseEventQuery(raw string) (status.EventQuery, error) {
	var query status.EventQuery
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
		case "limit":
			if query.Limit, err = strconv.Atoi(given[0]); err != nil || query.Limit < 0 {
				return query, fmt.Errorf("bad query: limit=%q; want a number, 0 for all", given[0])
			}
		case "kind":
			query.Kinds = given
		default:
			return query, fmt.Errorf("bad query: unknown parameter %q; want after, kind or limit", key)
		}
	}
	return query, nil
}
