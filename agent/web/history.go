package web

import (
	"encoding/json"
	"net/http"

	"github.com/nakama-warden/nakama-warden/status"
)

// history answers /api/v1/history. One answer is put together at a time: it may take tens of megabytes, on a host whose
// memory is the game's.
func history(o Options) http.Handler {
	turn := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := parseHistoryQuery(r.URL.RawQuery, o.Now())
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		select {
		case turn <- struct{}{}:
		case <-r.Context().Done():
			return // nobody waits for it any more
		}
		code, text := o.history(query, turn)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(text) // fails only if the client has gone
	})
}

// history gives the turn to the next: a client that reads slowly holds nobody up.
func (o Options) history(query status.HistoryQuery, turn <-chan struct{}) (code int, text []byte) {
	defer func() { <-turn }()
	found, err := o.History(query)
	if err == nil {
		text, err = json.Marshal(found)
	}
	if err != nil {
		// A string is always told.
		text, _ = json.Marshal(problem{"bad query: " + err.Error()})
		return http.StatusBadRequest, text
	}
	return http.StatusOK, text
}
