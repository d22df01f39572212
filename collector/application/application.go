// Package application asks Nakama and CockroachDB what they say of themselves: Nakama's metrics page, CockroachDB's
// /_status/vars and its readiness.
//
// What they say is material to judge. Pages are read line by line within bounds of size and time, only the metrics that
// are used reach Prometheus' parser, and a number that cannot be is named and left out. Requests carry no credentials and
// follow no redirect.
//
// What may be concluded from it is beside it, as pure functions: Ceiling, ConnectionsWithoutSession, CockroachFlags.
package application

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Target is where an application answers.
type Target struct {
	Base string // http://127.0.0.1:9100
	// Prefix is Nakama's metrics.prefix; "" is its default, nakama. Names without a prefix are known in any case.
	Prefix string
	// Dial connects, perhaps in another network namespace; nil is our own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client asks one target. It holds no connection between two questions, and may be used by several at once.
type Client struct {
	base   *url.URL
	prefix string
	now    func() time.Time
	http   *http.Client
}

// New makes a Client; now gives the time of an answer.
func New(target Target, now func() time.Time) (*Client, error) {
	base, err := url.Parse(target.Base)
	switch {
	case err != nil:
		// The error of Parse repeats the address, and that may hold a password.
		return nil, errors.New("address of an application: want http://HOST:PORT")
	case base.User != nil:
		return nil, fmt.Errorf("address of an application: %s: want no credentials", base.Redacted())
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "", strings.Trim(base.Path, "/") != "", base.RawQuery != "":
		return nil, fmt.Errorf("address of an application: %.80q: want http://HOST:PORT", target.Base)
	}
	return &Client{
		base:   &url.URL{Scheme: base.Scheme, Host: base.Host},
		prefix: metricPrefix(target.Prefix),
		now:    now,
		http:   newHTTP(base, target.Dial),
	}, nil
}

// Nakama reads GET /metrics. Its gauges are up to a minute old. With an error, the Application names it as its Problem.
func (c *Client) Nakama(ctx context.Context) (status.Application, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	app := status.Application{URL: c.base.JoinPath("/metrics").String(), Time: c.now()}
	page, err := c.scrape(ctx, "/metrics", nakamaWords(c.prefix))
	if err != nil {
		return failed(app, "read Nakama's metrics", err)
	}
	page.nakama(&app, c.prefix)
	return app, nil
}

// Cockroach reads GET /_status/vars and asks whether the node is ready: one that drains is alive but not ready. What one
// of the two did not tell is absent, and the Problem; it is an error only if neither answered.
func (c *Client) Cockroach(ctx context.Context) (status.Application, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	app := status.Application{URL: c.base.JoinPath("/_status/vars").String(), Time: c.now()}
	ready, readyErr := c.ready(ctx)
	page, err := c.scrape(ctx, "/_status/vars", cockroachWords())
	if err == nil {
		page.cockroach(&app)
	}
	switch {
	case readyErr == nil:
		app.Ready = &ready
		if err != nil {
			app, _ = failed(app, "read CockroachDB's metrics", err)
		}
		return app, nil
	case err == nil:
		app, _ = failed(app, "ask whether CockroachDB is ready", readyErr)
		return app, nil
	}
	return failed(app, "read CockroachDB's metrics", err)
}

// ready asks for readiness, not for liveness: without ready=1 a draining node still answers 200.
func (c *Client) ready(ctx context.Context) (bool, error) {
	response, err := c.get(ctx, "/health", "ready=1")
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusServiceUnavailable:
		return false, nil
	}
	return false, fmt.Errorf("GET %s: answered %d", response.Request.URL, response.StatusCode)
}

func (c *Client) scrape(ctx context.Context, path string, words vocabulary) (page, error) {
	response, err := c.get(ctx, path, "")
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("GET %s: answered %d", response.Request.URL, response.StatusCode)
	}
	read, err := readPage(response.Body, words)
	if err != nil {
		return page{}, fmt.Errorf("GET %s: %w", response.Request.URL, err)
	}
	return read, nil
}

func failed(app status.Application, doing string, err error) (status.Application, error) {
	err = fmt.Errorf("%s: %w", doing, err)
	app.Problem = also(app.Problem, err.Error())
	return app, err
}

// also adds to a problem another.
func also(problem, another string) string {
	if problem == "" {
		return another
	}
	return problem + "; " + another
}

// drain reads the little that tells one answer from another.
func drain(response *http.Response) string {
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return ""
	}
	return string(text)
}
