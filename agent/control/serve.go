package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

const (
	maxRequest = 64 << 10
	// shutdownTimeout is what answers under way get at the end; the whole daemon has 5 s.
	shutdownTimeout = 2 * time.Second
)

// Serve answers on l, which it closes, until ctx ends: then verbs under way end with it and Serve returns nil.
func Serve(ctx context.Context, l net.Listener, b Backend) error {
	server := &http.Server{
		Handler:           handler(b),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve control socket: %w", errors.Join(err, server.Close()))
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // somebody does not read the answer; there is nobody left to tell
	}
	<-served
	return nil
}

func handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	handle(mux, "status", func(ctx context.Context, _ nothing) (status.Host, error) { return b.Status(ctx) })
	handle(mux, "plan", b.Plan)
	handle(mux, "apply", b.Apply)
	handle(mux, "confirm", func(ctx context.Context, _ nothing) (status.Applied, error) { return b.Confirm(ctx) })
	handle(mux, "remove", b.Remove)
	handle(mux, "pause", b.Pause)
	handle(mux, "revoke", b.Revoke)
	handle(mux, "reload", func(ctx context.Context, _ nothing) (nothing, error) { return nothing{}, b.Reload(ctx) })
	handle(mux, "events", b.Events)
	handle(mux, "forecast", b.Forecast)
	handle(mux, "silence", b.Silence)
	handle(mux, "maintenance", b.Maintenance)
	handle(mux, "test-alert", func(ctx context.Context, _ nothing) ([]status.ReceiverTest, error) { return b.TestAlert(ctx) })
	handle(mux, "explain", func(ctx context.Context, r explainRequest) (status.Explanation, error) {
		return b.Explain(ctx, r.Source, r.Port)
	})
	handle(mux, "accept-shrink", func(ctx context.Context, r acceptShrinkRequest) (status.Applied, error) {
		return b.AcceptShrink(ctx, r.Group)
	})
	mux.HandleFunc("POST "+prefix+"follow", func(w http.ResponseWriter, r *http.Request) { follow(w, r, b) })
	return mux
}

// handle serves one verb: Arguments come in as JSON, the Result goes out as JSON.
func handle[Arguments, Result any](mux *http.ServeMux, verb string, do func(context.Context, Arguments) (Result, error)) {
	mux.HandleFunc("POST "+prefix+verb, func(w http.ResponseWriter, r *http.Request) {
		var arguments Arguments
		if !read(w, r, &arguments) {
			return
		}
		result, err := do(r.Context(), arguments)
		if err != nil {
			write(w, http.StatusInternalServerError, failure{Error: err.Error()})
			return
		}
		write(w, http.StatusOK, result)
	})
}

// read decodes the arguments; if it cannot, it answers and returns false.
func read(w http.ResponseWriter, r *http.Request, arguments any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	decoder.DisallowUnknownFields() // an argument that an older daemon does not know must not be lost silently
	if err := decoder.Decode(arguments); err != nil {
		write(w, http.StatusBadRequest, failure{Error: "read request: " + err.Error()})
		return false
	}
	return true
}

func write(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value) // fails only if the client has gone
}

func follow(w http.ResponseWriter, r *http.Request, b Backend) {
	var arguments followRequest
	if !read(w, r, &arguments) {
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines, stream := json.NewEncoder(w), http.NewResponseController(w)
	if stream.Flush() != nil { // the headers: the client knows at once that it follows
		return
	}
	// A client that does not read would hold up the end in a write that no context reaches; a deadline does.
	stop := context.AfterFunc(r.Context(), func() { _ = stream.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	err := b.Follow(r.Context(), arguments.After, func(e status.Event) error {
		if err := lines.Encode(followed{Event: &e}); err != nil {
			return err
		}
		return stream.Flush()
	})
	if err != nil && r.Context().Err() == nil {
		_ = lines.Encode(followed{Error: err.Error()}) // fails only if the client has gone
	}
}
