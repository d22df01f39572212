package receivers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/status"
)

// alertmanagerRepeat is Prometheus' own pace: an Alertmanager that was restarted knows everything again a minute later.
const alertmanagerRepeat = time.Minute

// alertmanagerForgets: an alert that is not repeated for so long is over to the Alertmanager, as when this host is dead.
const alertmanagerForgets = 4 * alertmanagerRepeat

// alertmanager is one Alertmanager's API v2. It groups, inhibits, silences and repeats by itself.
type alertmanager struct {
	name    string
	client  alert.ClientService
	source  string
	now     func() time.Time
	secrets func() []string
}

func newAlertmanager(name, base string, o Options) (*alertmanager, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s: not the URL of an Alertmanager", name) // which may hold a password
	}
	web := &http.Client{Transport: &keeper{agent: userAgent(o.Version), next: &http.Transport{
		DialContext: dial, TLSHandshakeTimeout: handshake, IdleConnTimeout: 2 * alertmanagerRepeat,
	}}}
	transport := httptransport.NewWithClient(u.Host, strings.TrimSuffix(u.Path, "/")+"/api/v2", []string{u.Scheme}, web)
	password, known := u.User.Password()
	if u.User != nil {
		transport.DefaultAuthentication = httptransport.BasicAuth(u.User.Username(), password)
	}
	return &alertmanager{
		name: name, client: alert.New(transport, strfmt.Default), source: o.ExternalURL.String(), now: o.Now,
		secrets: func() []string {
			if known {
				return []string{password}
			}
			return nil
		},
	}, nil
}

func (m *alertmanager) Name() string          { return m.name }
func (m *alertmanager) Repeat() time.Duration { return alertmanagerRepeat }

func (m *alertmanager) Deliver(ctx context.Context, alerts []status.Alert) (retry bool, answer string, err error) {
	for _, batch := range inTurn(alerts, func(status.Alert) string { return "" }) {
		// What was taken before an error is posted again: to an Alertmanager the same alert is the same alert.
		if retry, answer, err = m.post(ctx, batch); err != nil {
			return retry, answer, err
		}
	}
	return false, accepted, nil
}

func (m *alertmanager) post(ctx context.Context, alerts []status.Alert) (retry bool, answer string, err error) {
	now := m.now()
	body := make(models.PostableAlerts, len(alerts))
	for i, a := range alerts {
		body[i] = m.postable(a, now)
	}
	last := &lastAnswer{}
	_, err = m.client.PostAlerts(alert.NewPostAlertsParamsWithContext(withLastAnswer(ctx, last)).WithAlerts(body))
	code, text := last.get()
	switch {
	case code/100 == 2:
		return false, accepted, nil // also 202 and 204, which the generated client takes for errors
	case code == 0 && err == nil:
		err = errors.New("no answer")
		fallthrough
	case code == 0:
		reason := plain(err, m.secrets())
		return true, reason, errors.New(reason)
	}
	answer = plain(fmt.Errorf("%d %s: %s", code, http.StatusText(code), text), m.secrets())
	return temporary(code), answer, errors.New(answer)
}

func (m *alertmanager) postable(a status.Alert, now time.Time) *models.PostableAlert {
	from, until := span(a, now)
	if until.IsZero() {
		until = now.Add(alertmanagerForgets)
	}
	p := &models.PostableAlert{
		StartsAt: strfmt.DateTime(from), EndsAt: strfmt.DateTime(until), Annotations: labelSet(annotations(a)),
		Alert: models.Alert{Labels: labelSet(labels(a))},
	}
	if m.source != "" {
		p.GeneratorURL = strfmt.URI(m.source)
	}
	return p
}

func labelSet(set model.LabelSet) models.LabelSet {
	out := make(models.LabelSet, len(set))
	for name, value := range set {
		out[string(name)] = string(value)
	}
	return out
}
