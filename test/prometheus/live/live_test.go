// Package live holds the daemon, the shipped rules, a real Prometheus and a real Alertmanager together, on one host: what the
// daemon tells of itself, and what Prometheus makes of its metrics by the rules, must be the same at any time; and what either tells
// must arrive behind the Alertmanager, once and whole.
//
// All follow one configuration: the daemon runs by it, `export rules` and `export scrape-config` make Prometheus' of it.
package live

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
	"github.com/nakama-warden/nakama-warden/test/prometheus/debian"
)

// programVariable names a program that is there already, for where none can be built.
const programVariable = "NAKAMA_WARDEN_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(playVariable) != "" {
		fmt.Fprintln(os.Stderr, play())
		os.Exit(1)
	}
	if !lab.Isolated() {
		// There is no network inside. What is lacking is told by the tests.
		_, _ = debian.Find(context.Background())
	}
	lab.Main(func() int {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	})
}

// prepare has the tests' files lie in memory, at a place whose name is short enough for sockets, and the program be built.
func prepare() error {
	scratch, err := lab.Scratch()
	if err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", scratch); err != nil || os.Getenv(programVariable) != "" {
		return err
	}
	program := filepath.Join(scratch, "nakama-warden")
	build := exec.Command("go", "build", "-o", program, "../../../cmd/nakama-warden")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w (or name a program with %s)\n%s", err, programVariable, out)
	}
	return os.Setenv(programVariable, program)
}

const enforcing = `
roles: [nakama]
environment: testing
fleet: {nakama: {static: [10.77.0.1]}}
firewall: {mode: enforce, grip: watched}
alerting: {hold_scale: 0.001, labels: {cluster: eu}}
`

// Whatever happens to the host, the daemon and the rules say the same of it; and what the rules say is heard once.
func TestDaemonAndRulesAgree(t *testing.T) {
	s := newStage(t)
	nakama := s.playNakama()
	s.run(enforcing)
	s.watch()
	s.agree("a Nakama that has few descriptors left", "+DescriptorsLow", "-NotEnforced", "-Paused", "-AuditOnly", "-ConfigInvalid", "-Drift", "-ServiceDown")
	s.heard("rules/DescriptorsLow", "firing")

	s.warden("remove", "--why", "test")
	s.agree("removed", "+NotEnforced")
	s.heard("rules/NotEnforced", "firing")
	s.warden("apply", "--yes", "--why", "test")
	s.agree("applied", "-NotEnforced")
	s.heard("rules/NotEnforced", "firing", "resolved")

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

	s.warden("maintenance", "start", "--for", "10m", "--why", "test")
	nakama.Kill()
	s.holds("ServiceDown")
	s.agree("it ends in a maintenance", "-DescriptorsLow", "-ServiceDown")
	s.warden("maintenance", "end")
	s.agree("the maintenance ends, and it is still down", "+ServiceDown")

	// Prometheus has sent what lasted again and again.
	s.heard("rules/ServiceDown", "firing")
	s.heard("rules/DescriptorsLow", "firing", "resolved")
	s.heard("rules/NotEnforced", "firing", "resolved")
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
