package receivers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	commonconfig "github.com/prometheus/common/config"

	"github.com/nakama-warden/nakama-warden/status"
)

// How often what still fires is told again. A receiver that keys its incidents is told often: an incident that another
// host of the cluster resolved, since it has the same key, opens again. People are told seldom.
const (
	repeatToKeyed  = 5 * time.Minute
	repeatToPeople = 4 * time.Hour
)

// direct is one *_configs entry: a notify package and what it was told last.
type direct struct {
	channel
	template *template.Template
	source   string
	agent    string
	log      *slog.Logger
	now      func() time.Time
	memory   memory
}

func newDirect(ch channel, t *template.Template, o Options) *direct {
	return &direct{
		channel: ch, template: t, source: o.ExternalURL.String(), agent: userAgent(o.Version), now: o.Now,
		log: o.Log.With("receiver", ch.name),
	}
}

func (d *direct) Name() string { return d.name }

func (d *direct) Repeat() time.Duration {
	switch d.kind {
	case "pagerduty", "opsgenie", "victorops", "incidentio", "jira":
		return repeatToKeyed
	}
	return repeatToPeople
}

// Deliver tells each incident by itself. One that fails does not hold up the others; what was taken is not sent again
// when the outbox comes back with all of them.
func (d *direct) Deliver(ctx context.Context, alerts []status.Alert) (retry bool, answer string, err error) {
	retry, answer = false, accepted
	for _, batch := range inTurn(d.memory.untaken(alerts), groupKey) {
		again, reason, failure := d.tell(ctx, batch)
		if failure != nil {
			retry, answer, err = retry || again, reason, failure
			continue
		}
		d.memory.took(batch)
	}
	if err == nil {
		d.memory.settle()
	}
	return retry, answer, err
}

// tell sends one incident: what is given, and what else of it is known to fire. An incident of which one subject is well
// again is not over.
func (d *direct) tell(ctx context.Context, batch []status.Alert) (retry bool, answer string, err error) {
	now := d.now()
	incident := d.memory.incident(batch, now, 3*d.Repeat())
	if !d.resolved {
		if incident = firingOf(incident); len(firingOf(batch)) == 0 {
			d.memory.learn(batch, now)
			return false, accepted, nil // it does not want to hear of an end
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // which closes the connections of this attempt
	retry, err = d.attempt(d.context(ctx, batch, incident, now), d.alerts(incident, now))
	if err == nil {
		d.memory.learn(batch, now)
		return false, accepted, nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer: %w", context.Cause(ctx)) // whatever the notifier makes of its closed connection
	}
	answer = plain(err, secretsOf(d.conf))
	return ctx.Err() != nil || again(retry, err), answer, errors.New(answer)
}

// attempt builds the notifier anew: secrets and certificates are read when they are used, and no connection, not even
// of a notifier that heeds no deadline, outlives the context.
func (d *direct) attempt(ctx context.Context, alerts []*alert.Alert) (retry bool, err error) {
	if d.kind == mailKind {
		return d.mail(ctx, alerts)
	}
	notifiers, err := receiver.BuildReceiverIntegrations(d.conf, d.template, d.log,
		commonconfig.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			return dialWithin(dialing, ctx, network, address)
		}),
		commonconfig.WithHTTP2Disabled(), commonconfig.WithKeepAlivesDisabled(), commonconfig.WithUserAgent(d.agent))
	if err != nil {
		return true, err // only files can be at fault: the rest was checked
	}
	return notifiers[0].Notify(ctx, alerts...)
}

func (d *direct) alerts(incident []status.Alert, now time.Time) []*alert.Alert {
	all := make([]*alert.Alert, len(incident))
	for i, a := range incident {
		all[i] = convert(a, now, d.source, d.escape)
	}
	return all
}

// context carries what the notify packages ask of the pipeline that they usually stand in.
func (d *direct) context(ctx context.Context, batch, incident []status.Alert, now time.Time) context.Context {
	reason := notify.ReasonFirstNotification
	if len(firingOf(incident)) == 0 {
		reason = notify.ReasonAllAlertsResolved
	} else if len(firingOf(batch)) < len(batch) {
		reason = notify.ReasonNewResolvedAlerts
	}
	key := groupKey(batch[0])
	ctx = notify.WithGroupKey(ctx, key)
	ctx = notify.WithGroupLabels(ctx, escaped(groupLabels(batch[0]), d.escape))
	ctx = notify.WithReceiverName(ctx, d.conf.Name)
	ctx = notify.WithNow(ctx, now)
	ctx = notify.WithRepeatInterval(ctx, d.Repeat())
	ctx = notify.WithNotificationReason(ctx, reason)
	return notify.WithNflogStore(ctx, d.memory.store(key))
}

// escape keeps a name from the world from being markup, or from calling everybody, where a receiver reads text so.
// HTML is escaped by the notify packages themselves.
func (d *direct) escape(s string) string {
	switch d.kind {
	case "slack":
		s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
		fallthrough
	case "mattermost", "rocketchat", "discord":
		s = strings.ReplaceAll(s, "@", "@\u200b") // no mention
	}
	return s
}
