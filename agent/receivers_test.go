package agent

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

const alertingFile = `
roles: [nakama]
alerting:
  labels: {cluster: eu}
  hold_scale: 0.5
  overrides: {Drift: {severity: warning, for: 1m}}
  receivers:
  - name: on-call
    webhook_configs: [{url: "URL"}]
`

// Of a configuration that is invalid at the start somebody hears: by the one before.
func TestWhoHearsOfAnInvalidConfiguration(t *testing.T) {
	heard := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard <- string(body)
	}))
	t.Cleanup(hook.Close)
	good, err := config.Parse("config.yaml", []byte(strings.ReplaceAll(alertingFile, "URL", hook.URL)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "db")
	restarted := func(use func(*daemon)) {
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		use(&daemon{o: Options{Log: slog.New(slog.DiscardHandler)}, store: s, hostname: "nakama-1"})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	restarted(func(d *daemon) { d.storeAlerting(good.Alerting) })
	restarted(func(d *daemon) {
		kept := d.storedAlerting(config.Default().Alerting)
		if kept.Labels["cluster"] != "eu" || kept.HoldScale != 0.5 || *kept.Overrides["Drift"].For != time.Minute || len(kept.Receivers) != 1 {
			t.Fatalf("kept: %+v", kept)
		}
		cfg := config.Default()
		cfg.Alerting = kept
		all, err := d.buildReceivers(cfg)
		if len(all) != 1 || err != nil {
			t.Fatalf("receivers: %v, %v", all, err)
		}
		if _, answer, err := all[0].Deliver(t.Context(), []status.Alert{testAlert("nakama-1", nil, time.Now())}); err != nil {
			t.Fatal(answer, err)
		}
		if got := <-heard; !strings.Contains(got, "NakamaWardenTest") {
			t.Errorf("heard %s", got)
		}
	})
}

// deaf is a receiver that counts what it hears.
type deaf struct{ heard []string }

func (*deaf) Name() string          { return "webhook/on-call/0" }
func (*deaf) Repeat() time.Duration { return time.Hour }
func (d *deaf) Deliver(_ context.Context, alerts []status.Alert) (bool, string, error) {
	for _, a := range alerts {
		d.heard = append(d.heard, a.Name)
	}
	return false, "", nil
}

func TestNobodyIsRemindedOfWhatIsSilenced(t *testing.T) {
	alert := func(name, state, silenced string) status.Alert {
		return status.Alert{Condition: status.Condition{Name: name}, State: state, Silenced: silenced}
	}
	told := &deaf{}
	if _, _, err := (person{told}).Deliver(t.Context(), []status.Alert{alert("Loud", status.AlertFiring, ""),
		alert("Quiet", status.AlertFiring, "silence s1"), alert("Over", status.AlertResolved, "silence s1")}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told.heard, " "); got != "Loud Over" {
		t.Errorf("heard %q", got)
	}
}
