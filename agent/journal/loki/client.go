package loki

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki-client-go/pkg/backoff"
	"github.com/grafana/loki-client-go/pkg/urlutil"
	common "github.com/prometheus/common/config"
)

var (
	// errRefused: Loki will not take the batch, however often it is sent.
	errRefused = errors.New("refused")
	// errStuck: the client does not say what became of a batch.
	errStuck = errors.New("the client for Loki does not answer")
)

// client is loki-client-go for one batch at a time. What became of a batch is what the library's counters say: its Handle
// returns before anything is sent, and its errors go to its log only.
type client struct {
	lib     *loki.Client
	pace    Pace
	ledger  ledger
	answers *answers
	handing sync.WaitGroup // the hand-over of the last batch
}

func open(t Target, pace Pace) (*client, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, errors.New("the URL of Loki cannot be read") // the error shows the URL, which may hold a secret
	}
	books, err := ledgerOf(u.Host)
	if err != nil {
		return nil, err
	}
	cfg := loki.Config{
		URL:       urlutil.URLValue{URL: u},
		BatchWait: pace.Wait,
		BatchSize: 2 * maxBatchBytes, // never reached: a batch is to go as a whole
		Timeout:   pace.Timeout,
		TenantID:  t.TenantID,
		// One attempt. The library waits out its retries before it stops, and cannot be told otherwise.
		BackoffConfig: backoff.BackoffConfig{MaxRetries: 1, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond},
		Client:        common.HTTPClientConfig{TLSConfig: common.TLSConfig{CAFile: t.CAFile}},
	}
	if t.Username != "" {
		cfg.Client.BasicAuth = &common.BasicAuth{Username: t.Username, PasswordFile: t.PasswordFile}
	}
	c := &client{pace: pace, ledger: books, answers: &answers{}}
	if c.lib, err = loki.NewWithLogger(cfg, c.answers); err != nil {
		return nil, fmt.Errorf("open the client for Loki: %w", err)
	}
	return c, nil
}

// push sends the entries as one batch and returns what became of it: nil once Loki has all of them. When ctx ends it waits
// for Pace.Grace more.
func (c *client) push(ctx context.Context, entries []entry) error {
	before := c.ledger.read()
	c.answers.forget()
	handed := make(chan struct{})
	c.handing.Go(func() {
		defer close(handed)
		for _, e := range entries {
			_ = c.lib.Handle(e.labels, e.time, e.line) // always nil
		}
	})
	// The library may have split the batch in two, each gathered and tried.
	patience := time.NewTimer(2*(c.pace.Wait+c.pace.Timeout) + c.pace.Grace)
	defer patience.Stop()
	look := time.NewTicker(max(c.pace.Wait/10, time.Millisecond))
	defer look.Stop()
	ended := ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case <-look.C:
		case <-ended:
			ended, grace = nil, time.After(c.pace.Grace)
		case <-grace:
			return ctx.Err()
		case <-patience.C:
			return errStuck
		}
		if now := c.ledger.read(); now.all() >= before.all()+float64(len(entries)) {
			<-handed // every entry was taken, or it would not be accounted for
			if now.dropped == before.dropped {
				return nil
			}
			return c.answers.last()
		}
	}
}

// close lets go of the library's goroutine. It cannot be told to give up an attempt, so that close waits for it until ctx
// has ended and Pace.Grace passed; what is left then ends by itself with the attempt.
func (c *client) close(ctx context.Context) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.handing.Wait() // Handle after Stop would wait for ever
		c.lib.Stop()
	}()
	select {
	case <-stopped:
		return
	case <-ctx.Done():
	case <-time.After(c.pace.Timeout):
	}
	select {
	case <-stopped:
	case <-time.After(c.pace.Grace):
	}
}

// answers is the library's log, which alone tells why a batch was not sent. It is called from the library's goroutine.
type answers struct {
	mu     sync.Mutex // guards what follows
	status int
	err    error
}

func (a *answers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.err = 0, nil
}

// Log takes what a record says of a failed batch. There are others, which tell of the library itself.
func (a *answers) Log(pairs ...any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := 0; i+1 < len(pairs); i += 2 {
		switch value := pairs[i+1].(type) {
		case int:
			if pairs[i] == "status" {
				a.status = value
			}
		case error:
			if pairs[i] == "error" {
				a.err = value
			}
		}
	}
	return nil
}

func (a *answers) last() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %s", errRefused, harmless(a.err))
	}
	return errors.New(harmless(a.err))
}

// harmless is the text of an error without the URL, which may hold a secret, and without what a server may have put there
// for a terminal.
func harmless(err error) string {
	if err == nil {
		return "no reason was given"
	}
	if wrapped := new(url.Error); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	const most = 256
	text := strings.ToValidUTF8(err.Error(), "�")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
