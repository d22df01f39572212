package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
	"github.com/nakama-warden/nakama-warden/test/prometheus/debian"
)

// patience is more than anything takes on a machine that does other things too, and less than the minute after which a daemon tells
// an Alertmanager everything again: that would hide what was lost.
const patience = 45 * time.Second

// Where everything listens on its host.
const (
	daemonAt       = "127.0.0.1:9735"
	prometheusAt   = "127.0.0.1:9090"
	alertmanagerAt = "127.0.0.1:9093"
	relayAt        = "127.0.0.1:9094"
	pagerAt        = "127.0.0.1:9095"
)

// stage is a host with an Alertmanager, and a pager behind that; then a daemon, and a Prometheus that watches it.
type stage struct {
	t            *testing.T
	programs     debian.Programs
	host         *lab.Host
	dir          string
	client       *http.Client // on the host
	daemon       *lab.Process
	alertmanager *lab.Process
	pager        *pager
	began        time.Time
}

func newStage(t *testing.T) *stage {
	t.Helper()
	programs, err := debian.Find(t.Context())
	if err != nil {
		t.Skip("not run: ", err)
	}
	l, err := lab.New()
	must(t, err)
	s := &stage{t: t, programs: programs, dir: t.TempDir(), pager: &pager{t: t}, began: time.Now()}
	t.Cleanup(func() { must(t, l.Close()) })
	s.host, err = l.Host("nakama-1")
	must(t, err)
	s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return s.host.Dial(ctx, netip.MustParseAddrPort(address))
	}}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.serve(pagerAt, s.pager)
	s.startAlertmanager()
	return s
}

// run starts the daemon and waits until it answers.
func (s *stage) run(config string) {
	s.t.Helper()
	s.write("config.yaml", config)
	s.daemon = s.start(s.command("run"), "daemon.log")
	s.answers("http://" + daemonAt + "/-/healthy")
}

// watch starts Prometheus with what the program exports. It looks for targets and Alertmanagers every 5 s, so that is how long
// it takes to see the daemon. A scrape that takes longer than the interval fails, and ends every alert: a second is enough on a
// machine that does other things too.
func (s *stage) watch() {
	s.t.Helper()
	s.write("rules.yml", string(s.warden("export", "rules")))
	s.write("prometheus.yml", `global: {scrape_interval: 1s, evaluation_interval: 250ms}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["`+alertmanagerAt+`"]}]}]}
`+string(s.warden("export", "scrape-config")))
	s.start(exec.Command(s.programs.Prometheus, "--config.file="+s.path("prometheus.yml"), "--storage.tsdb.path="+s.path("data"),
		"--web.listen-address="+prometheusAt, "--log.level=warn",
		"--scrape.discovery-reload-interval=100ms", // else another 5 s
		// Several times while an alert lasts: the Alertmanager must not make several pages of it.
		"--rules.alert.resend-delay=2s"), "prometheus.log")
}

// serve answers on the host until the test ends.
func (s *stage) serve(address string, handler http.Handler) {
	s.t.Helper()
	server := httptest.NewUnstartedServer(handler)
	must(s.t, server.Listener.Close())
	must(s.t, s.host.Do(func() (err error) {
		server.Listener, err = new(net.ListenConfig).Listen(s.t.Context(), "tcp", address)
		return err
	}))
	server.Start()
	s.t.Cleanup(server.Close)
}

// start starts a program, whose output is shown if the test fails.
func (s *stage) start(cmd *exec.Cmd, log string) *lab.Process {
	s.t.Helper()
	out, err := os.OpenFile(s.path(log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	defer out.Close() // the program has its own
	cmd.Stdout, cmd.Stderr = out, out
	p, err := s.host.Start(cmd)
	must(s.t, err)
	s.t.Cleanup(func() {
		p.Kill()
		if text, err := os.ReadFile(s.path(log)); err == nil && s.t.Failed() {
			s.t.Logf("%s:\n%s", log, text)
			must(s.t, os.Remove(s.path(log))) // one that was started again is shown once
		}
	})
	return p
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) write(name, text string) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.path(name), []byte(text), 0o600))
}

func (s *stage) command(args ...string) *exec.Cmd {
	return exec.Command(os.Getenv(programVariable), append(args, "--config", s.path("config.yaml"), "--state", s.path("state"))...)
}

// warden runs a command on the host, as an operator would.
func (s *stage) warden(args ...string) []byte {
	s.t.Helper()
	cmd := s.command(args...)
	out, err := s.host.Output(s.t.Context(), cmd.Path, cmd.Args[1:]...)
	must(s.t, err)
	return out
}

// reload gives the daemon another configuration.
func (s *stage) reload(text string) {
	s.t.Helper()
	s.write("config.yaml", text)
	must(s.t, s.daemon.Signal(unix.SIGHUP))
}

// get asks on the host for JSON; into may be nil.
func (s *stage) get(url string, into any) error {
	request, err := http.NewRequestWithContext(s.t.Context(), "GET", url, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (s *stage) answers(url string) {
	s.t.Helper()
	var err error
	s.await(func() bool {
		err = s.get(url, nil)
		return err == nil
	}, func() string { return err.Error() })
}

// await asks again until it is so.
func (s *stage) await(so func() bool, otherwise func() string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
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
