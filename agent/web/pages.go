package web

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/web/page"
	"github.com/nakama-warden/nakama-warden/status"
)

// monthKept is how long the last 30 days are drawn as they were read: a step of them is hours long.
const monthKept = 5 * time.Minute

// hostPage answers /. It makes one page at a time: the host is the game's.
type hostPage struct {
	Options
	page *page.Page

	mu    sync.Mutex // guards what follows, and holds up a second page until the first is made
	month status.History
	read  time.Time // when month was
}

func host(o Options) http.Handler { return &hostPage{Options: o, page: page.New()} }

func (h *hostPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	made, err := h.current(r.URL.Query().Get("unit"))
	if err != nil {
		h.Log.Error("the page cannot be made", "error", err)
		http.Error(w, "the page cannot be made: see the log of nakama-warden", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = made.WriteTo(w) // fails only if the client has gone
}

// current is the page of the last snapshot.
func (h *hostPage) current(unit string) (*bytes.Buffer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	snapshot := h.Host()
	snapshot.Version = h.Version
	made := new(bytes.Buffer)
	return made, h.page.Write(made, h.known(snapshot, unit))
}

// known reads what a page shows. What cannot be read is named on it: the rest is worth seeing all the same.
func (h *hostPage) known(snapshot status.Host, unit string) page.Known {
	k := page.Known{Host: snapshot, Unit: unit}
	now := h.Now()
	var err error
	if k.Day, err = h.History(status.HistoryQuery{Since: now.Add(-24 * time.Hour), Step: page.DayStep}); err != nil {
		h.missing(&k, "The last 24 hours", err)
	}
	if now.Sub(h.read) >= monthKept || now.Before(h.read) {
		if h.month, err = h.History(status.HistoryQuery{Since: now.Add(-30 * 24 * time.Hour), Step: page.MonthStep}); err != nil {
			h.missing(&k, "The last 30 days", err)
		} else {
			h.read = now
		}
	}
	k.Month = h.month
	if k.Events, err = h.Events(status.EventQuery{Limit: page.Events}); err != nil {
		h.missing(&k, "What happened", err)
	}
	return k
}

func (h *hostPage) missing(k *page.Known, what string, err error) {
	h.Log.Error("not on the page", "what", what, "error", err)
	k.Missing = append(k.Missing, what+" cannot be read: see the log of nakama-warden")
}
