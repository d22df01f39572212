package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// learnLimit is how long the daemon may take to have seen enough: several windows, or the next exact count (every 10 s).
const learnLimit = 30 * time.Second

func (c *Capacity) startServer(descriptors int) (err error) {
	if c.server, err = startServer(c.daemon.host, c.nakama(), c.options.Serve, descriptors); err != nil {
		return err
	}
	c.bare, err = c.memory()
	return err
}

// startServer starts the server on a host and waits until it listens. The program has the name that the daemon looks for.
func startServer(host *lab.Host, program string, serve []string, descriptors int) (*lab.Process, error) {
	return launch(host.Start, program, append(slices.Clone(serve), strconv.Itoa(descriptors))...)
}

// memory is what the kernel says that the server has: VmRSS, in bytes.
func (c *Capacity) memory() (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.server.PID))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 54)
			return kib << 10, err
		}
	}
	return 0, errors.New("the server has ended: its memory is told no more")
}

// measure remembers what the present number of connections takes.
func (c *Capacity) measure() error {
	now, err := c.memory()
	c.really[c.crowd.size()] = now
	return err
}

// forEach is what each of so many connections really took.
func (c *Capacity) forEach(n uint64) float64 {
	return (float64(c.really[n]) - float64(c.bare)) / float64(n)
}

func (c *Capacity) startDaemon(ctx context.Context) error {
	if err := c.daemon.start(); err != nil {
		return err
	}
	return c.daemon.awaitReady(ctx)
}

// view is what the daemon says at one moment.
type view struct {
	machine  status.Machine
	unit     status.Unit
	capacity status.Capacity
	inMemory status.Resource
}

func (v view) connections() uint64 {
	var sum uint64
	for _, p := range v.unit.Ports {
		sum += p.Connections
	}
	return sum
}

// known is "known", or the reason why not.
func (v view) known() string {
	if v.capacity.Known {
		return known
	}
	return "not known: " + v.capacity.Reason
}

const known = "known"

// verdict is how many fit, with certainty and as expected, and what binds.
func (v view) verdict() string {
	if !v.capacity.Known {
		return "not known"
	}
	return fmt.Sprintf("%d, %d: %s", v.capacity.Fits, v.capacity.Expected, v.capacity.Binding)
}

// client asks the daemon by its socket.
func (a *agent) client() (*control.Client, error) {
	return control.Dial(filepath.Join(a.state(), "control.sock"))
}

// look asks the daemon. It is an error while it has not measured the server yet.
func (c *Capacity) look(ctx context.Context) (view, error) {
	client, err := c.daemon.client()
	if err != nil {
		return view{}, err
	}
	host, err := client.Status(ctx)
	if err != nil {
		return view{}, err
	}
	if host.Sample != nil {
		for _, u := range host.Sample.Units {
			if u.Capacity == nil || u.PID != c.server.PID {
				continue
			}
			v := view{machine: host.Sample.Machine, unit: u, capacity: *u.Capacity}
			if i := slices.IndexFunc(u.Capacity.Resources, func(r status.Resource) bool { return r.Name == "memory" }); i >= 0 {
				v.inMemory = u.Capacity.Resources[i]
			}
			return v, nil
		}
	}
	return view{}, errors.New("the daemon has not found the server")
}

// awaitView waits until the daemon says what is wanted. Otherwise it is an error that says what it said last.
func (c *Capacity) awaitView(ctx context.Context, wanted string, is func(view) bool) (view, error) {
	var last view
	var err error
	if await(ctx, learnLimit, func() bool {
		last, err = c.look(ctx)
		return err == nil && is(last)
	}) {
		return last, nil
	}
	if err == nil {
		err = fmt.Errorf("%d connections, %s", last.connections(), last.known())
	}
	return last, fmt.Errorf("the daemon did not see %s within %s: %w\n%s", wanted, learnLimit, err, c.daemon.lastWords())
}

// awaitCount waits until the daemon counts the players.
func (c *Capacity) awaitCount(ctx context.Context) (view, error) {
	return c.awaitView(ctx, fmt.Sprintf("%d connections", c.crowd.size()), func(v view) bool { return v.connections() == c.crowd.size() })
}

// model asks the running daemon what a number of connections takes.
func (c *Capacity) model(ctx context.Context, connections uint64) (status.Forecast, error) {
	client, err := c.daemon.client()
	if err != nil {
		return status.Forecast{}, err
	}
	return client.Forecast(ctx, status.ForecastRequest{Connections: connections})
}

// awaitModel waits until what the daemon has learnt is as wanted.
func (c *Capacity) awaitModel(ctx context.Context, wanted string, is func(status.Forecast) bool) (status.Forecast, error) {
	var last status.Forecast
	var err error
	if await(ctx, learnLimit, func() bool {
		last, err = c.model(ctx, threeTimes)
		return err == nil && is(last)
	}) {
		return last, nil
	}
	return last, errors.Join(fmt.Errorf("the daemon did not learn from %s within %s", wanted, learnLimit), err)
}

// awaitWindow waits until the daemon has learnt from another window: every one changes the model, if only a little.
func (c *Capacity) awaitWindow(ctx context.Context) (status.Forecast, error) {
	before, err := c.model(ctx, threeTimes)
	if err != nil {
		return before, err
	}
	return c.awaitModel(ctx, "another window", func(f status.Forecast) bool { return f.BytesPerConnection != before.BytesPerConnection })
}

// forecast runs the command. With a running daemon it is that which answers, without one what it has stored.
func (c *Capacity) forecast(ctx context.Context, connections uint64) (status.Forecast, error) {
	var f status.Forecast
	text, err := c.daemon.host.Output(ctx, c.options.Program, "forecast", "--state", c.daemon.state(), "--config", c.daemon.config(),
		"--connections", strconv.FormatUint(connections, 10), "-o", "json")
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("read forecast: %w", err)
	}
	return f, nil
}
