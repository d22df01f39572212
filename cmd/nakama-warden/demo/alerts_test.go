package demo

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// startAlerts makes the hosts of a demo whose server is this test binary.
func startAlerts(t *testing.T, audience Audience) *Alerts {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, err := StartAlerts(Options{Program: program, Serve: []string{serveWord}, Dir: t.TempDir()}, audience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.over = t.Context().Err
	return a
}

func TestWithoutADaemonNobodyIsSaidToHear(t *testing.T) {
	a := startAlerts(t, &recorder{})
	a.daemon.program = "/bin/false"
	summary := a.Play(t.Context())
	if summary.OK() || !strings.Contains(summary.Problem, "the daemon ended: exit status 1") || summary.Checks != 0 {
		t.Errorf("%+v; want the daemon's end as the problem, and no check", summary)
	}
}

// post sends a request to the pager from the guarded host, and returns the status code and the body.
func (a *Alerts) post(t *testing.T, method, body string) (int, string) {
	t.Helper()
	to := netip.AddrPortFrom(a.pager.host.V4, pagerPort)
	client := http.Client{Timeout: readyLimit, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return a.daemon.host.Dial(ctx, to) },
	}}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+to.String()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestThePagerTakesMessagesOfTheWebhookOnly(t *testing.T) {
	a := startAlerts(t, &recorder{})
	for _, body := range []string{"", "garbage", `{"version":"3","alerts":[{"status":"firing"}]}`, `{"alerts":[{"status":"firing"}]}`} {
		if code, _ := a.post(t, http.MethodPost, body); code != http.StatusBadRequest || a.pager.count() > 0 {
			t.Errorf("%q: %d, %d notices; want 400 and none", body, code, a.pager.count())
		}
	}
	before := time.Now()
	code, _ := a.post(t, http.MethodPost, `{"version":"4","status":"firing","alerts":[
		{"status":"firing","labels":{"alertname":"NakamaWardenDrift","severity":"info"},"annotations":{"summary":"who did it","runbook_url":"https://example.org/Drift.md"}},
		{"status":"resolved","labels":{"alertname":"NakamaWardenPaused"}}]}`)
	came := a.pager.since(0)
	if code != http.StatusOK || len(came) != 2 || !came[0].is("Drift", status.AlertFiring) || !came[1].is("Paused", status.AlertResolved) {
		t.Fatalf("%d, %+v; want 200, Drift firing and Paused resolved", code, came)
	}
	if came[0].at.Before(before) || came[0].at.After(time.Now()) {
		t.Errorf("it came at %s, which was not during the request", came[0].at)
	}
	if _, page := a.post(t, http.MethodGet, ""); !strings.Contains(page, "who did it") || !strings.Contains(page, "Drift.md") {
		t.Errorf("its page is %q; want what came", page)
	}
}

func TestANoticeIsHeldToWhatItMustSay(t *testing.T) {
	const link = "https://example.org/docs/runbooks/"
	right := notice{at: time.Now(), Labels: map[string]string{"severity": "warning", "cluster": clusterName, "host": "nakama-1"},
		Annotations: map[string]string{"runbook_url": link + "Paused.md"}}
	for name, tt := range map[string]struct {
		labels, annotations map[string]string
		held                int
	}{
		"right":             {right.Labels, right.Annotations, 2},
		"a lesser":          {map[string]string{"severity": "info", "cluster": clusterName, "host": "nakama-1"}, right.Annotations, 1},
		"another's":         {map[string]string{"severity": "warning", "cluster": clusterName, "host": "nakama-2"}, right.Annotations, 1},
		"without runbook":   {right.Labels, nil, 1},
		"another runbook":   {right.Labels, map[string]string{"runbook_url": link + "Drift.md"}, 1},
		"nothing that fits": {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var told recorder
			a := Alerts{stage: newStage(&told)}
			a.over = t.Context().Err
			n := right
			n.Labels, n.Annotations = tt.labels, tt.annotations
			a.checkFiring(n, "Paused", status.SeverityWarning)
			if a.summary.Held != tt.held || a.summary.Checks != 2 {
				t.Errorf("%+v; want %d held of 2", told.checks, tt.held)
			}
		})
	}
	var told recorder
	a := Alerts{stage: newStage(&told)}
	a.over = t.Context().Err
	if a.checkFiring(notice{}, "Paused", status.SeverityWarning); a.summary.Held > 0 {
		t.Errorf("%+v held, of a notice that never came", told.checks)
	}
}

func TestHowOftenOnCallWasTold(t *testing.T) {
	drift := notice{Status: status.AlertFiring, Labels: map[string]string{"alertname": alertPrefix + "Drift"}}
	over := drift
	over.Status = status.AlertResolved
	for _, tt := range []struct {
		came []notice
		want string
	}{
		{nil, never},
		{[]notice{over}, never},
		{[]notice{drift, over}, once},
		{[]notice{drift, over, drift}, "told 2 times"},
	} {
		var told recorder
		a := Alerts{stage: newStage(&told), pager: &pager{notices: append([]notice{drift}, tt.came...)}}
		a.over = t.Context().Err
		a.expectTold(cause{seen: 1}, "Drift", "Drift", never)
		if got := told.checks[0]; got.Seen != tt.want || got.Held != (tt.want == never) {
			t.Errorf("%+v: %+v; want %s", tt.came, got, tt.want)
		}
	}
}

func TestWhatIsDueFollowsFromTheFacts(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	h := status.Host{Time: now, Sample: &status.Sample{Units: []status.Unit{{Name: "nakama", Files: &status.Level{Used: nearlyFull, Limit: fewFiles}}}}}
	if due := dueOf(h, "DescriptorsLow"); !due.Equal(now.Add(3 * time.Second)) {
		t.Errorf("due at %s; want a hundredth of five minutes after %s", due, now)
	}
	if due := dueOf(h, "ServiceDown"); !due.IsZero() {
		t.Errorf("what does not hold is due at %s", due)
	}
	h.Sample.Units[0].Files.Used = calmCrowd
	if due := dueOf(h, "DescriptorsLow"); !due.IsZero() {
		t.Errorf("it is due at %s with few descriptors open", due)
	}
}

// The links of notices lead to files that are there.
func TestTheRunbooksOfTheDemoExist(t *testing.T) {
	for _, name := range []string{"DescriptorsLow", "Drift", "DriftRepeated", "ServiceDown", "ServiceRestarted", "Paused"} {
		if _, err := os.Stat(filepath.Join("..", "..", "..", "docs", "runbooks", name+".md")); err != nil {
			t.Error(err)
		}
	}
}
