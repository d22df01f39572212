// Package keep asks every question of the dashboards of a Prometheus that scrapes `demo --keep`, for where no Grafana can be had. It
// says which panels show no data, and why.
//
// Nothing is done by hand: Prometheus has the configuration that the demo writes. What is recorded every few minutes takes as long,
// and a mark of a quarter of an hour longer, so run.sh is for whoever asks for it, and `make test` only tests how it reads and judges.
//
// The demo is a program in namespaces of its own; what leads to it, and Prometheus, listens on loopback.
package keep

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
	"github.com/nakama-warden/nakama-warden/test/prometheus/debian"
)

const (
	// keepVariable says how long to wait for answers, such as 10m.
	keepVariable = "NAKAMA_WARDEN_KEEP"
	// programVariable names the program to ask.
	programVariable = "NAKAMA_WARDEN_PROGRAM"
)

func TestEveryPanelShowsData(t *testing.T) {
	patience, err := time.ParseDuration(os.Getenv(keepVariable))
	program := os.Getenv(programVariable)
	if err != nil || program == "" {
		t.Skipf("minutes are lacking (%s), or a program (%s): run test/grafana/keep/run.sh, which has both", keepVariable, programVariable)
	}
	programs, err := debian.Find(t.Context())
	if err != nil {
		t.Skip("not run: ", err)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := t.TempDir()
	p := processes{ctx: ctx}
	t.Cleanup(p.wait)

	must(t, keepUp(&p, program, dir))
	t.Logf("asking for up to %s", patience)
	prometheus, err := watch(&p, dir, programs.Prometheus)
	must(t, err)
	_, err = exec.CommandContext(ctx, program, "export", "dashboards", "--dir", dir).Output()
	must(t, err)
	all, err := questions.Of(dir)
	must(t, err)
	panels := panelsOf(all)
	began := time.Now()
	must(t, prometheus.askAll(ctx, panels, patience))
	t.Logf("asked for %s\n%s", time.Since(began).Round(time.Second), show(panels, silent()))
	must(t, judge(panels, silent()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
