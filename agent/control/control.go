// Package control is the local socket: what the command line asks of a running daemon.
//
// Every verb is one method of Backend. The daemon serves its own Backend on a Unix socket that only its user can
// open, and Client is the same Backend at the other end, so that a command does not care which side it talks to. The
// wire is HTTP: each verb a POST of its arguments in JSON, answered by its result or {"error": …}; Follow answers with
// one JSON value a line.
package control

import (
	"context"
	"errors"
	"net/netip"

	"github.com/nakama-warden/nakama-warden/status"
)

// Backend is what a daemon can be asked. All verbs end with their context.
type Backend interface {
	Status(context.Context) (status.Host, error)
	Plan(context.Context, status.PlanRequest) (status.Plan, error)
	Apply(context.Context, status.ApplyRequest) (status.Applied, error)
	// Confirm keeps what an Apply with RevertAfter put into the kernel.
	Confirm(context.Context) (status.Applied, error)
	Remove(context.Context, status.RemoveRequest) (status.Applied, error)
	Pause(context.Context, status.PauseRequest) (status.Applied, error)
	Revoke(context.Context, status.RevokeRequest) (status.Applied, error)
	Reload(context.Context) error
	Explain(ctx context.Context, source netip.Addr, port uint16) (status.Explanation, error)
	Forecast(context.Context, status.ForecastRequest) (status.Forecast, error)
	// Silence begins a silence or ends one; Maintenance likewise. Both tell what is silent then.
	Silence(context.Context, status.SilenceRequest) (status.Silenced, error)
	Maintenance(context.Context, status.MaintenanceRequest) (status.Silenced, error)
	// TestAlert sends a labelled test through every receiver.
	TestAlert(context.Context) ([]status.ReceiverTest, error)
	Events(context.Context, status.EventQuery) ([]status.Event, error)
	// Follow calls each for every event with a greater sequence, oldest first, then as they come. It returns the error
	// of each, or nil when ctx ends.
	Follow(ctx context.Context, after uint64, each func(status.Event) error) error
	// AcceptShrink lets the held addresses of a group go.
	AcceptShrink(ctx context.Context, group string) (status.Applied, error)
}

// ErrNoDaemon says that nobody listens on the socket: a command then acts by itself.
var ErrNoDaemon = errors.New("no nakama-warden is running")

// prefix is the version of the wire. A client and a daemon of different versions meet during an upgrade.
const prefix = "/v1/"

// The verbs that have arguments, on the wire.
type (
	explainRequest struct {
		Source netip.Addr `json:"source"`
		Port   uint16     `json:"port"`
	}
	followRequest struct {
		After uint64 `json:"after"`
	}
	acceptShrinkRequest struct {
		Group string `json:"group"`
	}
	// nothing is the argument or the result of a verb that has none.
	nothing struct{}
)

// failure is the body of an answer that is an error.
type failure struct {
	Error string `json:"error"`
}

// followed is one line of the answer to Follow: an event, or the error that ended it.
type followed struct {
	Event *status.Event `json:"event,omitempty"`
	Error string        `json:"error,omitempty"`
}
