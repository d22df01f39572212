package config

import (
	"fmt"
	"net/url"
	"strings"
)

// lokiPath is where Loki takes what is pushed. A proxy may put something before it.
const lokiPath = "/loki/api/v1/push"

// lokiLabels is how many labels of the operator fit beside job, kind, host and role: Loki takes 15.
const lokiLabels = 11

func (l *Loki) decode(v value) {
	v.fields(fields{
		"url":           l.decodeURL,
		"tenant_id":     text(&l.TenantID),
		"username":      text(&l.Username),
		"password_file": path(&l.PasswordFile),
		"ca_file":       path(&l.CAFile),
	})
}

func (l *Loki) decodeURL(v value) {
	if v.is("!!str") && v.node.Value == "" {
		return
	}
	given, ok := webURL(v)
	if !ok {
		return
	}
	if u, err := url.Parse(given); err != nil || strings.Trim(u.Path, "/") == "" {
		v.fail("the base URL of Loki", "the URL of its push API, like http://10.9.0.21:3100"+lokiPath)
		return
	}
	l.URL = given
}

// checkLoki finds what Loki would refuse every event for.
func checkLoki(d *decoder, c *Config) {
	l := c.Loki
	if l.URL == "" {
		return
	}
	if (l.Username == "") != (l.PasswordFile == "") {
		d.fail("loki", "half of username and password_file", "both, or neither")
	}
	if n := len(c.Alerting.Labels); n > lokiLabels {
		d.fail("alerting.labels", fmt.Sprintf("%d labels are more than Loki takes beside our own", n), fmt.Sprintf("%d at most", lokiLabels))
	}
	for _, own := range []string{"job", "kind"} {
		if _, taken := c.Alerting.Labels[own]; taken {
			d.warn("alerting.labels."+own, "in Loki, the label "+own+" is ours", "another name")
		}
	}
}
