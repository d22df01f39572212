// Package web is what a host shows over HTTP: metrics, a JSON API, health. It is read-only.
//
// Everything is read from one status.Host per request: nothing here measures, and nothing here can change the host.
// TLS and basic authentication are the exporter-toolkit's, by its web configuration file.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/nakama-warden/nakama-warden/status"
)

// Options say what is shown, and where.
type Options struct {
	Host   func() status.Host                              // the last snapshot
	Ready  func() bool                                     // the rules were read back from the kernel at least once
	Events func(status.EventQuery) ([]status.Event, error) // of the store
	// History answers what was measured before. Its error says what is wrong with the query.
	History func(status.HistoryQuery) (status.History, error)
	Now     func() time.Time // time.Now if nil

	Listen     string // host:port
	ConfigFile string // the exporter-toolkit's; empty: neither TLS nor authentication
	Log        *slog.Logger
	Version    string
}

// shutdownTimeout is what answers under way get at the end; the whole daemon has 5 s.
const shutdownTimeout = 2 * time.Second

// Serve listens and answers until ctx ends, when it returns nil.
func Serve(ctx context.Context, o Options) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return ServeListener(ctx, l, o)
}

// ServeListener is Serve on a listener that is there already. It closes l.
func ServeListener(ctx context.Context, l net.Listener, o Options) error {
	defer func() { _ = l.Close() }() // the server has closed it, unless the configuration file was refused
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	server := newServer(ctx, o)
	flags := &toolkit.FlagConfig{WebConfigFile: &o.ConfigFile}
	served := make(chan error, 1)
	go func() { served <- toolkit.Serve(l, server, flags, o.Log) }()
	select {
	case err := <-served:
		if o.ConfigFile != "" {
			return fmt.Errorf("serve HTTP on %s with %s: %w", l.Addr(), o.ConfigFile, err)
		}
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		o.Log.Warn("connections cut at the end", "error", errors.Join(err, server.Close()))
	}
	<-served
	return nil
}

// newServer bounds what a client can hold: an agent shares a small host with the game.
func newServer(ctx context.Context, o Options) *http.Server {
	return &http.Server{
		Handler:           Handler(o),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute, // longer than a scrape interval: Prometheus keeps its connection
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
}
