package receivers

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/notify/webhook"

	"github.com/nakama-warden/nakama-warden/status"
)

// debian is Debian's Alertmanager, unpacked where it harms nobody.
type debian struct {
	root, config, data, address string
	process                     *exec.Cmd
}

// fetch unpacks the package. It is not installed: that would start it.
func fetch(t *testing.T) *debian {
	t.Helper()
	dir := t.TempDir()
	for _, command := range [][]string{{"apt-get", "-o", "APT::Sandbox::User=root", "download", "prometheus-alertmanager"}, {"sh", "-c", "dpkg -x *.deb root"}} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("not run: it lacks Debian's package prometheus-alertmanager: %s: %v: %s", command, err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rm", "true").CombinedOutput(); err != nil {
		t.Skipf("not run: it lacks mount namespaces: %v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return &debian{
		root: filepath.Join(dir, "root"), config: filepath.Join(dir, "alertmanager.yml"), data: filepath.Join(dir, "data"),
		address: listener.Addr().String(),
	}
}

// start runs it in a mount namespace of its own, where its templates are where it looks for them.
func (d *debian) start(t *testing.T) {
	t.Helper()
	const script = `mount -t tmpfs tmpfs /usr/share && mkdir /usr/share/prometheus && cp -r "$0/usr/share/prometheus/alertmanager" /usr/share/prometheus/ &&
		exec "$0/usr/bin/prometheus-alertmanager" "$@"`
	d.process = exec.Command("unshare", "-rm", "sh", "-c", script, d.root, "--config.file="+d.config, "--storage.path="+d.data,
		"--web.listen-address="+d.address, "--cluster.listen-address=")
	d.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.process.Stderr, d.process.Stdout = os.Stderr, os.Stderr
	if !testing.Verbose() {
		d.process.Stderr, d.process.Stdout = nil, nil
	}
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	d.await(t, "Alertmanager to be ready", func() bool {
		resp, err := http.Get("http://" + d.address + "/-/ready")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == 200
	})
}

func (d *debian) stop(t *testing.T) {
	t.Helper()
	if err := d.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := d.process.Wait(); err != nil {
		t.Logf("alertmanager ended with %v", err)
	}
}

// await asks again until it is so.
func (d *debian) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// inhibited are the alerts that Alertmanager knows and holds back.
func (d *debian) inhibited(t *testing.T) (subjects []string) {
	t.Helper()
	resp, err := http.Get("http://" + d.address + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all models.GettableAlerts
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if len(a.Status.InhibitedBy) > 0 {
			subjects = append(subjects, a.Labels["alertname"]+"@"+a.Labels["host"])
		}
	}
	return subjects
}

const routing = `
route: {receiver: hook, group_by: [cluster, alertname], group_wait: 500ms, group_interval: 500ms, repeat_interval: 1h}
inhibit_rules:
- {source_matchers: [alertname = NakamaWardenHostAbsent], target_matchers: [alertname != NakamaWardenHostAbsent], equal: [instance]}
receivers: [{name: hook, webhook_configs: [{url: 'URL', send_resolved: true}]}]
`

// From this agent through a real Alertmanager to a webhook: grouped, inhibited, resolved, with a restart in between.
func TestRealAlertmanager(t *testing.T) {
	d := fetch(t)
	told := make(chan webhook.Message, 100)
	hook := serve(t, func(http.ResponseWriter, *http.Request) {})
	hook.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m webhook.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("the webhook got %v", err)
		}
		told <- m
	})
	write(t, d.config, strings.ReplaceAll(routing, "URL", hook.URL))
	d.start(t)
	defer func() { d.stop(t) }()
	all, err := Build(Options{Alertmanagers: []string{"http://" + d.address}, ExternalURL: &url.URL{Scheme: "http", Host: "nakama-1:9735"}})
	if err != nil {
		t.Fatal(err)
	}
	r := all[0]
	on := func(host, name string) status.Alert {
		a := firing(name, "")
		a.Since, a.Fired = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
		a.Labels = map[string]string{"cluster": "eu", "host": host}
		return a
	}
	// hear returns the next message about a condition: HOST=STATE, sorted by Alertmanager.
	hear := func(name string) string {
		t.Helper()
		timeout := time.After(30 * time.Second)
		for {
			select {
			case m := <-told:
				if m.CommonLabels["alertname"] == alertPrefix+name {
					var list []string
					for _, a := range m.Alerts {
						list = append(list, a.Labels["host"]+"="+a.Status)
					}
					return strings.Join(list, " ")
				}
			case <-timeout:
				t.Fatalf("nobody told of %s", name)
			}
		}
	}

	// Two hosts, one message.
	down1, down2 := on("nakama-1", "ServiceDown"), on("nakama-2", "ServiceDown")
	mustDeliver(t, r, down1, down2)
	if got := hear("ServiceDown"); got != "nakama-1=firing nakama-2=firing" {
		t.Errorf("grouped: %s", got)
	}

	// What a dead host says besides being dead is held back; of another host it is told.
	mustDeliver(t, r, on("nakama-3", "HostAbsent"))
	hear("HostAbsent")
	mustDeliver(t, r, on("nakama-3", "DriftFight"), on("nakama-1", "DriftFight"))
	if got := hear("DriftFight"); got != "nakama-1=firing" {
		t.Errorf("inhibited: %s", got)
	}
	if got := fmt.Sprint(d.inhibited(t)); got != "[NakamaWardenDriftFight@nakama-3]" {
		t.Errorf("inhibited: %s", got)
	}

	// It restarts: what cannot be delivered meanwhile is worth another attempt, and repeating tells it all again.
	d.stop(t)
	over := down1
	over.State, over.Resolved = status.AlertResolved, time.Now()
	if retry, answer, err := r.Deliver(t.Context(), []status.Alert{over}); err == nil || !retry {
		t.Errorf("while it is down: %t, %q, %v", retry, answer, err)
	}
	d.start(t)
	mustDeliver(t, r, down2)
	mustDeliver(t, r, over)
	hearUntil(t, hear, "nakama-1=resolved nakama-2=firing")
	down2.State, down2.Resolved = status.AlertResolved, time.Now()
	mustDeliver(t, r, down2)
	hearUntil(t, hear, "nakama-2=resolved")
}

// hearUntil allows for messages about what is on the way there.
func hearUntil(t *testing.T, hear func(string) string, want string) {
	t.Helper()
	var heard []string
	for range 5 {
		got := hear("ServiceDown")
		if got == want {
			return
		}
		heard = append(heard, got)
	}
	t.Errorf("heard %q, not %s", heard, want)
}
