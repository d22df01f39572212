package loki

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/status"
)

// What Loki takes, unless it is configured otherwise.
const (
	maxAge        = 7 * 24 * time.Hour
	maxLine       = 256 << 10
	maxLabels     = 15
	maxLabelBytes = 1024
)

// Job is the value of the label job.
const Job = "nakama-warden"

// entry is an event as Loki keeps it: what streams differ by is in the labels, the time beside it, the rest in the line.
type entry struct {
	sequence uint64
	time     time.Time
	labels   model.LabelSet
	line     string
}

// line is the JSON of an entry.
type line struct {
	Sequence uint64            `json:"sequence"`
	Summary  string            `json:"summary"`
	Fields   map[string]string `json:"fields,omitempty"`
	Cut      bool              `json:"cut,omitempty"` // the event was too long: the fields are left out
}

func entryOf(e status.Event, labels map[string]string) entry {
	return entry{sequence: e.Sequence, time: e.Time, labels: labelsOf(labels, e.Kind), line: lineOf(e)}
}

// lineOf never fails: what is not UTF-8 becomes U+FFFD, as JSON wants it.
func lineOf(e status.Event) string {
	text, err := json.Marshal(line{Sequence: e.Sequence, Summary: e.Summary, Fields: e.Fields})
	if err == nil && len(text) <= maxLine {
		return string(text)
	}
	// A character takes up to six bytes of JSON.
	summary := strings.ToValidUTF8(e.Summary[:min(len(e.Summary), maxLine/8)], "")
	text, _ = json.Marshal(line{Sequence: e.Sequence, Summary: summary, Cut: true}) // of strings and numbers: it cannot fail
	return string(text)
}

// labelsOf leaves out what would cost the whole batch, in the order of the names: job and kind always stay.
func labelsOf(labels map[string]string, kind string) model.LabelSet {
	set := model.LabelSet{"job": Job, "kind": labelValue(kind)}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labelValue(labels[name])
		_, taken := set[model.LabelName(name)]
		if !taken && value != "" && len(set) < maxLabels && ValidLabel(name) {
			set[model.LabelName(name)] = value
		}
	}
	return set
}

// ValidLabel says whether Loki takes a label of that name from a client.
func ValidLabel(name string) bool {
	return model.LegacyValidation.IsValidLabelName(name) && !strings.HasPrefix(name, "__") && len(name) <= maxLabelBytes
}

// labelValue is text that the reader of labels takes: it has no place for what is not UTF-8, nor for the character that
// usually stands for it.
func labelValue(text string) model.LabelValue {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\uFFFD", "?")
	if len(text) > maxLabelBytes {
		text = strings.ToValidUTF8(text[:maxLabelBytes], "")
	}
	return model.LabelValue(text)
}
