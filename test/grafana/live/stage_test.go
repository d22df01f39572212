// Package live asks every question of every dashboard of a real Prometheus that scrapes real agents: one that enforces and learns,
// one in audit, and one of a database.
//
// Everything is as an operator would have it: the dashboards, the rules and the jobs are what `export` makes; CockroachDB has a job too.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
	"github.com/nakama-warden/nakama-warden/test/prometheus/debian"
)

// programVariable names a program that is there already, for where none can be built.
const programVariable = "NAKAMA_WARDEN_PROGRAM"

// patience is more than anything takes on a machine that does other things too.
const patience = 90 * time.Second

const prometheusAt = "127.0.0.1:9090"

func TestMain(m *testing.M) {
	if os.Getenv(playVariable) != "" {
		fmt.Fprintln(os.Stderr, play(os.Args))
		os.Exit(1)
	}
	if !lab.Isolated() {
		// There is no network inside. What is lacking is told by the test.
		_, _ = debian.Find(context.Background())
	}
	lab.Main(m.Run)
}

// stage is a fleet, and a Prometheus that watches it.
type stage struct {
	t       *testing.T
	dir     string
	program string
	lab     *lab.Lab
	hosts   map[string]*lab.Host
	client  *http.Client // on the host of Prometheus
}

func newStage(t *testing.T) *stage {
	t.Helper()
	programs, err := debian.Find(t.Context())
	if err != nil {
		t.Skip("not run: ", err)
	}
	s := &stage{t: t, program: os.Getenv(programVariable), hosts: map[string]*lab.Host{}}
	s.dir, err = lab.Scratch()
	must(t, err)
	if s.program == "" {
		s.program = s.path("nakama-warden")
		build := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "../../../cmd/nakama-warden")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v (or name a program with %s)\n%s", err, programVariable, out)
		}
	}
	s.lab, err = lab.New()
	must(t, err)
	t.Cleanup(func() { must(t, s.lab.Close()) })
	for _, name := range []string{"nakama-1", "nakama-2", "database-1", "monitor", "players"} {
		s.hosts[name], err = s.lab.Host(name)
		must(t, err)
	}
	s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return s.hosts["monitor"].Dial(ctx, netip.MustParseAddrPort(address))
	}}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.takeAlerts()
	s.guard("nakama-1", "nakama", "enforce")
	s.guard("nakama-2", "nakama", "audit")
	s.guard("database-1", "cockroachdb", "enforce")
	s.watch(programs)
	return s
}

// guard runs a server and a daemon on a host. The daemon's window is short, so that it learns while one waits.
func (s *stage) guard(name, role, mode string) {
	s.t.Helper()
	s.write(name+".yaml", fmt.Sprintf(`
roles: [%s]
fleet:
  nakama: {static: [%s, %s]}
  cockroachdb: {static: [%s]}
  monitoring: {static: [%s]}
  database_clients: {files: [%s]}
firewall: {mode: %s, grip: watched}
capacity: {window: 3s}
alerting: {labels: {cluster: eu}, hold_scale: 0.001, alertmanagers: ["http://%s:9093"]}
`, role, s.hosts["nakama-1"].V4, s.hosts["nakama-2"].V4, s.hosts["database-1"].V4, s.hosts["monitor"].V4, s.path("absent.json"),
		mode, s.hosts["monitor"].V4))
	// Processes of their own: a daemon would take another host's Nakama for a container on its own.
	const both = `"$1" "$2" & shift 2 && exec "$@"`
	server, flags := program(role)
	cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", both, "sh", s.link(server), flags,
		s.program, "run", "--config", s.path(name+".yaml"), "--state", s.path(name))
	cmd.Env = append(os.Environ(), playVariable+"=yes")
	s.start(name, cmd, name+".log")
}

// link is this test binary under another name, which is what the daemon looks for.
func (s *stage) link(name string) string {
	s.t.Helper()
	self, err := os.Executable()
	must(s.t, err)
	link := s.path(name)
	if err := os.Symlink(self, link); !errors.Is(err, os.ErrExist) {
		must(s.t, err)
	}
	return link
}

// watch starts Prometheus with what the program exports, and a job for CockroachDB itself. What is recorded every few minutes is
// recorded all the time.
func (s *stage) watch(programs debian.Programs) {
	s.t.Helper()
	rules := string(s.warden("export", "rules"))
	for _, interval := range []string{"5m", "1m"} {
		rules = strings.ReplaceAll(rules, "interval: "+interval+"\n", "interval: 1s\n")
	}
	s.write("rules.yml", rules)
	jobs := strings.Replace(string(s.warden("export", "scrape-config")), "scrape_configs:\n", fmt.Sprintf(
		"scrape_configs:\n    - {job_name: cockroachdb, metrics_path: /_status/vars, static_configs: [{targets: [%q]}]}\n", s.database()), 1)
	s.write("prometheus.yml", "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"+jobs)
	s.start("monitor", exec.Command(programs.Prometheus, "--config.file="+s.path("prometheus.yml"), "--storage.tsdb.path="+s.path("data"),
		"--web.listen-address="+prometheusAt, "--scrape.discovery-reload-interval=100ms", "--log.level=warn"), "prometheus.log")
}

// takeAlerts is an Alertmanager that takes whatever it is told.
func (s *stage) takeAlerts() {
	s.t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	must(s.t, server.Listener.Close())
	must(s.t, s.hosts["monitor"].Do(func() (err error) {
		server.Listener, err = new(net.ListenConfig).Listen(s.t.Context(), "tcp", ":9093")
		return err
	}))
	server.Start()
	s.t.Cleanup(server.Close)
}

// start starts a program, whose output is shown if the test fails.
func (s *stage) start(host string, cmd *exec.Cmd, log string) *lab.Process {
	s.t.Helper()
	out, err := os.Create(s.path(log))
	must(s.t, err)
	defer out.Close() // the program has its own
	cmd.Stdout, cmd.Stderr = out, out
	p, err := s.hosts[host].Start(cmd)
	must(s.t, err)
	s.t.Cleanup(func() {
		p.Kill()
		if text, err := os.ReadFile(s.path(log)); err == nil && s.t.Failed() {
			s.t.Logf("%s:\n%s", log, text)
		}
	})
	return p
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) write(name, text string) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.path(name), []byte(text), 0o600))
}

// warden runs a command, as an operator would, by the configuration of the first host.
func (s *stage) warden(args ...string) []byte {
	s.t.Helper()
	out, err := s.hosts["monitor"].Output(s.t.Context(), s.program, append(args, "--config", s.path("nakama-1.yaml"))...)
	must(s.t, err)
	return out
}

// get asks Prometheus.
func (s *stage) get(path string, into any) error {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+prometheusAt+path, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode/100 == 4: // what is wrong with a query stays wrong
		s.t.Fatalf("%s: %s", path, response.Status)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// await asks again until it is so.
func (s *stage) await(so func() bool, otherwise func() string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatal(otherwise())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
