package loki

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// settings are those of a Loki that keeps everything in one folder and asks nobody anything.
const settings = `
auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: %d, grpc_listen_address: 127.0.0.1, grpc_listen_port: 9095, log_level: warn}
common:
  instance_addr: 127.0.0.1
  path_prefix: %[2]s
  storage: {filesystem: {chunks_directory: %[2]s/chunks, rules_directory: %[2]s/rules}}
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
ingester: {lifecycler: {min_ready_duration: 1s}}
schema_config:
  configs:
    - {from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}
analytics: {reporting_enabled: false}
`

// What happens while a real Loki is killed is found in it after its restart: by kind, with the culprit's name, once.
func TestARealLoki(t *testing.T) {
	loki := os.Getenv("LOKI_PROGRAM")
	if loki == "" {
		t.Skip("LOKI_PROGRAM is lacking: run `make test-loki`, which builds a Loki")
	}
	r := newRig(t, program(t))
	config := r.write("loki.yaml", fmt.Sprintf(settings, port, filepath.Join(r.dir, "loki")))
	server := r.loki(loki, config)
	p := r.daemon()
	r.tamper()
	r.await("the drift", func() bool { return len(r.find(`{job="nakama-warden", kind="drift"} | json | fields_by="nft"`)) == 1 })

	if err := server.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.Done()
	r.tamper()
	r.await("the second drift is repaired", func() bool {
		metrics, err := r.get(9735, "/metrics")
		return err == nil && strings.Contains(metrics, `nakama_warden_firewall_drift_total{kind="table"} 2`)
	})
	r.stop(p)
	r.loki(loki, config)
	r.daemon()
	r.await("what happened meanwhile", func() bool {
		return len(r.find(`{kind="drift"} |= "nft"`)) == 2 && len(r.find(`{kind="stopped", cluster="test", role="nakama"}`)) == 1 && len(r.find(`{kind="started"}`)) == 2
	})
	metrics, err := r.get(9735, "/metrics")
	if err != nil || !strings.Contains(metrics, `nakama_warden_events_dropped_total{sink="loki"} 0`) {
		t.Errorf("%v, in the metrics: %s", err, metrics)
	}
	if err := lines(r.find(`{job="nakama-warden"}`)); err != nil {
		t.Error(err)
	}
}

// lines wants each sequence once.
func lines(entries []string) error {
	seen := map[uint64]bool{}
	for _, text := range entries {
		var line struct{ Sequence uint64 }
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Sequence == 0 || seen[line.Sequence] {
			return fmt.Errorf("%s is no line, or there twice: %w", text, err)
		}
		seen[line.Sequence] = true
	}
	return nil
}

// loki starts one and waits until it takes and answers.
func (r *rig) loki(program, config string) *lab.Process {
	r.Helper()
	p := r.start(program, "-config.file="+config)
	r.await("Loki is ready", func() bool {
		_, err := r.get(port, "/ready")
		return err == nil
	})
	return p
}

// find returns the lines that a query of the last hour finds.
func (r *rig) find(query string) (entries []string) {
	answer, err := r.get(port, "/loki/api/v1/query_range?since=1h&limit=1000&query="+url.QueryEscape(query))
	if err != nil {
		return nil
	}
	var found struct {
		Data struct {
			Result []struct{ Values [][2]string }
		}
	}
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		r.Fatalf("%s: %v", answer, err)
	}
	for _, stream := range found.Data.Result {
		for _, value := range stream.Values {
			entries = append(entries, value[1])
		}
	}
	return entries
}
