package paths

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// tables is what is asked of nftables. Nothing is written.
type tables interface {
	tables(context.Context) ([]*nftables.Table, error)
	chains(context.Context) ([]*nftables.Chain, error)
	rules(table *nftables.Table) (map[string][]rule, error)
	set(table *nftables.Table, name string) (*nftables.Set, []nftables.SetElement, error)
}

// walkTries is how often rules are read again when what they refer to was gone.
const walkTries = 3

// nftTranslations follows the rules of every base chain that packets from outside meet before routing. Where somebody
// replaces rules meanwhile it begins again: a translation that is overlooked is a hole.
func (l *look) nftTranslations(ctx context.Context) ([]translation, error) {
	var w *walk
	var err error
	for range walkTries {
		if w, err = l.walkNft(ctx); err == nil || !vanished(err) {
			break
		}
	}
	l.chainNames = append(l.chainNames, w.chains...)
	l.problems = append(l.problems, w.problems...)
	if vanished(err) {
		err = fmt.Errorf("the rules changed while they were read (%v)", err)
	}
	return w.found, err
}

func (l *look) walkNft(ctx context.Context) (*walk, error) {
	w := &walk{tables: l.ruleset, rules: map[tableName]map[string][]rule{}, sets: map[chainName]content{}}
	chains, err := l.ruleset.chains(ctx)
	if err != nil {
		return w, err
	}
	for _, c := range chains {
		if ours(c.Table) {
			continue
		}
		w.chains = append(w.chains, chainName{c.Table.Family, c.Table.Name, c.Name})
		if c.Hooknum == nil || *c.Hooknum != *nftables.ChainHookPrerouting || !routed(c.Table.Family) {
			continue
		}
		if err := w.base(ctx, c); err != nil {
			return w, err
		}
	}
	return w, nil
}

func ours(t *nftables.Table) bool {
	return t.Name == ruleset.TableName && t.Family == nftables.TableFamilyINet
}

// routed says that the family's chains see IP packets; the hooks of others have the same numbers.
func routed(f nftables.TableFamily) bool {
	return f == nftables.TableFamilyINet || f == nftables.TableFamilyIPv4 || f == nftables.TableFamilyIPv6
}

type tableName struct {
	family nftables.TableFamily
	name   string
}

// chainName names a chain, or a set, of any table.
type chainName struct {
	family nftables.TableFamily
	table  string
	name   string
}

func (c chainName) String() string {
	return fmt.Sprintf("%s %s %s", familyName(c.family), c.table, c.name)
}

func familyName(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyINet:
		return "inet"
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	case nftables.TableFamilyARP:
		return "arp"
	case nftables.TableFamilyBridge:
		return "bridge"
	case nftables.TableFamilyNetdev:
		return "netdev"
	}
	return fmt.Sprintf("family %d", f)
}

// The bounds of a walk. Jumps nest at most 16 deep in the kernel; a rule counts as a step each time it is met.
const (
	maxDepth = 16
	maxSteps = 20_000
)

var errTooManyRules = errors.New("too many to follow")

// walk follows rules with what is known about the packets that meet them. Each map and each set of ports splits them;
// what is not understood is taken to match, and a chain's end is taken to be reached.
type walk struct {
	tables   tables
	rules    map[tableName]map[string][]rule
	sets     map[chainName]content
	chains   []chainName // of all tables but ours
	steps    int
	found    []translation
	problems []string
}

func (w *walk) base(ctx context.Context, c *nftables.Chain) error {
	err := w.chain(ctx, c.Table, c.Name, anything(), 0)
	if errors.Is(err, errTooManyRules) {
		w.problems = append(w.problems, fmt.Sprintf("the NAT rules of %s: %v; what they lead to is not guarded as an alias", chainName{c.Table.Family, c.Table.Name, c.Name}, err))
		return nil
	}
	return err
}

func (w *walk) chain(ctx context.Context, table *nftables.Table, name string, m match, depth int) error {
	if depth > maxDepth {
		return nil
	}
	key := tableName{table.Family, table.Name}
	rules, known := w.rules[key]
	if !known {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if rules, err = w.tables.rules(table); err != nil {
			return fmt.Errorf("read table %s %s: %w", familyName(table.Family), table.Name, err)
		}
		w.rules[key] = rules
	}
	for _, r := range rules[name] {
		at := position{table: table, chain: name, depth: depth}
		if err := w.rule(ctx, at, r, state{match: m}); err != nil {
			return err
		}
	}
	return nil
}

// position is where in the ruleset a rule stands.
type position struct {
	table *nftables.Table
	chain string
	depth int
}

func (p position) String() string { return chainName{p.table.Family, p.table.Name, p.chain}.String() }

// state is what is known in the middle of a rule.
type state struct {
	match     match
	registers registers
}

// rule evaluates the rest of a rule.
func (w *walk) rule(ctx context.Context, at position, rest rule, s state) error {
	if w.steps++; w.steps > maxSteps {
		return errTooManyRules
	}
	for i, e := range rest {
		switch e := e.(type) {
		case *expr.Lookup:
			return w.lookup(ctx, at, e, rest[i+1:], s)
		case *expr.Verdict:
			return w.verdict(ctx, at, e, s.match)
		case *expr.NAT:
			w.nat(at, e, s)
		case *expr.Redir:
			low, high, known := s.registers.ports(e.RegisterProtoMin, e.RegisterProtoMax)
			w.add(at, "redirect", translation{low: low, high: high}, known, s.match)
		case tproxy:
			low, high, known := s.registers.ports(e.portRegister, 0)
			w.add(at, "tproxy", translation{low: low, high: high}, known, s.match)
		case target:
			w.target(at, e, s.match)
		default:
			s.step(e)
		}
		if s.match.isEmpty() {
			return nil
		}
	}
	return nil
}

func (w *walk) verdict(ctx context.Context, at position, v *expr.Verdict, m match) error {
	if v.Kind != expr.VerdictJump && v.Kind != expr.VerdictGoto {
		return nil
	}
	return w.chain(ctx, at.table, v.Chain, m, at.depth+1)
}

func (w *walk) nat(at position, e *expr.NAT, s state) {
	if e.Type != expr.NATTypeDestNAT {
		return
	}
	low, high, known := s.registers.ports(e.RegProtoMin, e.RegProtoMax)
	t := translation{low: low, high: high}
	if e.RegAddrMin != 0 {
		size := 4
		if e.Family == unix.NFPROTO_IPV6 {
			size = 16
		}
		from, fromKnown := s.registers.address(e.RegAddrMin, size)
		t.from, t.to = from, from
		known = known && fromKnown
		if e.RegAddrMax != 0 && e.RegAddrMax != e.RegAddrMin {
			to, toKnown := s.registers.address(e.RegAddrMax, size)
			t.to, known = to, known && toKnown
		}
	}
	w.add(at, "dnat", t, known, s.match)
}

// add notes a translation. One that could not be read is a problem: it may lead anywhere.
func (w *walk) add(at position, verb string, t translation, known bool, m match) {
	t.via, t.match = "nft "+verb+" "+at.String(), m
	if !known {
		w.problems = append(w.problems, fmt.Sprintf("where a %s of %s leads could not be read", verb, at))
		return
	}
	if t.high < t.low {
		t.high = t.low
	}
	w.found = append(w.found, t)
}
