package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/nakama-warden/nakama-warden/status"
)

// Client is a running daemon as a Backend. Errors of the daemon's Backend keep their text, not their type.
type Client struct {
	http   *http.Client
	daemon Credentials
}

var _ Backend = (*Client)(nil)

// Dial finds the daemon behind the socket. The error is ErrNoDaemon if there is none; verbs return it too if the
// daemon ends later.
func Dial(path string) (*Client, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	daemon, err := probe(context.Background(), path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	// A command asks once or twice: connections that stay open would only have to be closed.
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, daemon: daemon}, nil
}

// DaemonPID is the process that listens, also while it does not answer.
func (c *Client) DaemonPID() int { return c.daemon.PID }

// Status returns what the daemon knows about its host.
func (c *Client) Status(ctx context.Context) (status.Host, error) {
	return call[status.Host](ctx, c, "status", nothing{})
}

// Plan returns what applying the declared policy would change.
func (c *Client) Plan(ctx context.Context, r status.PlanRequest) (status.Plan, error) {
	return call[status.Plan](ctx, c, "plan", r)
}

// Apply puts the declared policy into the kernel.
func (c *Client) Apply(ctx context.Context, r status.ApplyRequest) (status.Applied, error) {
	return call[status.Applied](ctx, c, "apply", r)
}

// Confirm keeps a change that would be taken back.
func (c *Client) Confirm(ctx context.Context) (status.Applied, error) {
	return call[status.Applied](ctx, c, "confirm", nothing{})
}

// Remove takes the rules out of the kernel.
func (c *Client) Remove(ctx context.Context, r status.RemoveRequest) (status.Applied, error) {
	return call[status.Applied](ctx, c, "remove", r)
}

// Pause lets everything in for a while.
func (c *Client) Pause(ctx context.Context, r status.PauseRequest) (status.Applied, error) {
	return call[status.Applied](ctx, c, "pause", r)
}

// Revoke takes an address out of every group.
func (c *Client) Revoke(ctx context.Context, r status.RevokeRequest) (status.Applied, error) {
	return call[status.Applied](ctx, c, "revoke", r)
}

// Reload reads the configuration again.
func (c *Client) Reload(ctx context.Context) error {
	_, err := call[nothing](ctx, c, "reload", nothing{})
	return err
}

// Explain says whether source would reach port, and why.
func (c *Client) Explain(ctx context.Context, source netip.Addr, port uint16) (status.Explanation, error) {
	return call[status.Explanation](ctx, c, "explain", explainRequest{Source: source, Port: port})
}

// Forecast says how much memory a number of connections takes.
func (c *Client) Forecast(ctx context.Context, r status.ForecastRequest) (status.Forecast, error) {
	return call[status.Forecast](ctx, c, "forecast", r)
}

// Silence keeps a condition from being told for a while.
func (c *Client) Silence(ctx context.Context, r status.SilenceRequest) (status.Silenced, error) {
	return call[status.Silenced](ctx, c, "silence", r)
}

// Maintenance begins a maintenance or ends it.
func (c *Client) Maintenance(ctx context.Context, r status.MaintenanceRequest) (status.Silenced, error) {
	return call[status.Silenced](ctx, c, "maintenance", r)
}

// TestAlert sends a labelled test through every receiver.
func (c *Client) TestAlert(ctx context.Context) ([]status.ReceiverTest, error) {
	return call[[]status.ReceiverTest](ctx, c, "test-alert", nothing{})
}

// Events returns the stored events that q selects.
func (c *Client) Events(ctx context.Context, q status.EventQuery) ([]status.Event, error) {
	return call[[]status.Event](ctx, c, "events", q)
}

// AcceptShrink lets the held addresses of a group go.
func (c *Client) AcceptShrink(ctx context.Context, group string) (status.Applied, error) {
	return call[status.Applied](ctx, c, "accept-shrink", acceptShrinkRequest{Group: group})
}

// Follow calls each for every event after a sequence and for those to come, until ctx ends (nil), each fails (its
// error) or the daemon ends (ErrNoDaemon).
func (c *Client) Follow(ctx context.Context, after uint64, each func(status.Event) error) error {
	body, err := c.post(ctx, "follow", followRequest{After: after})
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { _ = body.Close() }() // nothing was written: closing loses nothing
	lines := json.NewDecoder(body)
	for {
		var line followed
		if err := lines.Decode(&line); err != nil {
			return unlessEnded(ctx, fmt.Errorf("follow events: %w any more (%w)", ErrNoDaemon, err))
		}
		if line.Event == nil {
			return errors.New(line.Error)
		}
		if err := each(*line.Event); err != nil {
			return err
		}
	}
}

// unlessEnded returns nil in place of an error that only says that ctx ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func call[Result any](ctx context.Context, c *Client, verb string, arguments any) (Result, error) {
	var result Result
	body, err := c.post(ctx, verb, arguments)
	if err != nil {
		return result, err
	}
	defer func() { _ = body.Close() }() // nothing was written: closing loses nothing
	if err := json.NewDecoder(body).Decode(&result); err != nil {
		return result, fmt.Errorf("read answer to %s: %w", verb, err)
	}
	return result, nil
}

// post sends one verb and returns the body of a good answer, to be closed by the caller.
func (c *Client) post(ctx context.Context, verb string, arguments any) (io.ReadCloser, error) {
	text, err := json.Marshal(arguments)
	if err != nil {
		return nil, fmt.Errorf("write request %s: %w", verb, err)
	}
	// The host of the URL is never resolved: the transport dials the socket.
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://nakama-warden"+prefix+verb, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("write request %s: %w", verb, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask nakama-warden: %w", unanswered(ctx, err))
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer func() { _ = answer.Body.Close() }()
	return nil, refusal(verb, answer)
}

// unanswered says why there is no answer: a daemon that ends after it was reached is none any more.
func unanswered(ctx context.Context, err error) error {
	var operation *net.OpError
	if ctx.Err() != nil || errors.As(err, &operation) && operation.Op == "dial" {
		return absent(err)
	}
	return fmt.Errorf("%w any more (%w)", ErrNoDaemon, err)
}

// refusal makes an error of an answer that is not 200. Only the Backend's words count, so they stand alone.
func refusal(verb string, answer *http.Response) error {
	var f failure
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxRequest))
	if err == nil && json.Unmarshal(text, &f) == nil && f.Error != "" {
		return errors.New(f.Error)
	}
	if answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("the running nakama-warden does not know %q: restart it after an upgrade", verb)
	}
	return fmt.Errorf("ask nakama-warden: %s: %s", verb, answer.Status)
}
