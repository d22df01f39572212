package paths

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// content is what a set or map holds.
type content struct {
	isMap    bool
	elements []element
}

// element is a range of keys, both included, and what they are mapped to.
type element struct {
	first, last []byte
	value       []byte
	verdict     *expr.Verdict
}

// lookup evaluates a set or map and goes on with what each element leaves.
func (w *walk) lookup(ctx context.Context, at position, e *expr.Lookup, rest rule, s state) error {
	if !e.IsDestRegSet && !s.registers.tell(e.SourceRegister) {
		return w.rule(ctx, at, rest, s) // a set of addresses: it may be large, and tells nothing of ports
	}
	c, err := w.content(at.table, e)
	if err != nil {
		return err
	}
	key := s.registers
	if e.Invert || !c.isMap {
		s.match = c.ports(key, e, s.match)
		if s.match.isEmpty() {
			return nil
		}
	}
	if !c.isMap && !concatenates(c) || e.Invert {
		return w.rule(ctx, at, rest, s)
	}
	for _, el := range c.elements {
		branch := s
		branch.match = el.narrow(key, e.SourceRegister, s.match)
		if branch.match.isEmpty() {
			continue
		}
		if el.verdict != nil {
			err = w.verdict(ctx, at, el.verdict, branch.match)
		} else {
			if c.isMap {
				branch.registers.set(e.DestRegister, el.value)
			}
			err = w.rule(ctx, at, rest, branch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// concatenates says that the keys have several parts, which belong together.
func concatenates(c content) bool { return len(c.elements) > 0 && len(c.elements[0].first) > 4 }

// ports narrows a match by a set whose whole key is the destination port or the protocol: one match, however many
// elements.
func (c content) ports(key registers, e *expr.Lookup, m match) match {
	if concatenates(c) || key.holds(e.SourceRegister) != portField {
		if !e.Invert && !concatenates(c) {
			return c.protocols(key, e, m)
		}
		return m
	}
	var ranges []portRange
	for _, el := range c.elements {
		if len(el.first) >= 2 && len(el.last) >= 2 {
			ranges = append(ranges, portRange{port(el.first), port(el.last)})
		}
	}
	ports := union(ranges...)
	if e.Invert {
		ports = ports.complement()
	}
	return m.onPorts(ports)
}

func (c content) protocols(key registers, e *expr.Lookup, m match) match {
	if key.holds(e.SourceRegister) != protocolField {
		return m
	}
	var either match
	for _, el := range c.elements {
		one := el.narrow(key, e.SourceRegister, m)
		either.tcp, either.udp = either.tcp || one.tcp, either.udp || one.udp
	}
	m.tcp, m.udp = either.tcp, either.udp
	return m
}

// narrow keeps of a match what has the element's key.
func (el element) narrow(key registers, register uint32, m match) match {
	at := slot(register)
	for i := 0; at >= 0 && i < len(el.first) && i < len(el.last) && at < len(key); i, at = i+4, at+1 {
		first, last := el.first[i:], el.last[i:]
		switch key[at].holds {
		case protocolField:
			if first[0] == last[0] {
				m = m.onProtocol(first[0], false)
			}
		case portField:
			if len(first) >= 2 && len(last) >= 2 {
				m = m.onPorts(union(portRange{port(first), port(last)}))
			}
		}
	}
	return m
}

func (w *walk) content(table *nftables.Table, e *expr.Lookup) (content, error) {
	key := chainName{table.Family, table.Name, e.SetName}
	if known, ok := w.sets[key]; ok {
		return known, nil
	}
	set, elements, err := w.tables.set(table, e.SetName)
	if err != nil {
		return content{}, fmt.Errorf("read set %s: %w", key, err)
	}
	c := content{isMap: set.IsMap, elements: ranges(elements)}
	if toVerdict := set.IsMap && e.DestRegister == unix.NFT_REG_VERDICT; toVerdict {
		for i := range c.elements {
			if c.elements[i].verdict, err = parseVerdict(c.elements[i].value); err != nil {
				return content{}, fmt.Errorf("read map %s: %w", key, err)
			}
		}
	}
	w.sets[key] = c
	return c, nil
}

// ranges turns what the kernel lists into elements. An interval without concatenation is listed as two: its start, and
// the exclusive end that is marked as such.
func ranges(listed []nftables.SetElement) []element {
	listed = slices.Clone(listed)
	slices.SortStableFunc(listed, func(a, b nftables.SetElement) int { return bytes.Compare(a.Key, b.Key) })
	hasEnds := slices.ContainsFunc(listed, func(e nftables.SetElement) bool { return e.IntervalEnd })
	var found []element
	for i, e := range listed {
		if e.IntervalEnd {
			continue
		}
		el := element{first: e.Key, last: e.Key, value: e.Val}
		switch {
		case len(e.KeyEnd) > 0:
			el.last = e.KeyEnd
		case hasEnds:
			el.last = before(listed[i+1:], e.Key)
		}
		found = append(found, el)
	}
	return found
}

// before returns the last key before the next listed one that is greater than start, or the greatest there is.
func before(rest []nftables.SetElement, start []byte) []byte {
	for _, next := range rest {
		if bytes.Compare(next.Key, start) <= 0 {
			continue
		}
		last := bytes.Clone(next.Key)
		for i := len(last) - 1; i >= 0; i-- {
			last[i]--
			if last[i] != math.MaxUint8 {
				break
			}
		}
		return last
	}
	return bytes.Repeat([]byte{math.MaxUint8}, len(start))
}
