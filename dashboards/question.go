package dashboards

// page is a dashboard as it is written here.
type page struct {
	uid, title, about string
	role              string // of the one host that it is about; empty: the fleet
	sections          []section
}

// section is a row of panels under one head. A closed one asks nothing until somebody opens it.
type section struct {
	title     string
	closed    bool
	questions []question
}

// question is a panel: what it asks, and how its answer is shown.
type question struct {
	title           string
	about           string // what the number is, and what to do about it
	view            view
	unit            unit
	queries         []query
	limit           limit
	words           []Word   // of the values 0, 1, …
	none            string   // what stands where there is no answer
	hidden          []string // columns of a table, beside Time and Value
	hosts           []string // the dashboards to which a host in it leads
	namesConditions bool     // in a column of a table
	runbook         string   // the condition whose runbook says more; else
	docs            string   // a page of the documentation
	width           int
	height          int
}

// query is an expression and the name of what it returns.
type query struct{ expr, legend string }

// view is a kind of panel.
type view string

const (
	number view = "stat"
	lines  view = "timeseries"
	bars   view = "bargauge"
	table  view = "table"
	logs   view = "logs"
)

// unit is Grafana's name of a unit.
type unit string

const (
	count     unit = "short"
	ratio     unit = "percentunit"
	times     unit = "suffix: ×"
	byteCount unit = "bytes"
	seconds   unit = "s"
	perSecond unit = "pps"
	moment    unit = "dateTimeFromNow" // of milliseconds
)

// limit is where an answer is no good any more.
type limit struct{ steps []Step }

// from makes what reaches a value stand out as the condition's severity does.
func (b *builder) from(condition string, value float64) limit {
	c, enabled := b.condition(condition)
	if !enabled {
		return limit{}
	}
	return limit{[]Step{{Color: good}, {Color: colour(c.Severity), Value: &value}}}
}

// below makes what is less than a value stand out.
func (b *builder) below(condition string, value float64) limit {
	c, enabled := b.condition(condition)
	if !enabled {
		return limit{}
	}
	return limit{[]Step{{Color: colour(c.Severity)}, {Color: good, Value: &value}}}
}

// threshold is the limit at the condition's own threshold.
func (b *builder) threshold(condition string) limit {
	c, _ := b.condition(condition)
	return b.from(condition, c.Threshold)
}

const good = "green"

func colour(severity string) string {
	switch severity {
	case "critical":
		return "red"
	case "warning":
		return "orange"
	}
	return "blue"
}

// yesNo names 0 and 1, of which 1 is good.
func (b *builder) yesNo(condition string) []Word {
	c, enabled := b.condition(condition)
	bad := colour(c.Severity)
	if !enabled {
		bad = "text"
	}
	return []Word{{Text: "no", Color: bad}, {Text: "yes", Color: good}}
}

// noYes names 0 and 1, of which 0 is good.
func (b *builder) noYes(condition string) []Word {
	w := b.yesNo(condition)
	return []Word{{Text: "no", Color: good}, {Text: "yes", Color: w[0].Color}}
}
