package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/status"
)

// heartbeat tells somebody outside that alerts are looked after; that it stops is the alarm.
type heartbeat struct {
	mu       sync.Mutex
	delivery status.Delivery
}

const (
	heartbeatName    = "heartbeat"
	heartbeatTimeout = 10 * time.Second
	// judgedLately is how old the last look at conditions may be: a heart that beats while nobody looks would lie.
	judgedLately = time.Minute
)

// beat asks for the URL until ctx ends. The configuration may change between two beats.
func (d *daemon) beat(ctx context.Context) {
	client := http.Client{Timeout: heartbeatTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		h := d.configuration().Alerting.Heartbeat
		if h.URL != "" || h.URLFile != "" {
			d.heart.note(beatOnce(ctx, &client, h, d.watching(time.Now())), time.Now())
		} else {
			d.heart.forget()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.Every):
		}
	}
}

// watching is nil while conditions are looked at.
func (d *daemon) watching(now time.Time) error {
	d.alerts.mu.Lock()
	defer d.alerts.mu.Unlock()
	if age := now.Sub(d.alerts.judged); age > judgedLately && now.Sub(d.started) > judgedLately {
		return fmt.Errorf("conditions were looked at %s ago: no heartbeat is sent", age.Round(time.Second))
	}
	return nil
}

// beatOnce asks for the URL. Its errors do not show it: it may be a secret.
func beatOnce(ctx context.Context, client *http.Client, h config.Heartbeat, watching error) error {
	if watching != nil {
		return watching
	}
	address := h.URL
	if h.URLFile != "" {
		text, err := os.ReadFile(h.URLFile)
		if err != nil {
			return fmt.Errorf("read alerting.heartbeat.url_file: %w", err)
		}
		address = strings.TrimSpace(string(text))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("alerting.heartbeat: not a URL")
	}
	answer, err := client.Do(request)
	if err != nil {
		var failure *url.Error
		if errors.As(err, &failure) {
			err = failure.Err
		}
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}

func (h *heartbeat) note(err error, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delivery.Receiver = heartbeatName
	if err == nil {
		h.delivery.LastSuccess, h.delivery.FailingFrom, h.delivery.Problem = now, time.Time{}, ""
		return
	}
	h.delivery.Problem = err.Error()
	if h.delivery.FailingFrom.IsZero() {
		h.delivery.FailingFrom = now
	}
}

func (h *heartbeat) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delivery = status.Delivery{}
}

// deliveries is how all who hear of alerts are doing.
func (d *daemon) deliveries() []status.Delivery {
	all := d.alerts.outbox.Deliveries()
	d.heart.mu.Lock()
	defer d.heart.mu.Unlock()
	if d.heart.delivery.Receiver != "" {
		all = append(all, d.heart.delivery)
	}
	return all
}
