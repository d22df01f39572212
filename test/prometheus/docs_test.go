package prometheus

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
)

// What on-call reads of the fleet's conditions is what the rules do, and their names are those that can be overridden.
func TestFleetConditionsAreDocumented(t *testing.T) {
	page := read(t, "../../docs/conditions.md")
	for _, c := range rules.FleetConditions() {
		after, gone, threshold := model.Duration(c.For), model.Duration(c.ClearAfter), ""
		if c.Threshold > 0 {
			threshold = fmt.Sprintf("%g %s", c.Threshold, c.Unit)
		}
		row := fmt.Sprintf("| [%s](runbooks/%s.md) | %s | %s | %s | %s | %s |\n", c.Name, c.Name, c.Severity, after, gone, threshold, c.Title)
		if !strings.Contains(page, row) {
			t.Errorf("docs/conditions.md lacks %s", row)
		}
		head := fmt.Sprintf("# %s\n\n%s · told after %s · gone after %s · about the fleet\n\n## What it means\n", c.Name, c.Severity, after, gone)
		if book := read(t, "../../docs/runbooks/"+c.Name+".md"); !strings.HasPrefix(book, head) {
			t.Errorf("%s: want it to begin with\n%s", c.Name, head)
		}
		if !slices.Contains(alerting.FleetConditions(), c.Name) {
			t.Errorf("%s cannot be overridden", c.Name)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
