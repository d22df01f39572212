package capacity

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const (
	inUse       = "90 % in use"
	hosts       = 50
	clusterSize = 5
	// pageAbove and pageAfter are the rule that pages: 90 % of the limit really in use, for five minutes. Pages end after a
	// quarter of an hour without.
	pageAbove = 0.9
	pageAfter = 5
	clearTime = 15
)

// fleetOf is a month of clusters with a healthy provision, and what happens to them: cycles, growth, flash crowds every so many
// minutes, outages, a change of clocks. Players are spread equally over a cluster's hosts, and a cluster pages once, so that what
// counts is the use of memory of its fullest host, a value a minute.
func fleetOf(r *rand.Rand, every float64) [][]float64 {
	var fleet [][]float64
	for range hosts / clusterSize {
		const days, minutes = 30, 30 * perDay
		n := players(r, days)
		if r.IntN(2) == 0 {
			n.times(weekend(r))
		}
		n.base = between(r, 50e6, 250e6)
		n.provided(between(r, 1.5, 2.5))
		n.times(growing(between(r, 0, 0.005))).times(crowds(r, minutes, every)).times(outages(r, minutes, 30*perDay))
		if r.IntN(4) == 0 {
			n.shifted(60)
		}
		fullest := make([]float64, minutes)
		for range clusterSize {
			memory(r, n, fullest)
		}
		fleet = append(fleet, fullest)
	}
	return fleet
}

// memory raises fullest to the use of one host: a process that returns what is not needed within minutes, and collects garbage.
func memory(r *rand.Rand, n *node, fullest []float64) {
	halfLife, garbage, period, part := between(r, 1, 7), between(r, 0, 0.05), between(r, 2, 10), between(r, 0.97, 1.03)
	held := 0.0
	for minute := range n.load {
		need := n.use(minute) * part
		held = need + max(0, held-need)*math.Exp2(-1/halfLife)
		fullest[minute] = max(fullest[minute], held*(1+garbage*math.Mod(float64(minute), period)/period))
	}
}

// pages counts those of a rule, and the false ones: after which use did not come to 95 % of the limit within six hours, and fell below
// 90 % by itself within half an hour, before anybody could have done something.
func pages(use []float64, fires func(minute int) bool) (all, falses int) {
	active := false
	for minute := range use {
		was := active
		if active = fires(minute); !active || was {
			continue
		}
		all++
		after := use[minute:min(len(use), minute+6*perHour)]
		soon := after[:min(len(after), 30)]
		if slices.Max(after) < aboutFull && slices.Min(soon) < pageAbove {
			falses++
		}
	}
	return all, falses
}

// lasting is a condition that must hold for so many minutes, and ends when it has not held for clearTime.
func lasting(minutes int, now func(minute int) bool) func(minute int) bool {
	streak, active := 0, false
	return func(minute int) bool {
		if streak++; now(minute) == active {
			streak = 0
		}
		if !active && streak > minutes || active && streak > clearTime {
			active, streak = !active, 0
		}
		return active
	}
}

// pagers are what pages, and what others page by.
func pagers(use []float64) map[string]func(minute int) bool {
	extrapolated := func(minute int) bool {
		over := use[max(0, minute-perHour) : minute+1]
		return len(over) > perHour && line(over, 4*perHour) > 1
	}
	return map[string]func(minute int) bool{
		inUse:         lasting(pageAfter, func(minute int) bool { return use[minute] >= pageAbove }),
		"static 85 %": lasting(15, func(minute int) bool { return use[minute] > 0.85 }),
		"line 1h→4h":  lasting(15, extrapolated),
	}
}

// month is how one went: clusters that filled up, those of them that the rule under test did not page for, and pages by rule.
type month struct {
	full, silent int
	all, falses  map[string]int
}

func judged(fleet [][]float64) month {
	m := month{all: map[string]int{}, falses: map[string]int{}}
	for _, use := range fleet {
		paged := map[string]int{}
		for name, fires := range pagers(use) {
			all, falses := pages(use, fires)
			paged[name] = all
			m.all[name] += all
			m.falses[name] += falses
		}
		if slices.Max(use) < 1 {
			continue
		}
		if m.full++; paged[inUse] == 0 {
			m.silent++
		}
	}
	return m
}

// Fifty hosts with a healthy provision page at most once a month without cause; where memory does fill up, they page.
func TestFalsePages(t *testing.T) {
	const months = 4
	var falses, byLine, full int
	for seed := range uint64(months) {
		m := judged(fleetOf(rand.New(rand.NewPCG(seed, 31)), 30*perDay))
		t.Logf("%d clusters filled up; pages %v, of them false %v", m.full, m.all, m.falses)
		if m.silent > 0 {
			t.Errorf("%d clusters filled up without a page", m.silent)
		}
		falses += m.falses[inUse]
		byLine += m.falses["line 1h→4h"]
		full += m.full
	}
	if falses > months {
		t.Errorf("%d false pages in %d months, want at most one a month", falses, months)
	}
	if byLine < 5*months || full == 0 {
		t.Errorf("%d false pages by a line, %d clusters filled up: these months prove nothing", byLine, full)
	}
}

// BenchmarkPages prints the pages of a year.
func BenchmarkPages(b *testing.B) {
	const months = 12
	for b.Loop() {
		var table strings.Builder
		row := func(cells ...any) { fmt.Fprintf(&table, "%-22s %-12s %7s %7s %7s %7s\n", cells...) }
		row("load", "rule", "pages", "false", "worst", "full")
		for _, c := range []struct {
			name  string
			every float64
		}{{"a flash crowd a month", 30 * perDay}, {"a flash crowd a week", 7 * perDay}} {
			all, falses, worst, full := map[string]int{}, map[string]int{}, map[string]int{}, 0
			for seed := range uint64(months) {
				m := judged(fleetOf(rand.New(rand.NewPCG(seed, 31)), c.every))
				full += m.full
				for name := range m.all {
					all[name] += m.all[name]
					falses[name] += m.falses[name]
					worst[name] = max(worst[name], m.falses[name])
				}
			}
			average := func(count int) string { return fmt.Sprintf("%.1f", float64(count)/months) }
			for _, name := range []string{inUse, "static 85 %", "line 1h→4h"} {
				row(c.name, name, average(all[name]), average(falses[name]), fmt.Sprint(worst[name]), average(full))
			}
		}
		fmt.Printf("pages a month in ten clusters of five hosts, average and worst of %d months; clusters that filled up\n%s", months, table.String())
	}
}
