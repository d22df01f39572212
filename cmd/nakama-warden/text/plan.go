package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// Plan writes what would change in the kernel.
func Plan(w io.Writer, s Style, plan status.Plan) error {
	p := page{style: s}
	p.plan(plan)
	return p.flush(w)
}

// PlanToEnforce writes last whether audit may become enforce: recent of those whom audit let in stand in the way.
func PlanToEnforce(w io.Writer, s Style, plan status.Plan, recent int) error {
	p := page{style: s}
	p.plan(plan)
	p.writeLine("")
	switch {
	case recent > 0:
		p.prose(line{lead: "NOT YET  ", leadColour: red, text: fmt.Sprintf("%s of the last 7 days would be refused: "+
			"add who belongs there to a group that may, or see that they stay away", words.Several(recent, "source"))})
	case len(plan.Cuts) > 0:
		p.prose(line{lead: "LOOK FIRST  ", leadColour: yellow, text: words.Several(len(plan.Cuts), "source") + " would be refused whose connections are open now"})
	case len(plan.Audited) > 0:
		p.prose(line{lead: "READY  ", leadColour: green, text: "nobody of the last 7 days would be refused; who came before that is listed above"})
	default:
		p.prose(line{lead: "READY  ", leadColour: green, text: "nobody whom audit has seen would be refused"})
	}
	return p.flush(w)
}

func (p *page) plan(plan status.Plan) {
	if len(plan.Changes) == 0 {
		p.prose(line{text: "No changes: the kernel holds the declared policy."})
	} else {
		p.changes(plan.Changes)
		p.prose(line{text: fmt.Sprintf("%d to add, %d to remove.", count(plan.Changes, "+ "), count(plan.Changes, "- "))})
	}
	p.cuts(plan.Cuts)
	p.audited(plan.Audited)
}

// cuts names sources whose connections are open now and would be refused.
func (p *page) cuts(cuts []status.Cut) {
	if len(cuts) == 0 {
		return
	}
	var rows [][]cell
	for _, c := range cuts {
		rows = append(rows, []cell{{text: c.Service}, {text: c.Source}, {text: fmt.Sprint(c.Connections)}})
	}
	p.heading("CONNECTIONS THAT WOULD BE CUT")
	p.table([]column{{title: "SERVICE", least: 8, yield: 1}, {title: "SOURCE", least: 12, yield: 2}, {title: "OPEN NOW", right: true}}, rows)
}

// audited names sources that audit let in and that would be refused.
func (p *page) audited(cuts []status.Cut) {
	if len(cuts) == 0 {
		return
	}
	seen := words.Clock
	if p.narrow() {
		seen = date
	}
	var rows [][]cell
	for _, c := range cuts {
		last := words.Unknown
		if !c.Last.IsZero() {
			last = seen(c.Last)
		}
		rows = append(rows, []cell{{text: c.Service}, {text: c.Source}, {text: words.Short(c.Count)}, {text: last}})
	}
	p.heading("LET IN BY AUDIT, AND WOULD BE REFUSED")
	p.table([]column{{title: "SERVICE", least: 8, yield: 1}, {title: "SOURCE", least: 12, yield: 2}, {title: "PACKETS", right: true}, {title: "LAST"}}, rows)
}

func count(lines []string, prefix string) int {
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}
