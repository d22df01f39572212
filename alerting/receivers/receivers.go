// Package receivers takes alerts to those who are to hear of them: to Alertmanagers, and to everything that Alertmanager's
// own notify packages can talk to.
//
// The one idea: whatever stands behind it, a receiver is three verbs, and Deliver says whether to try again. Nothing is
// queued, timed or remembered over a restart here: that is the outbox's. What is sent is bounded and harmless text,
// what is answered is shown without secrets, and an attempt ends with its context even where a notifier would not.
//
// Receivers are written in Alertmanager's syntax and read by Alertmanager's reader, so its manual is the manual.
package receivers

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/status"
)

// Receiver is one place that alerts are delivered to. Its verbs may be called at the same time.
type Receiver interface {
	// Name is its type and place, never its URL: alertmanager/0, pagerduty/oncall/0.
	Name() string
	// Repeat is how often it wants to hear of what is still firing.
	Repeat() time.Duration
	// Deliver sends the alerts in order. Without an error the receiver has taken all of them. With one, retry says that
	// the same may work later; otherwise it was refused. The answer is what the receiver said, in one line. After an
	// error the same alerts may be given again: those that were taken are not sent twice.
	Deliver(ctx context.Context, alerts []status.Alert) (retry bool, answer string, err error)
}

// Options are where alerts go and what the receivers need to know of this agent.
type Options struct {
	Alertmanagers []string     // base URLs
	Receivers     []*yaml.Node // in Alertmanager's syntax, one mapping each, without aliases
	ExternalURL   *url.URL     // this agent's page, which messages link to
	Version       string
	Log           *slog.Logger
	Now           func() time.Time
}

// Build returns a receiver for each Alertmanager and for each *_configs entry. An error says what Check would say.
// Files that cannot be read are no error: they are read when something is delivered.
func Build(o Options) ([]Receiver, error) {
	if o.ExternalURL == nil {
		o.ExternalURL = &url.URL{}
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	var all []Receiver
	for i, base := range o.Alertmanagers {
		r, err := newAlertmanager(fmt.Sprintf("alertmanager/%d", i), base, o)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	templates, err := newTemplates(o.ExternalURL)
	if err != nil {
		return nil, fmt.Errorf("read the built-in templates: %w", err)
	}
	if problems := Check(o.Receivers); len(problems) > 0 {
		return nil, problems[0]
	}
	for _, node := range o.Receivers {
		conf, err := read(node)
		if err != nil {
			return nil, err
		}
		for _, ch := range channels(conf) {
			all = append(all, newDirect(ch, templates, o))
		}
	}
	return all, nil
}
