package browser

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// axe is axe-core's program. Without it a test is skipped by name.
func axe(t testing.TB) string {
	t.Helper()
	var complaint strings.Builder
	fetch := exec.CommandContext(t.Context(), "bash", "axe.sh")
	fetch.Stderr = &complaint
	path, err := fetch.Output()
	if err != nil {
		t.Skipf("axe-core is lacking: %v: %s", err, strings.TrimSpace(complaint.String()))
	}
	program, err := os.ReadFile(strings.TrimSpace(string(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(program)
}

// violation is one rule of axe-core that a page breaks, and where.
type violation struct {
	ID     string
	Impact string
	Help   string
	Nodes  []string
}

// judge has a page judged by axe-core, and returns what is serious.
func (p *tab) judge(program string) []violation {
	p.t.Helper()
	ask[bool](p, program+"\n;true")
	found := ask[[]violation](p, `axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(v =>
		({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 5).map(n => n.html.slice(0, 200) + ' | ' + n.failureSummary)})))`)
	return slices.DeleteFunc(found, func(v violation) bool { return v.Impact != "serious" && v.Impact != "critical" })
}
