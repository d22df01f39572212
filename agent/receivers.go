package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/alerting/outbox"
	"github.com/nakama-warden/nakama-warden/alerting/receivers"
	"github.com/nakama-warden/nakama-warden/status"
)

// buildReceivers makes the receivers of a configuration.
func (d *daemon) buildReceivers(cfg *config.Config) ([]outbox.Receiver, error) {
	built, err := receivers.Build(receivers.Options{Alertmanagers: cfg.Alerting.Alertmanagers, Receivers: cfg.Alerting.Receivers,
		ExternalURL: pageOf(cfg, d.hostname), Version: d.o.Version, Log: d.o.Log, Now: time.Now})
	return outboxReceivers(built), err
}

// pageOf is where messages link to: this host's page, by the name it has for itself.
func pageOf(cfg *config.Config, hostname string) *url.URL {
	_, port, err := net.SplitHostPort(cfg.Web.Listen)
	if err != nil {
		return nil
	}
	page := &url.URL{Scheme: "http", Host: net.JoinHostPort(hostname, port), Path: "/"}
	if cfg.Web.ConfigFile != "" {
		page.Scheme = "https"
	}
	return page
}

// outboxReceivers are receivers as the outbox asks for them.
func outboxReceivers(built []receivers.Receiver) []outbox.Receiver {
	all := make([]outbox.Receiver, len(built))
	for i, r := range built {
		if all[i] = r; !strings.HasPrefix(r.Name(), "alertmanager/") {
			all[i] = person{r}
		}
	}
	return all
}

// person is a receiver that is not reminded of what was silenced after it was told. An Alertmanager is: it would take silence for
// the end.
type person struct{ receivers.Receiver }

// Deliver implements outbox.Receiver.
func (p person) Deliver(ctx context.Context, alerts []status.Alert) (retry bool, answer string, err error) {
	heard := slices.DeleteFunc(slices.Clone(alerts), func(a status.Alert) bool { return a.State == status.AlertFiring && a.Silenced != "" })
	if len(heard) == 0 {
		return false, "", nil
	}
	return p.Receiver.Deliver(ctx, heard)
}

// takeReceivers has alerts go where a configuration says.
func (d *daemon) takeReceivers(cfg *config.Config) {
	if d.alerts.outbox == nil {
		return
	}
	all, err := d.buildReceivers(cfg)
	if err == nil {
		err = d.alerts.outbox.Replace(all)
	}
	if err != nil {
		d.o.Log.Error("alerts go where they went before", "error", err)
		return
	}
	d.storeAlerting(cfg.Alerting)
	d.wake()
}

// keptAlerting is the last good part of a configuration that says who hears of alerts: of an invalid one too somebody must hear.
type keptAlerting struct {
	config.Alerting
	Receivers []string `json:"receivers"` // in YAML
}

const keptKey = "alerting"

func (d *daemon) storeAlerting(a config.Alerting) {
	kept := keptAlerting{Alerting: a}
	kept.Alerting.Receivers = nil
	for _, node := range a.Receivers {
		text, err := yaml.Marshal(node)
		if err != nil {
			continue // it was read from YAML
		}
		kept.Receivers = append(kept.Receivers, string(text))
	}
	if err := d.store.Put(policyBucket, keptKey, kept); err != nil {
		d.o.Log.Warn("after a start with an invalid configuration nobody would hear of it", "error", err)
	}
}

// storedAlerting is what storeAlerting kept.
func (d *daemon) storedAlerting(otherwise config.Alerting) config.Alerting {
	var kept keptAlerting
	if found, err := d.store.Get(policyBucket, keptKey, &kept); err != nil || !found {
		return otherwise
	}
	a := kept.Alerting
	for _, text := range kept.Receivers {
		var node yaml.Node
		if yaml.Unmarshal([]byte(text), &node) == nil && len(node.Content) == 1 {
			a.Receivers = append(a.Receivers, node.Content[0])
		}
	}
	return a
}

// testAlert is what alert-test sends: nobody should be woken by it, and everybody see what it is.
func testAlert(hostname string, labels map[string]string, now time.Time) status.Alert {
	return status.Alert{Test: true, State: status.AlertFiring, Since: now, Fired: now, Labels: labels,
		Condition: status.Condition{Name: "Test", Severity: status.SeverityInfo, Summary: "This is a test from nakama-warden on " + hostname + ". There is nothing to do."}}
}

// TestAlert sends a labelled test through every receiver.
func (d *daemon) TestAlert(ctx context.Context) ([]status.ReceiverTest, error) {
	return d.alerts.outbox.Test(ctx, testAlert(d.hostname, alertLabels(d.configuration(), d.hostname), time.Now())), nil
}

// TestAlert sends from this process.
func (l Local) TestAlert(ctx context.Context) (tests []status.ReceiverTest, err error) {
	s, err := store.Open(filepath.Join(l.o.StateDir, storeFile), store.Options{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	cfg, err := load(l.o.ConfigPath, s)
	if err != nil {
		return nil, err
	}
	all, err := receivers.Build(receivers.Options{Alertmanagers: cfg.Alerting.Alertmanagers, Receivers: cfg.Alerting.Receivers, Version: l.o.Version, Now: time.Now})
	if err != nil {
		return nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	box, err := outbox.New(nowhere{}, outboxReceivers(all), outbox.Options{})
	if err != nil {
		return nil, err
	}
	return box.Test(ctx, testAlert(hostname, alertLabels(cfg, hostname), time.Now())), nil
}

// nowhere is the storage of an outbox that sends one test and keeps nothing.
type nowhere struct{}

// Update implements outbox.Storage.
func (nowhere) Update(...outbox.Change) error { return nil }

// All implements outbox.Storage.
func (nowhere) All(string, func(string, json.RawMessage) error) error { return nil }
