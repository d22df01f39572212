package prometheus

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/alerting"
)

// judged are the tests of conditions that the agent judges. They differ only in their times, severities, and in whether a maintenance
// keeps them quiet; so they are made of the catalogue. Times are promtool's, from 0, in minutes.
func judged(t *testing.T) []byte {
	t.Helper()
	var text bytes.Buffer
	text.WriteString("# Made from the catalogue by `go test -update`: conditions that the agent itself judges.\n" +
		"rule_files: [rules.yml]\nevaluation_interval: 1m\n\ntests:\n")
	file, _ := build(t, shipped())
	byAlert := map[string]string{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			byAlert[r.Alert] = r.Expr
		}
	}
	for _, d := range alerting.Catalogue() {
		expr := strings.Join(strings.Fields(byAlert["NakamaWarden"+d.Name]), "")
		only := fmt.Sprintf(`maxwithout(condition,severity)(nakama_warden_condition_active{condition=%q,job="nakama-warden"})==1`, d.Name)
		if expr == only || expr == "("+only+`)unlesson(instance)nakama_warden_maintenance{job="nakama-warden"}==1` {
			text.WriteString(judgedTest(d))
		}
	}
	return text.Bytes()
}

// judgedTest is about hosts on which the condition: holds for ever (long); ends one minute before it is told (short), not there at all
// where it is told at once; holds until it was told and five minutes more (ended); vanishes with its host (gone); holds in a
// maintenance (upkeep); does not hold (well); is not known (unknown, which has no series).
func judgedTest(d alerting.Definition) string {
	told, gone := minutes(d.For), minutes(d.ClearAfter)
	const end = 400
	over := told + 5 // the last minute of ended is over, and what comes after is 0
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    interval: 1m\n    input_series:\n", d.Name)
	series := func(instance, values string) {
		fmt.Fprintf(&b, "      - {series: 'nakama_warden_condition_active{job=\"nakama-warden\",instance=\"%s\",condition=\"%s\",severity=\"%s\"}', values: '%s'}\n", instance, d.Name, d.Severity, values)
	}
	series("long", fmt.Sprintf("1+0x%d", end))
	if told > 0 {
		series("short", fmt.Sprintf("1+0x%d 0+0x%d", told-1, end))
	}
	series("ended", fmt.Sprintf("1+0x%d 0+0x%d", over, end))
	series("gone", fmt.Sprintf("1+0x%d stale", over))
	series("upkeep", fmt.Sprintf("1+0x%d", end))
	series("well", fmt.Sprintf("0+0x%d", end))
	fmt.Fprintf(&b, "      - {series: 'nakama_warden_maintenance{job=\"nakama-warden\",instance=\"upkeep\"}', values: '1+0x%d'}\n", end)
	fmt.Fprintf(&b, "      - {series: 'nakama_warden_maintenance{job=\"nakama-warden\",instance=\"long\"}', values: '0+0x%d'}\n", end)

	fmt.Fprintf(&b, "    promql_expr_test:\n")
	at := func(minute int, instances ...string) {
		fmt.Fprintf(&b, "      - expr: 'count by (instance, severity) (ALERTS{alertname=\"NakamaWarden%s\",alertstate=\"firing\"})'\n        eval_time: %dm\n        exp_samples:", d.Name, minute)
		if len(instances) == 0 {
			b.WriteString(" []")
		}
		b.WriteString("\n")
		for _, instance := range instances {
			if instance != "upkeep" || d.About != alerting.AboutAvailability {
				fmt.Fprintf(&b, "          - {labels: '{instance=\"%s\",severity=\"%s\"}', value: 1}\n", instance, d.Severity)
			}
		}
	}
	if told > 0 {
		at(told - 1)
	} else {
		fmt.Fprintf(&b, "      - {expr: 'ALERTS{alertname=\"NakamaWarden%s\",alertstate=\"firing\",instance=~\"well|unknown\"}', eval_time: 1m, exp_samples: []}\n", d.Name)
	}
	at(told, "long", "ended", "gone", "upkeep")
	if gone > 0 {
		at(over+gone, "long", "ended", "gone", "upkeep")
	}
	at(over+1+gone, "long", "upkeep")
	return b.String()
}

func minutes(d time.Duration) int { return int(d / time.Minute) }
