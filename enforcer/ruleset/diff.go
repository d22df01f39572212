package ruleset

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"
)

// Change turns one ruleset into another, in one atomic batch. The zero Change changes nothing.
type Change struct {
	// Rebuild replaces the table as a whole: its shape differs, and only a rebuild is certain to leave nothing else behind.
	Rebuild bool
	Want    Ruleset
	// Elements are the differences of sets, where the shape is the same.
	Elements []SetChange

	lines []string
}

// SetChange is the difference of one set's elements. A batch deletes before it adds: ranges may overlap across the two.
type SetChange struct {
	Set         Set // name and family of the set; its Ranges are not used
	Delete, Add []netipx.IPRange
}

// Empty says that there is nothing to do.
func (c Change) Empty() bool { return !c.Rebuild && len(c.Elements) == 0 }

// Lines describes the change for people: lines in nft's notation that begin with "+ " or "- ".
func (c Change) Lines() []string { return slices.Clone(c.lines) }

// Replace is the change that puts a ruleset in the place of whatever there is.
func Replace(want Ruleset) Change { return Change{Rebuild: true, Want: want} }

// Diff compares what there is with what is wanted.
func Diff(have, want Ruleset) Change {
	c := Change{Want: want}
	c.diffCounters(have.Counters, want.Counters)
	c.diffSets(have.Sets, want.Sets)
	c.diffChains(have.Chains, want.Chains)
	for _, f := range have.Foreign {
		if !slices.Contains(want.Foreign, f) {
			c.reshape("- " + f)
		}
	}
	for _, f := range want.Foreign {
		if !slices.Contains(have.Foreign, f) {
			c.reshape("+ " + f)
		}
	}
	if c.Rebuild {
		c.Elements = nil
	}
	return c
}

// reshape notes a difference that only a rebuild mends.
func (c *Change) reshape(line string) {
	c.Rebuild = true
	c.lines = append(c.lines, line)
}

func (c *Change) diffCounters(have, want []string) {
	for _, name := range have {
		if !slices.Contains(want, name) {
			c.reshape("- counter " + name)
		}
	}
	for _, name := range want {
		if !slices.Contains(have, name) {
			c.reshape("+ counter " + name)
		}
	}
}

func (c *Change) diffSets(have, want []Set) {
	for _, s := range have {
		if i := slices.IndexFunc(want, func(w Set) bool { return w.Name == s.Name }); i < 0 {
			c.reshape("- set " + s.Name)
		}
	}
	for _, w := range want {
		i := slices.IndexFunc(have, func(s Set) bool { return s.Name == w.Name })
		if i < 0 {
			c.reshape(fmt.Sprintf("+ set %s (%d elements)", w.Name, len(w.Ranges)))
			continue
		}
		if h := have[i]; h.Family != w.Family || h.Odd != w.Odd {
			c.reshape("- set " + h.kind())
			c.reshape("+ set " + w.kind())
		}
		c.diffElements(have[i], w)
	}
}

// kind describes a set without its elements.
func (s Set) kind() string {
	return strings.TrimSpace(fmt.Sprintf("%s: ipv%d_addr %s", s.Name, s.Family, s.Odd))
}

func (c *Change) diffElements(have, want Set) {
	d := SetChange{Set: Set{Name: want.Name, Family: want.Family}}
	i, j := 0, 0
	for i < len(have.Ranges) || j < len(want.Ranges) {
		if i < len(have.Ranges) && j < len(want.Ranges) && have.Ranges[i] == want.Ranges[j] {
			i, j = i+1, j+1 // nearly always, and cheaper to see than the order
			continue
		}
		var order int
		switch {
		case i == len(have.Ranges):
			order = 1
		case j == len(want.Ranges):
			order = -1
		default:
			order = compareRanges(have.Ranges[i], want.Ranges[j])
		}
		if order < 0 {
			d.Delete = append(d.Delete, have.Ranges[i])
		}
		if order > 0 {
			d.Add = append(d.Add, want.Ranges[j])
		}
		if order <= 0 {
			i++
		}
		if order >= 0 {
			j++
		}
	}
	if len(d.Delete)+len(d.Add) == 0 {
		return
	}
	c.Elements = append(c.Elements, d)
	c.lines = append(c.lines, elementLines(d)...)
}

// describedElements bounds how many elements of one set a description names.
const describedElements = 20

func elementLines(d SetChange) []string {
	var lines []string
	name := func(sign string, ranges []netipx.IPRange) {
		for i, r := range ranges {
			if i == describedElements {
				lines = append(lines, fmt.Sprintf("%s element %s: %d more", sign, d.Set.Name, len(ranges)-i))
				return
			}
			lines = append(lines, fmt.Sprintf("%s element %s { %s }", sign, d.Set.Name, elementString(r)))
		}
	}
	name("-", d.Delete)
	name("+", d.Add)
	return lines
}

func (c *Change) diffChains(have, want []Chain) {
	for _, h := range have {
		if !slices.ContainsFunc(want, func(w Chain) bool { return w.Name == h.Name }) {
			c.reshape("- chain " + h.Name)
		}
	}
	for _, w := range want {
		i := slices.IndexFunc(have, func(h Chain) bool { return h.Name == w.Name })
		if i < 0 {
			c.reshape("+ chain " + w.Name)
			for _, r := range w.Rules {
				c.reshape(fmt.Sprintf("+ rule %s: %s", w.Name, r))
			}
			continue
		}
		if have[i].Hook != w.Hook {
			c.reshape(fmt.Sprintf("- chain %s { %s }", w.Name, have[i].Hook))
			c.reshape(fmt.Sprintf("+ chain %s { %s }", w.Name, w.Hook))
		}
		c.diffRules(w.Name, have[i].Rules, w.Rules)
	}
}

// diffRules names the rules between the common beginning and the common end of the two lists.
func (c *Change) diffRules(chain string, have, want []Rule) {
	for len(have) > 0 && len(want) > 0 && slices.Equal(have[0], want[0]) {
		have, want = have[1:], want[1:]
	}
	for len(have) > 0 && len(want) > 0 && slices.Equal(have[len(have)-1], want[len(want)-1]) {
		have, want = have[:len(have)-1], want[:len(want)-1]
	}
	for _, r := range have {
		c.reshape(fmt.Sprintf("- rule %s: %s", chain, r))
	}
	for _, r := range want {
		c.reshape(fmt.Sprintf("+ rule %s: %s", chain, r))
	}
}
