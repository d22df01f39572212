// Package live holds the shipped rules to a daemon: what it tells of itself, and what a real Prometheus makes of its metrics by the
// rules, must be the same at any time.
//
// Both follow one configuration: the daemon runs by it, `export rules` and `export scrape-config` make Prometheus' of it.
package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
	"github.com/nakama-warden/nakama-warden/test/prometheus/debian"
)

// programVariable names a program that is there already, for where none can be built.
const programVariable = "NAKAMA_WARDEN_PROGRAM"

// patience is more than anything takes on a machine that does other things too. The longest way is a service that is looked for
// every ten seconds.
const patience = 90 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(playVariable) != "" {
		fmt.Fprintln(os.Stderr, play())
		os.Exit(1)
	}
	if !lab.Isolated() {
		// There is no network inside. What is lacking is told by the test.
		_, _ = debian.Find(context.Background())
	}
	lab.Main(m.Run)
}

// stage is a host with a daemon and a Prometheus that watches it.
type stage struct {
	t       *testing.T
	host    *lab.Host
	dir     string
	program string
	daemon  *lab.Process
	client  *http.Client
	began   time.Time
}

const enforcing = `
roles: [nakama]
environment: testing
fleet: {nakama: {static: [10.77.0.1]}}
firewall: {mode: enforce, grip: watched}
alerting: {hold_scale: 0.001, labels: {cluster: eu}}
`

func newStage(t *testing.T) *stage {
	t.Helper()
	programs, err := debian.Find(t.Context())
	if err != nil {
		t.Skip("not run: ", err)
	}
	dir, err := lab.Scratch()
	must(t, err)
	l, err := lab.New()
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	s := &stage{t: t, dir: dir, program: os.Getenv(programVariable), began: time.Now()}
	if s.program == "" {
		s.program = filepath.Join(dir, "nakama-warden")
		build := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "../../../cmd/nakama-warden")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v (or name a program with %s)\n%s", err, programVariable, out)
		}
	}
	s.host, err = l.Host("nakama-1")
	must(t, err)
	s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return s.host.Dial(ctx, netip.MustParseAddrPort(address))
	}}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.write("config.yaml", enforcing)
	s.daemon = s.start(exec.Command(s.program, "run", "--config", s.path("config.yaml"), "--state", s.path("state")), "daemon.log")
	s.watch(programs)
	return s
}

// watch starts Prometheus with what the program exports.
func (s *stage) watch(programs debian.Programs) {
	s.t.Helper()
	s.write("rules.yml", string(s.warden("export", "rules")))
	s.write("prometheus.yml", "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"+string(s.warden("export", "scrape-config")))
	s.start(exec.Command(programs.Prometheus, "--config.file="+s.path("prometheus.yml"), "--storage.tsdb.path="+s.path("data"),
		"--web.listen-address=127.0.0.1:9090", "--log.level=warn"), "prometheus.log")
}

