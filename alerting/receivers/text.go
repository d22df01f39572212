package receivers

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/status"
)

// Most bytes of what is sent and of what is shown: names of processes, units and hosts come from the world.
const (
	longestLabel      = 256
	longestAnnotation = 1024
	longestAnswer     = 300
)

// alertPrefix is what the names of the Prometheus rules begin with too.
const alertPrefix = "NakamaWarden"

// harmless returns printable text in one line, of at most so many bytes.
func harmless(s string, most int) string {
	if len(s) > most {
		s = s[:most] // before the rest is looked at: it may be a hundred kilobytes
		for tail := 0; tail < utf8.UTFMax-1 && !utf8.ValidString(lastRune(s)); tail++ {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	printable := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}
	return strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(s, "\uFFFD")))
}

// lastRune is the end of the text from the last byte that begins a rune.
func lastRune(s string) string {
	for i := len(s) - 1; i >= max(0, len(s)-utf8.UTFMax); i-- {
		if utf8.RuneStart(s[i]) {
			return s[i:]
		}
	}
	return ""
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// labels are those of the alert as it fired: a resolved alert must have them all to be the same one to an Alertmanager.
func labels(a status.Alert) model.LabelSet {
	set := model.LabelSet{}
	add := func(name, value string) {
		if value = harmless(value, longestLabel); value != "" && labelName.MatchString(name) {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
	}
	add(model.InstanceLabel, a.Labels["host"]) // what inhibition by a host that is down compares; a label of that name wins
	for name, value := range a.Labels {
		add(name, value)
	}
	add(model.AlertNameLabel, alertPrefix+a.Name)
	add("severity", a.Severity)
	add("subject", a.Subject)
	if a.Test {
		add("test", "true")
	}
	return set
}

func annotations(a status.Alert) model.LabelSet {
	set := model.LabelSet{}
	add := func(name model.LabelName, value string) {
		if value = harmless(value, longestAnnotation); value != "" {
			set[name] = model.LabelValue(value)
		}
	}
	add("summary", a.Summary)
	add("description", describe(a))
	add("runbook_url", a.Runbook)
	return set
}

// describe puts into words what the labels and times say, for receivers that show nothing else.
func describe(a status.Alert) string {
	s := a.Name
	if a.Subject != "" {
		s += " of " + harmless(a.Subject, longestLabel)
	}
	if host := a.Labels["host"]; host != "" {
		s += " on " + harmless(host, longestLabel)
	}
	const readable = "2006-01-02 15:04:05 MST"
	if !a.Since.IsZero() {
		s += ", since " + a.Since.UTC().Format(readable)
	}
	if a.State == status.AlertResolved && !a.Resolved.IsZero() {
		s += ", until " + a.Resolved.UTC().Format(readable)
	}
	if a.Test {
		s += ". This is a test, sent by a person: nothing is wrong."
	}
	return s
}
