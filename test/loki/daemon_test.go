package loki

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
)

// stopWithin is what an agent has to stop, whatever Loki does.
const stopWithin = 5 * time.Second

// endpoint is where Loki would be. It notes what it takes.
type endpoint struct {
	*httptest.Server
	asked chan struct{} // closed by the first request

	mu     sync.Mutex // guards what follows
	taken  []string   // labels and line
	answer int        // the status of every request
	once   sync.Once
	hang   chan struct{} // requests wait for it, if there is one
}

// listen opens the endpoint on the loopback of the rig's host.
func (r *rig) listen(answer int, hang chan struct{}) *endpoint {
	r.Helper()
	e := &endpoint{asked: make(chan struct{}), answer: answer, hang: hang}
	e.Server = httptest.NewUnstartedServer(e)
	_ = e.Listener.Close() // it listens where the test runs
	err := r.host.Do(func() (err error) {
		e.Listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	e.Start()
	r.Cleanup(func() {
		if hang != nil {
			close(hang)
		}
		e.Close()
	})
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.once.Do(func() { close(e.asked) })
	if e.hang != nil {
		<-e.hang
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	raw, err := snappy.Decode(nil, body)
	var request push.PushRequest
	if err != nil || proto.Unmarshal(raw, &request) != nil {
		http.Error(w, "not what Loki is sent", http.StatusUnsupportedMediaType)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.WriteHeader(e.answer)
	if e.answer != http.StatusNoContent {
		return
	}
	for _, stream := range request.Streams {
		for _, entry := range stream.Entries {
			e.taken = append(e.taken, stream.Labels+entry.Line)
		}
	}
}

// has says whether an entry has all of the texts.
func (e *endpoint) has(texts ...string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
entries:
	for _, entry := range e.taken {
		for _, text := range texts {
			if !strings.Contains(entry, text) {
				continue entries
			}
		}
		return true
	}
	return false
}

// A drift arrives with who made it, and what happened without Loki arrives once there is one.
func TestTheDaemonTellsLoki(t *testing.T) {
	r := newRig(t, program(t))
	p := r.daemon()
	r.tamper()
	e := r.listen(http.StatusNoContent, nil)
	r.await("the drift", func() bool {
		return e.has(`kind="drift"`, `host="namespace"`, `role="nakama"`, `cluster="test"`, `job="nakama-warden"`, `"by":"nft"`)
	})
	if !e.has(`kind="started"`) {
		t.Error("the start did not arrive before the drift")
	}
	metrics, err := r.get(9735, "/metrics")
	if err != nil || strings.Contains(metrics, "promtail") || !strings.Contains(metrics, `nakama_warden_events_dropped_total{sink="loki"} 0`) {
		t.Errorf("%v, in the metrics: %s", err, metrics)
	}
	r.stop(p)
	r.daemon()
	r.await("the stop, after the next start", func() bool { return e.has(`kind="stopped"`) })
}

func TestTheDaemonStopsWhateverLokiDoes(t *testing.T) {
	daemon := program(t)
	for name, prepare := range map[string]func(*rig) (asked <-chan struct{}){
		"hangs":   func(r *rig) <-chan struct{} { return r.listen(http.StatusNoContent, make(chan struct{})).asked },
		"429":     func(r *rig) <-chan struct{} { return r.listen(http.StatusTooManyRequests, nil).asked },
		"500":     func(r *rig) <-chan struct{} { return r.listen(http.StatusInternalServerError, nil).asked },
		"400":     func(r *rig) <-chan struct{} { return r.listen(http.StatusBadRequest, nil).asked },
		"refuses": func(*rig) <-chan struct{} { asked := make(chan struct{}); close(asked); return asked },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, daemon)
			asked := prepare(r)
			p := r.daemon()
			select {
			case <-asked:
			case <-time.After(patience):
				t.Fatal("the daemon never asked")
			}
			took := r.stop(p)
			t.Logf("the stop took %v", took)
			if took > stopWithin {
				t.Errorf("the stop took longer than %v", stopWithin)
			}
		})
	}
}
