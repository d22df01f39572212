package dashboards

import (
	"slices"
	"strconv"
	"strings"
)

// docsBase is where the documentation can be read.
const docsBase = "https://github.com/nakama-warden/nakama-warden/blob/main/docs/"

// points is how many there are of a line: five minutes a step for a day, which bounds what a panel reads.
const (
	points       = 288
	shortestStep = "1m" // rules record every minute
)

func prometheusSource() Datasource { return Datasource{Type: "prometheus", UID: "${datasource}"} }
func lokiSource() Datasource       { return Datasource{Type: "loki", UID: "${loki}"} }

// panel is a question as Grafana shows it; its place is found later.
func (b *builder) panel(q question) Panel {
	source := prometheusSource()
	if q.view == logs {
		source = lokiSource()
	}
	p := Panel{Type: string(q.view), Title: q.title, Description: q.about, Datasource: &source,
		Options: options(q), FieldConfig: b.fields(q), Links: []Link{b.readOn(q)}}
	for i, query := range q.queries {
		p.Targets = append(p.Targets, b.target(q.view, query, source, string(rune('A'+i))))
	}
	switch q.view {
	case lines:
		p.Interval, p.MaxDataPoints = shortestStep, points
	case table:
		p.Transformations = columns(q.hidden)
	}
	return p
}

// target is a query. Only lines are about more than now.
func (b *builder) target(v view, q query, source Datasource, id string) Target {
	t := Target{RefID: id, Datasource: source, LegendFormat: strings.ReplaceAll(q.legend, "@cluster", b.ClusterLabel)}
	switch v {
	case logs:
		t.Expr, t.QueryType, t.MaxLines = q.expr, "range", 200
		return t
	case lines:
		t.Format, t.Range = "time_series", true
	case table:
		t.Format, t.Instant = "table", true
	default:
		t.Format, t.Instant = "time_series", true
	}
	t.Expr = b.expr(q.expr)
	return t
}

// readOn is where more is to be read.
func (b *builder) readOn(q question) Link {
	if q.runbook != "" {
		return Link{Title: "Runbook: " + q.runbook, URL: b.runbook(q.runbook), TargetBlank: true}
	}
	return Link{Title: "Documentation", URL: docsBase + q.docs, TargetBlank: true}
}

func (b *builder) runbook(condition string) string {
	return strings.TrimSuffix(b.RunbookBase, "/") + "/" + condition + ".md"
}

func (b *builder) fields(q question) *FieldConfig {
	d := Defaults{Unit: string(q.unit), NoValue: q.none, Mappings: []Mapping{},
		Color:      map[string]any{"mode": "thresholds"},
		Thresholds: Thresholds{Mode: "absolute", Steps: q.limit.steps}}
	if q.limit.steps == nil {
		d.Thresholds.Steps = []Step{{Color: "text"}}
	}
	if len(q.words) > 0 {
		words := map[string]Word{}
		for i, w := range q.words {
			w.Index = i
			words[strconv.Itoa(i)] = w
		}
		d.Mappings = []Mapping{{Type: "value", Options: words}}
	}
	d.Links = b.leads(q)
	if q.view == lines {
		d.Color = map[string]any{"mode": "palette-classic"}
		d.Custom = lineStyle(len(q.limit.steps) > 0)
		zero := 0.0
		d.Min = &zero
	}
	return &FieldConfig{Defaults: d, Overrides: []any{}}
}

// leads are where a click goes: to the host's own dashboard, and from a condition to its runbook.
func (b *builder) leads(q question) (links []Link) {
	label := "${__field.labels.instance}"
	if q.view == table {
		label = "${__data.fields.instance}"
	}
	for _, uid := range q.hosts {
		title := "As a Nakama host"
		if uid == uidCockroach {
			title = "As a CockroachDB host"
		}
		links = append(links, Link{Title: title, URL: "/d/" + uid + "?var-host=" + label + "&${datasource:queryparam}&${loki:queryparam}&${cluster:queryparam}"})
	}
	if q.namesConditions {
		links = append(links, Link{Title: "Runbook", URL: b.runbook("${__data.fields.condition}"), TargetBlank: true})
	}
	return links
}

func lineStyle(limited bool) map[string]any {
	limits := "off"
	if limited {
		limits = "line"
	}
	return map[string]any{"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 5, "showPoints": "auto",
		"spanNulls": false, "thresholdsStyle": map[string]any{"mode": limits}}
}

func options(q question) map[string]any {
	last := map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	switch q.view {
	case number:
		return map[string]any{"reduceOptions": last, "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto"}
	case bars:
		return map[string]any{"reduceOptions": last, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true}
	case lines:
		return map[string]any{"legend": map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"}}
	case logs:
		return map[string]any{"showTime": true, "showLabels": false, "wrapLogMessage": true, "prettifyLogMessage": false,
			"enableLogDetails": true, "dedupStrategy": "none", "sortOrder": "Descending"}
	}
	return map[string]any{"showHeader": true}
}

// columns takes away what a table of series has beside what was asked for.
func columns(hidden []string) []Transformation {
	exclude := map[string]bool{}
	for _, name := range append([]string{"Time", "__name__", "job"}, hidden...) {
		exclude[name] = true
	}
	return []Transformation{{ID: "organize", Options: map[string]any{"excludeByName": exclude, "indexByName": map[string]int{}, "renameByName": map[string]string{}}}}
}

// place lays sections on the grid, from left to right and from top to bottom, and numbers what is on it.
func (b *builder) place(sections []section) []Panel {
	var all []Panel
	y, id := 0, 0
	next := func() int { id++; return id }
	for _, s := range sections {
		head := Panel{ID: next(), Type: "row", Title: s.title, GridPos: GridPos{Y: y, W: gridWidth, H: 1}, Collapsed: &s.closed, Panels: []Panel{}}
		var below []Panel
		top, x, height := y+1, 0, 0
		for _, q := range s.questions {
			if x+q.width > gridWidth {
				top, x, height = top+height, 0, 0
			}
			p := b.panel(q)
			p.ID, p.GridPos = next(), GridPos{X: x, Y: top, W: q.width, H: q.height}
			below = append(below, p)
			x, height = x+q.width, max(height, q.height)
		}
		if y = top + height; s.closed {
			head.Panels, below, y = slices.Clone(below), nil, head.GridPos.Y+1
		}
		all = append(append(all, head), below...)
	}
	return all
}

const gridWidth = 24