func (s *stage) start(cmd *exec.Cmd, log string) *lab.Process {
	s.t.Helper()
	out, err := os.Create(s.path(log))
	must(s.t, err)
	defer out.Close() // the program has its own
	cmd.Stdout, cmd.Stderr = out, out
	p, err := s.host.Start(cmd)
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

// warden runs a command on the host, as an operator would.
func (s *stage) warden(args ...string) []byte {
	s.t.Helper()
	out, err := s.host.Output(s.t.Context(), s.program, append(args, "--config", s.path("config.yaml"), "--state", s.path("state"))...)
	must(s.t, err)
	return out
}

// reload gives the daemon another configuration.
func (s *stage) reload(text string) {
	s.t.Helper()
	s.write("config.yaml", text)
	must(s.t, s.daemon.Signal(unix.SIGHUP))
}

// told is what somebody hears of by now, sorted.
type told []string

func (a told) String() string { return strings.Join(a, " ") }

// byDaemon is what the daemon tells: what fires, and is not kept quiet.
func (s *stage) byDaemon() (told, error) {
	var h status.Host
	if err := s.get("http://127.0.0.1:9735/api/v1/status", &h); err != nil {
		return nil, err
	}
	var names told
	for _, a := range h.Alerts {
		if a.State == status.AlertFiring && a.Silenced == "" {
			names = append(names, a.Name+"/"+a.Severity)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// byRules is what Prometheus tells of this host by our rules.
func (s *stage) byRules() (told, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := s.get("http://127.0.0.1:9090/api/v1/alerts", &answer); err != nil {
		return nil, err
	}
	var names told
	for _, a := range answer.Data.Alerts {
		if a.Labels["cluster"] != "eu" {
			return nil, fmt.Errorf("%v lacks its cluster", a.Labels)
		}
		if a.State == "firing" {
			names = append(names, strings.TrimPrefix(a.Labels["alertname"], "NakamaWarden")+"/"+a.Labels["severity"])
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

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
	return json.NewDecoder(response.Body).Decode(into)
}

// agree waits until both tell the same, and it is as wanted: + and a name is told, - and a name is not.
func (s *stage) agree(what string, wanted ...string) {
	s.t.Helper()
	var daemon, rules told
	var err, problem error
	s.await(func() bool {
		daemon, err = s.byDaemon()
		rules, problem = s.byRules()
		return err == nil && problem == nil && slices.Equal(daemon, rules) && daemon.has(wanted)
	}, func() string {
		return fmt.Sprintf("%s: want %s\ndaemon: %s (%v)\nrules:  %s (%v)", what, strings.Join(wanted, " "), daemon, err, rules, problem)
	})
	s.t.Logf("%5.1f s  %s: both tell %s", time.Since(s.began).Seconds(), what, daemon)
}

// holds waits until Prometheus has seen a condition for longer than any rule of it waits here: who tells nothing then was kept quiet.
func (s *stage) holds(condition string) {
	s.t.Helper()
	query := url.Values{"query": {fmt.Sprintf("min_over_time(nakama_warden_condition_active{condition=%q}[5s]) == 1", condition)}}
	var answer struct {
		Data struct {
			Result []struct{} `json:"result"`
		} `json:"data"`
	}
	s.await(func() bool {
		err := s.get("http://127.0.0.1:9090/api/v1/query?"+query.Encode(), &answer)
		return err == nil && len(answer.Data.Result) == 1
	}, func() string { return condition + " does not hold for Prometheus" })
}

// await asks again until it is so.
func (s *stage) await(so func() bool, otherwise func() string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatal(otherwise())
		}
	}
}

func (a told) has(wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool {
		return slices.ContainsFunc(a, func(is string) bool { return strings.HasPrefix(is, w[1:]+"/") }) != (w[0] == '+')
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever happens to the host, the daemon and the rules say the same of it.
func TestDaemonAndRulesAgree(t *testing.T) {
	s := newStage(t)
	s.agree("after the start", "-NotEnforced", "-Paused", "-AuditOnly", "-ConfigInvalid", "-Drift")

	s.warden("remove", "--why", "test")
	s.agree("removed", "+NotEnforced")
	s.warden("apply", "--yes", "--why", "test")
	s.agree("applied", "-NotEnforced")

	s.warden("pause", "--for", "10m", "--why", "test")
	s.agree("paused", "+Paused", "-NotEnforced")
	s.warden("apply", "--yes", "--why", "test")
	s.agree("the pause is over", "-Paused")

	s.reload("mode: none\n")
	s.agree("an invalid configuration", "+ConfigInvalid")
	s.reload(strings.ReplaceAll(enforcing, "mode: enforce", "mode: audit"))
	s.agree("audit", "+AuditOnly", "-ConfigInvalid", "-NotEnforced")
	s.reload(enforcing)
	s.agree("enforced again", "-AuditOnly", "-NotEnforced")

	s.tamper()
	s.agree("another deleted our table", "+Drift", "-DriftRepeated")

	nakama := s.playNakama()
	s.agree("a Nakama that has few descriptors left", "+DescriptorsLow", "-ServiceDown")
	s.warden("maintenance", "start", "--for", "10m", "--why", "test")
	nakama.Kill()
	s.holds("ServiceDown")
	s.agree("it ends in a maintenance", "-DescriptorsLow", "-ServiceDown")
	s.warden("maintenance", "end")
	s.agree("the maintenance ends, and it is still down", "+ServiceDown")
}

// tamper deletes our table, as any program with the rights may while the table is only watched.
func (s *stage) tamper() {
	s.t.Helper()
	nft, err := exec.LookPath("nft")
	if err != nil {
		s.t.Log("not run: drift: it lacks nft")
		return
	}
	_, err = s.host.Output(s.t.Context(), nft, "delete", "table", "inet", "nakama_warden")
	must(s.t, err)
}
