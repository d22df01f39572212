package agent

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
)

func TestHeartbeat(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/secret" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(server.URL+"/secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		beat     config.Heartbeat
		watching error
		want     string // in the error
		asks     int
	}{
		{"a URL", config.Heartbeat{URL: server.URL + "/secret"}, nil, "", 1},
		{"a file", config.Heartbeat{URLFile: file}, nil, "", 1},
		{"nobody watches", config.Heartbeat{URL: server.URL + "/secret"}, errors.New("asleep"), "asleep", 0},
		{"refused", config.Heartbeat{URL: server.URL + "/other"}, nil, "404", 1},
		{"no such file", config.Heartbeat{URLFile: file + "x"}, nil, "url_file", 0},
		{"nobody there", config.Heartbeat{URL: "http://127.0.0.1:1/secret"}, nil, "refused", 0},
	} {
		asked = 0
		err := beatOnce(t.Context(), http.DefaultClient, c.beat, c.watching)
		if asked != c.asks || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: asked %d times, %v; want %d, %q", c.name, asked, err, c.asks, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "/secret") {
			t.Errorf("%s: the error shows the URL: %v", c.name, err)
		}
	}
}

func TestHeartbeatAsAReceiver(t *testing.T) {
	var h heartbeat
	first := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h.note(errors.New("answered 404"), first)
	h.note(errors.New("answered 500"), first.Add(time.Minute))
	if d := h.delivery; !d.FailingFrom.Equal(first) || d.Problem != "answered 500" {
		t.Errorf("failing: %+v", d)
	}
	h.note(nil, first.Add(2*time.Minute))
	if d := h.delivery; !d.FailingFrom.IsZero() || d.Problem != "" || !d.LastSuccess.Equal(first.Add(2*time.Minute)) {
		t.Errorf("back: %+v", d)
	}
}
