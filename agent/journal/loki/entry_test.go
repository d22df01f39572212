package loki

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestAnEventThatIsTooLong(t *testing.T) {
	for _, e := range []status.Event{
		{Sequence: 7, Summary: "short", Fields: map[string]string{"held": strings.Repeat("x", maxLine)}},
		{Sequence: 7, Summary: strings.Repeat("\x00", maxLine)},
		{Sequence: 7, Summary: strings.Repeat("é", maxLine)},
	} {
		var l line
		text := lineOf(e)
		if err := json.Unmarshal([]byte(text), &l); err != nil || len(text) > maxLine {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		if l.Sequence != 7 || !l.Cut || len(l.Fields) > 0 || !strings.HasPrefix(e.Summary, l.Summary) || l.Summary == "" {
			t.Errorf("%.80s", text)
		}
	}
}

func TestLabelsAreBounded(t *testing.T) {
	labels := map[string]string{"__name": "x", "9": "x", "a.b": "x", "long": strings.Repeat("é", maxLabelBytes)}
	for c := 'a'; c <= 'z'; c++ {
		labels[string(c)] = "x"
	}
	set := labelsOf(labels, status.KindDrift)
	if len(set) != maxLabels || set["job"] != Job || set["kind"] != status.KindDrift || set["a"] != "x" || set["__name"] != "" {
		t.Errorf("%d labels: %v", len(set), set)
	}
}

// Whatever an event holds, its labels are such as Loki reads, and its line is JSON of the size that Loki takes.
func FuzzEntry(f *testing.F) {
	f.Add("drift", "somebody\nflushed", "by", "nft\xff\x00", "eu\"}{")
	f.Add("\uFFFD", "x", "y", "z", "\xff\uFFFD")
	f.Fuzz(func(t *testing.T, kind, summary, field, text, label string) {
		e := entryOf(status.Event{Sequence: 1, Kind: kind, Summary: summary, Fields: map[string]string{field: text}},
			map[string]string{"cluster": label, field: label})
		var l line
		if err := json.Unmarshal([]byte(e.line), &l); err != nil || len(e.line) > maxLine || strings.ContainsAny(e.line, "\n\x00") {
			t.Errorf("line %q: %v", e.line, err)
		}
		if l.Summary != strings.ToValidUTF8(summary, "\uFFFD") && !strings.ContainsRune(l.Summary, '\uFFFD') && !l.Cut {
			t.Errorf("summary %q of %q", l.Summary, summary)
		}
		parsed, err := parser.ParseMetric(e.labels.String())
		if err != nil || parsed.Get("job") != Job || parsed.Get("kind") != strings.ToValidUTF8(parsed.Get("kind"), "") {
			t.Errorf("labels %s: %v", e.labels, err)
		}
	})
}
