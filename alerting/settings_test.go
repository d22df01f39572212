package alerting

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestSettings(t *testing.T) {
	number := func(f float64) *float64 { return &f }
	hold := func(d time.Duration) *time.Duration { return &d }
	yes, no := true, false
	// Memory of the Nakama is at 80 %, a drift was 20 min ago, a group is an hour and a half old, and the console is declared unsafe.
	h := healthy()
	nakamaOf(&h).Memory.Anonymous = 3.1e9
	h.Firewall.LastDrift = &status.Drift{Time: noon.Add(-20 * time.Minute), Kind: "rule"}
	h.Roster[0].LastSuccess = noon.Add(-90 * time.Minute)
	h.Services[1].Unsafe = true
	before := []string{"-RosterStale/admins", "-UnsafeExposure/nakama-console"}

	for what, c := range map[string]struct {
		name string
		o    Override
		want []string
	}{
		"none":                     {"", Override{}, before},
		"unknown name":             {"Nonsense", Override{Severity: "critical", Enabled: &no}, before},
		"a lower ratio":            {"MemoryNearlyExhausted", Override{Threshold: number(0.8)}, slices.Concat([]string{"!MemoryNearlyExhausted/nakama.service"}, before)},
		"one that is not met":      {"MemoryNearlyExhausted", Override{Threshold: number(0.801)}, before},
		"a longer window":          {"Drift", Override{Threshold: number(1800)}, append(slices.Clone(before), "~Drift")},
		"not a number":             {"MemoryNearlyExhausted", Override{Threshold: number(math.NaN())}, before},
		"0":                        {"MemoryNearlyExhausted", Override{Threshold: number(0)}, before},
		"below 0":                  {"MemoryNearlyExhausted", Override{Threshold: number(-1)}, before},
		"infinite":                 {"RosterStale", Override{Threshold: number(math.Inf(1))}, before},
		"a longer age":             {"RosterStale", Override{Threshold: number(7200)}, before[1:]},
		"disabled":                 {"RosterStale", Override{Enabled: &no}, before[1:]},
		"enabled":                  {"RosterStale", Override{Enabled: &yes}, before},
		"another severity":         {"RosterStale", Override{Severity: "info"}, []string{"-UnsafeExposure/nakama-console", "~RosterStale/admins"}},
		"over that of the finding": {"UnsafeExposure", Override{Severity: "critical"}, []string{"!UnsafeExposure/nakama-console", "-RosterStale/admins"}},
		"no severity":              {"RosterStale", Override{Severity: "page"}, before},
		"a target of its own":      {"ProvisionBelowTarget", Override{Threshold: number(2.5)}, slices.Concat([]string{"-ProvisionBelowTarget/nakama.service"}, before)},
		"a target that is met":     {"ProvisionBelowTarget", Override{Threshold: number(2.4)}, before},
	} {
		got := Evaluate(h, Settings{Overrides: map[string]Override{c.name: c.o}})
		if names := notation(got); !slices.Equal(names, c.want) {
			t.Errorf("%s: got %q, want %q", what, names, c.want)
		}
	}

	for what, c := range map[string]struct {
		hold     *time.Duration
		scale    float64
		For, ago time.Duration
	}{
		"built in":        {nil, 0, 10 * time.Minute, 5 * time.Minute},
		"overridden":      {hold(time.Minute), 1, time.Minute, 5 * time.Minute},
		"at once":         {hold(0), 1, 0, 5 * time.Minute},
		"negative":        {hold(-time.Minute), 1, 10 * time.Minute, 5 * time.Minute},
		"scaled":          {nil, 0.1, time.Minute, 30 * time.Second},
		"both":            {hold(time.Minute), 0.5, 30 * time.Second, 150 * time.Second},
		"not a number":    {nil, math.NaN(), 10 * time.Minute, 5 * time.Minute},
		"a negative one":  {nil, -3, 10 * time.Minute, 5 * time.Minute},
		"an infinite one": {nil, math.Inf(1), 10 * time.Minute, 5 * time.Minute},
		"a huge one":      {nil, 1e300, longestHold, longestHold},
		"a huge hold":     {hold(math.MaxInt64), 0, longestHold, 5 * time.Minute},
	} {
		got := Evaluate(h, Settings{HoldScale: c.scale, Overrides: map[string]Override{"RosterStale": {For: c.hold}}})
		if stale := got[0]; stale.Name != "RosterStale" || stale.For != c.For || stale.ClearAfter != c.ago {
			t.Errorf("%s: %s told after %s, gone after %s; want %s, %s", what, stale.Name, stale.For, stale.ClearAfter, c.For, c.ago)
		}
	}
}
