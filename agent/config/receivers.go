package config

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/alerting/receivers"
)

// Check is Load, and asks the host for what delivering alerts needs of it: the files that hold the receivers' secrets. A
// daemon does not: a secret that is not there yet must not keep it from guarding.
func Check(path string) (*Config, error) {
	c, err := Load(path)
	if err != nil {
		return nil, err
	}
	var problems Problems
	for _, p := range receivers.CheckFiles(c.Alerting.Receivers) {
		problems = append(problems, Problem{path, p.Line, below(fmt.Sprintf("alerting.receivers[%d]", p.Receiver), p.Key), p.Problem, p.Want})
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return c, nil
}

func (a *Alerting) decodeAlertmanagers(v value) {
	seen := map[string]bool{}
	a.Alertmanagers = list(v, `["http://10.9.0.20:9093"]`, func(v value) (string, bool) {
		base, ok := webURL(v)
		if !ok {
			return "", false
		}
		u, err := url.Parse(base)
		switch path := strings.TrimSuffix(v.node.Value, "/"); {
		case err != nil || u.RawQuery != "" || strings.Contains(u.Path, "/api/v"):
			v.fail("more than an Alertmanager's base URL", "one like http://10.9.0.20:9093, or with the prefix of its web.external-url")
		case seen[path]:
			v.fail("this Alertmanager is named twice", "each once: it would get every alert twice")
		default:
			seen[path] = true
			return base, true
		}
		return "", false
	})
}

// decodeReceivers keeps the receivers as they are written: Alertmanager's own reader says whether they are right.
func (a *Alerting) decodeReceivers(v value) {
	a.Receivers = list(v, "[{name: …, webhook_configs: […]}]", func(v value) (*yaml.Node, bool) { return v.raw() })
	items := v.d.origins[v.key] // those that were accepted
	for _, p := range receivers.Check(a.Receivers) {
		v.d.failOn(p.Line, below(items[p.Receiver], p.Key), p.Problem, p.Want)
	}
}

func below(key, name string) string { return strings.TrimSuffix(key+"."+name, ".") }
