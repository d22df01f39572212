package demo

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
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// readyLimit is how long a daemon may take to be ready, on a machine that does other things too.
const readyLimit = 15 * time.Second

// agent is the daemon of one host.
type agent struct {
	host    *lab.Host
	dir     string // configuration, state and log
	program string
	launch  func(*exec.Cmd) (process, error)
	process process // absent before start
}

// prepareAgent writes a configuration, for a daemon that does not run yet.
func prepareAgent(o Options, host *lab.Host, configuration any) (*agent, error) {
	a := &agent{host: host, dir: filepath.Join(o.Dir, host.Name), program: o.Program}
	a.launch = func(cmd *exec.Cmd) (process, error) { return host.Start(cmd) }
	if err := os.MkdirAll(a.state(), 0o700); err != nil {
		return nil, fmt.Errorf("host %s: %w", host.Name, err)
	}
	return a, a.configure(configuration)
}

// configure writes a configuration. A daemon that runs takes it over by reload.
func (a *agent) configure(configuration any) error {
	text, err := yaml.Marshal(configuration)
	if err == nil {
		err = os.WriteFile(a.config(), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("host %s: write configuration: %w", a.host.Name, err)
	}
	return nil
}

func (a *agent) config() string { return filepath.Join(a.dir, "config.yaml") }
func (a *agent) state() string  { return filepath.Join(a.dir, "state") }
func (a *agent) log() string    { return filepath.Join(a.dir, "log") }

// start starts the daemon. What it says is appended to the log.
func (a *agent) start() error {
	log, err := os.OpenFile(a.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("host %s: %w", a.host.Name, err)
	}
	defer log.Close() // the daemon has its own descriptor
	cmd := exec.Command(a.program, "run", "--config", a.config(), "--state", a.state())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment()
	a.process, err = a.launch(cmd)
	return err
}

// environment is ours without what a service manager told us: the daemons must not answer in our name.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "NOTIFY_SOCKET=") || strings.HasPrefix(variable, "WATCHDOG_") ||
			strings.HasPrefix(variable, "LISTEN_")
	})
}

// awaitReady waits until the daemon says that the rules were read back.
func (a *agent) awaitReady(ctx context.Context) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return nil, err
			}
			return a.host.Dial(ctx, to)
		},
	}}
	last := "no answer"
	ready := await(ctx, readyLimit, func() bool {
		answer, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/-/ready", webPort))
		if err != nil {
			last = err.Error()
			return a.ended()
		}
		answer.Body.Close()
		last = answer.Status
		return answer.StatusCode == http.StatusOK
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case a.ended():
		return fmt.Errorf("host %s: the daemon ended: %v\n%s", a.host.Name, a.process.Wait(), a.lastWords())
	case !ready:
		return fmt.Errorf("host %s: not ready after %s: %s\n%s", a.host.Name, readyLimit, last, a.lastWords())
	}
	return nil
}

func (a *agent) ended() bool {
	select {
	case <-a.process.Done():
		return true
	default:
		return false
	}
}

// lastWords is the end of the daemon's log.
func (a *agent) lastWords() string {
	text, err := os.ReadFile(a.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// status asks the daemon for everything it knows.
func (a *agent) status(ctx context.Context) (status.Host, error) {
	var h status.Host
	text, err := a.host.Output(ctx, a.program, "status", "--state", a.state(), "--config", a.config(), "-o", "json")
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("host %s: read status: %w", a.host.Name, err)
	}
	return h, nil
}

// events asks the daemon for what has happened since the event with a sequence number.
func (a *agent) events(ctx context.Context, since uint64) ([]status.Event, error) {
	text, err := a.host.Output(ctx, a.program, "events", "--state", a.state(), "--config", a.config(), "-o", "json")
	if err != nil {
		return nil, err
	}
	var events []status.Event
	for lines := json.NewDecoder(bytes.NewReader(text)); ; {
		var e status.Event
		err := lines.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return nil, fmt.Errorf("host %s: read events: %w", a.host.Name, err)
		case e.Sequence > since:
			events = append(events, e)
		}
	}
}

// lastEvent is the sequence number of the newest event.
func (a *agent) lastEvent(ctx context.Context) (uint64, error) {
	events, err := a.events(ctx, 0)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	return events[len(events)-1].Sequence, nil
}

// enforcing says whether the kernel was read back and holds the policy: "enforcing", or what is the case instead.
func (a *agent) enforcing(ctx context.Context) string {
	h, err := a.status(ctx)
	switch {
	case err != nil:
		return err.Error()
	case h.Firewall.State != "enforcing":
		return strings.TrimSpace(h.Firewall.State + " " + h.Firewall.Problem)
	case !h.Firewall.Verified:
		return "not verified"
	}
	for _, s := range h.Services {
		if !s.Enforced {
			return fmt.Sprintf("%s is not enforced: %s", s.Name, s.Reason)
		}
	}
	return enforcing
}

const enforcing = "enforcing"

// found is the programs that the daemon guards, or why that is not known.
func (a *agent) found(ctx context.Context) string {
	h, err := a.status(ctx)
	switch {
	case err != nil:
		return err.Error()
	case h.Sample == nil || len(h.Sample.Units) == 0:
		return "nothing"
	}
	var programs []string
	for _, u := range h.Sample.Units {
		programs = append(programs, u.Program)
	}
	return strings.Join(programs, ", ")
}
