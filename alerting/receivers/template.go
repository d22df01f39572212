package receivers

import (
	"net/url"
	"strings"

	"github.com/prometheus/alertmanager/template"
)

// ours takes Alertmanager's name and pages out of its templates, and puts the summary and the runbook into Slack's text,
// which is empty by default.
const ours = `
{{ define "__alertmanager" }}nakama-warden{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}{{ end }}
{{ define "slack.default.text" }}{{ range .Alerts }}{{ .Annotations.summary }}
{{ with .Annotations.runbook_url }}Runbook: {{ . }}
{{ end }}{{ end }}{{ end }}
`

// newTemplates returns Alertmanager's default templates under our name. The notify packages only read them.
func newTemplates(external *url.URL) (*template.Template, error) {
	t, err := template.FromGlobs(nil)
	if err != nil {
		return nil, err
	}
	t.ExternalURL = external
	return t, t.Parse(strings.NewReader(ours))
}
