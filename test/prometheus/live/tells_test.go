package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// From the daemon through an Alertmanager to a pager, each alert once: whoever of the two is killed or away meanwhile.
func TestDaemonTellsOnce(t *testing.T) {
	s := newStage(t)
	r := &relay{s: s, accepted: map[string]int{}}
	s.serve(relayAt, r)
	// That the Alertmanager is away would be one more alert, at some time among those that are counted here.
	pushing := strings.Replace(enforcing, "alerting: {",
		`alerting: {alertmanagers: ["http://`+relayAt+`"], overrides: {DeliveryFailing: {enabled: false}}, `, 1)
	s.run(pushing)

	// Two of a kind are one page.
	const unsafe = `, services: {nakama-console: {from: [anyone], unsafe: true}, nakama-console-grpc: {from: [anyone], unsafe: true}}}`
	s.reload(strings.Replace(pushing, "grip: watched}", "grip: watched"+unsafe, 1))
	const exposed, hidden = "nakama-console firing, nakama-console-grpc firing", "nakama-console resolved, nakama-console-grpc resolved"
	s.heard("daemon/UnsafeExposure", exposed)
	s.reload(pushing)
	s.heard("daemon/UnsafeExposure", exposed, hidden)

	// The Alertmanager has taken the alert, and the daemon is killed before it has read that. So it tells it again.
	r.keepAnswers(true)
	s.warden("pause", "--for", "10m", "--why", "test")
	s.heard("daemon/Paused", "firing")
	s.daemon.Kill()
	r.keepAnswers(false)
	s.run(pushing)
	r.accepts("Paused", 2)
	audit := strings.Replace(pushing, "mode: enforce", "mode: audit", 1)
	s.reload(audit)
	s.heard("daemon/AuditOnly", "firing") // after its group was waited for: a second page of the pause would be here
	s.heard("daemon/Paused", "firing")

	// While the Alertmanager is away, one alert ends, the daemon is killed, and another alert begins.
	s.stopAlertmanager()
	s.warden("apply", "--yes", "--why", "test")
	s.waits(1)
	s.daemon.Kill()
	s.run(audit)
	s.reload("mode: none\n")
	s.waits(2)
	s.startAlertmanager()
	s.heard("daemon/Paused", "firing", "resolved")
	s.heard("daemon/ConfigInvalid", "firing")
	s.reload(pushing)
	s.heard("daemon/ConfigInvalid", "firing", "resolved")
	s.heard("daemon/AuditOnly", "firing", "resolved")

	s.heard("daemon/Paused", "firing", "resolved")
	s.heard("daemon/UnsafeExposure", exposed, hidden)
}

// waits waits until so many alerts wait for an Alertmanager that was tried in vain.
func (s *stage) waits(alerts int) {
	s.t.Helper()
	var h status.Host
	var err error
	s.await(func() bool {
		h = status.Host{}
		err = s.get("http://"+daemonAt+"/api/v1/status", &h)
		return err == nil && slices.ContainsFunc(h.Agent.Deliveries, func(d status.Delivery) bool {
			return d.Queued == alerts && !d.FailingFrom.IsZero()
		})
	}, func() string {
		return fmt.Sprintf("want %d alerts that wait: %+v, %v", alerts, h.Agent.Deliveries, err)
	})
}

// relay stands between the daemon and the Alertmanager.
type relay struct {
	s *stage

	mu       sync.Mutex // guards what follows
	keeps    bool
	accepted map[string]int // what the Alertmanager has taken, by name, and how often
}

// keepAnswers keeps the Alertmanager's answers from the daemon: it hangs then, until it is killed.
func (r *relay) keepAnswers(keeps bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keeps = keeps
}

// accepts waits until the Alertmanager has taken an alert so many times at least.
func (r *relay) accepts(alert string, times int) {
	r.s.t.Helper()
	got := 0
	r.s.await(func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		got = r.accepted[alert]
		return got >= times
	}, func() string { return fmt.Sprintf("%s was taken %d times; want %d", alert, got, times) })
}

func (r *relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the daemon was killed
	}
	onward, err := http.NewRequestWithContext(request.Context(), request.Method, "http://"+alertmanagerAt+request.URL.Path, bytes.NewReader(body))
	if err != nil {
		r.s.t.Error(err)
		return
	}
	onward.Header = request.Header
	answer, err := r.s.client.Do(onward)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	if r.note(body, answer.StatusCode) {
		<-request.Context().Done()
		return
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // a daemon that is gone asks again
}

// note remembers what was taken, and tells whether the answer is to be kept.
func (r *relay) note(body []byte, code int) (keep bool) {
	var alerts []struct {
		Labels map[string]string `json:"labels"`
	}
	if err := json.Unmarshal(body, &alerts); err != nil {
		r.s.t.Errorf("the daemon posts %q: %v", body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if code == http.StatusOK {
		for _, a := range alerts {
			r.accepted[strings.TrimPrefix(a.Labels["alertname"], prefix)]++
		}
	}
	return r.keeps
}
