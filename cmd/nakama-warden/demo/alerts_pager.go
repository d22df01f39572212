package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// notice is one alert of a message, and when the message began to arrive.
type notice struct {
	at          time.Time
	Status      string            `json:"status"` // firing, resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// The names of alerts are those of the conditions behind this, as in the Prometheus rules.
const alertPrefix = "NakamaWarden"

func (p notice) is(name, state string) bool {
	return p.Labels["alertname"] == alertPrefix+name && p.Status == state
}

// message is what Alertmanager's webhook sends, version 4, as far as it is looked at.
type message struct {
	Version string   `json:"version"`
	Alerts  []notice `json:"alerts"`
}

const (
	messageVersion = "4"
	longestMessage = 1 << 20
)

// pager is on-call's end: it takes webhook messages and writes down what came, and when.
type pager struct {
	host    *lab.Host
	server  *http.Server
	serving sync.WaitGroup

	mu      sync.Mutex // guards notices
	notices []notice
}

func listenPager(host *lab.Host, port uint16) (*pager, error) {
	p := &pager{host: host}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: readyLimit}
	var listener net.Listener
	err := host.Do(func() (err error) {
		listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("::", strconv.Itoa(int(port))))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", host.Name, err)
	}
	p.serving.Go(func() { _ = p.server.Serve(listener) }) // always an error: that it was closed
	return p, nil
}

func (p *pager) close() {
	p.server.Close()
	p.serving.Wait()
}

// ServeHTTP takes a message, or shows what came.
func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	if r.Method != http.MethodPost {
		p.show(w)
		return
	}
	var m message
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestMessage)).Decode(&m); err != nil || m.Version != messageVersion {
		http.Error(w, "want a message of Alertmanager's webhook, version "+messageVersion, http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, came := range m.Alerts {
		came.at = at
		p.notices = append(p.notices, came)
	}
}

func (p *pager) show(w io.Writer) {
	for _, came := range p.since(0) {
		fmt.Fprintf(w, "%s  %-8s  %-8s  %s\n    %s\n    %s\n", came.at.Format(time.TimeOnly), came.Status, came.Labels["severity"],
			came.Labels["alertname"], came.Annotations["summary"], came.Annotations["runbook_url"])
	}
}

// since returns what came after the first so many notices.
func (p *pager) since(first int) []notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notices[first:])
}

// count is how many notices came.
func (p *pager) count() int { return len(p.since(0)) }
