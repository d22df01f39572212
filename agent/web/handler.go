package web

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/web/page"
	"github.com/nakama-warden/nakama-warden/status"
)

// Handler answers every route. Only GET and HEAD exist.
func Handler(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics(o))
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, o.Host())
	})
	mux.HandleFunc("GET /api/v1/events", o.events)
	mux.Handle("GET /api/v1/history", history(o))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "healthy") // fails only if the client has gone
	})
	mux.HandleFunc("GET /-/ready", o.ready)
	mux.Handle("GET /{$}", host(o))
	mux.Handle("GET /static/{file}", http.StripPrefix("/static/", http.FileServerFS(page.Static())))
	return guarded(mux)
}

// contentPolicy lets a page load what we serve, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guarded adds the headers that keep a browser from doing anything with an answer but showing it.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (o Options) events(w http.ResponseWriter, r *http.Request) {
	query, err := parseEventQuery(r.URL.RawQuery, o.Now())
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	events, err := o.Events(query)
	if err != nil {
		// The error names files of this host: it is for the log, not for whoever asks.
		o.Log.Error("events cannot be read", "error", err)
		refuse(w, http.StatusInternalServerError, "events cannot be read: see the log of nakama-warden")
		return
	}
	if events == nil {
		events = []status.Event{} // [] and not null: every client can loop over it
	}
	answer(w, http.StatusOK, events)
}

// ready tells whoever starts the game after the firewall that the rules stand.
func (o Options) ready(w http.ResponseWriter, _ *http.Request) {
	if o.Ready() {
		_, _ = fmt.Fprintln(w, "ready") // fails only if the client has gone
		return
	}
	firewall := o.Host().Firewall
	reason := "not ready: the rules were not yet read back from the kernel (" + firewall.State
	if firewall.Problem != "" {
		reason += ": " + firewall.Problem
	}
	http.Error(w, reason+")", http.StatusServiceUnavailable)
}

func answer(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value) // fails only if the client has gone
}

// problem is the answer to what cannot be answered.
type problem struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, code int, why string) {
	answer(w, code, problem{why})
}
