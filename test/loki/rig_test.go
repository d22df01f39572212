// Package loki holds the daemon to what it says of Loki: with a push endpoint of our own that does not behave, and with a
// real Loki.
package loki

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m.Run) }

// patience is how long something may take that is awaited.
const patience = 60 * time.Second

// port is Loki's own.
const port = 3100

// rig is a host with a daemon that sends to its loopback.
type rig struct {
	*testing.T
	host    *lab.Host
	dir     string
	program string
}

func newRig(t *testing.T, program string) *rig {
	r := &rig{T: t, host: lab.Namespace(t), dir: t.TempDir(), program: program}
	r.write("config.yaml", fmt.Sprintf(`
roles: [nakama]
firewall: {mode: enforce, grip: watched}
web: {listen: "127.0.0.1:9735"}
alerting: {labels: {cluster: test}}
loki: {url: "http://127.0.0.1:%d/loki/api/v1/push"}
`, port))
	return r
}

// program is what NAKAMA_WARDEN_PROGRAM names, or built now.
func program(t *testing.T) string {
	t.Helper()
	if built := os.Getenv("NAKAMA_WARDEN_PROGRAM"); built != "" {
		return built
	}
	path := filepath.Join(t.TempDir(), "nakama-warden")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/nakama-warden")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nakama-warden: %v\n%s", err, out)
	}
	return path
}

func (r *rig) write(name, text string) (path string) {
	r.Helper()
	path = filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

// start starts a program whose output is kept in a file, which a failed test shows.
func (r *rig) start(name string, args ...string) *lab.Process {
	r.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, filepath.Base(name)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the program has its own descriptor
	cmd := exec.CommandContext(context.WithoutCancel(r.Context()), name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := r.host.Start(cmd)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if text, err := os.ReadFile(log.Name()); err == nil && r.Failed() {
			r.Logf("%s\n%s", log.Name(), text[max(0, len(text)-8<<10):])
		}
	})
	return p
}

// daemon starts nakama-warden and waits until its rules stand.
func (r *rig) daemon() *lab.Process {
	r.Helper()
	p := r.start(r.program, "run", "--config", filepath.Join(r.dir, "config.yaml"), "--state", filepath.Join(r.dir, "state"))
	r.await("the daemon is ready", func() bool {
		_, err := r.get(9735, "/-/ready")
		return err == nil
	})
	return p
}

// stop asks a process to end, and returns how long it took.
func (r *rig) stop(p *lab.Process) time.Duration {
	r.Helper()
	began := time.Now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		r.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(patience):
		r.Fatal("the process does not end")
	}
	if err := p.Wait(); err != nil {
		r.Errorf("the process ended with %v", err)
	}
	return time.Since(began)
}

// tamper deletes the daemon's table, which is a drift by nft.
func (r *rig) tamper() {
	r.Helper()
	if _, err := r.host.Output(r.Context(), "nft", "delete", "table", "inet", "nakama_warden"); err != nil {
		r.Fatal(err)
	}
}

// get asks a server on the host's loopback.
func (r *rig) get(port uint16, path string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return r.host.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
		}}}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// await looks until something holds. What is looked at is another process, which does not say when to look.
func (r *rig) await(what string, holds func() bool) {
	r.Helper()
	deadline := time.After(patience)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			r.Fatalf("never came: %s", what)
		}
	}
}
