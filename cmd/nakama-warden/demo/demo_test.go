package demo

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The words that make this test binary one of the programs of a demo.
const (
	serveWord   = "serve"
	machineWord = "machine"
	standInWord = "stand-in"
)

func TestMain(m *testing.M) {
	if part := partOf(os.Args); part != nil {
		fmt.Fprintln(os.Stderr, part())
		os.Exit(1)
	}
	lab.Main(m.Run)
}

// partOf is the program that the arguments make of this test binary; nil if it is the test.
func partOf(args []string) func() error {
	switch ctx := context.Background(); {
	case len(args) == 3 && args[1] == serveWord:
		return func() error {
			descriptors, err := strconv.ParseUint(args[2], 10, 32)
			if err != nil {
				return err
			}
			return Serve(ctx, descriptors)
		}
	case len(args) == 2 && args[1] == machineWord:
		return func() error { return Machine(ctx) }
	case len(args) > 2 && args[1] == standInWord:
		return func() error { return StandIn(ctx, args[2:]) }
	}
	return nil
}

// recorder remembers what an audience is told.
type recorder struct {
	acts   []string
	checks []Check
	onAct  func(title string)
}

func (r *recorder) Act(title string) {
	r.acts = append(r.acts, title)
	if r.onAct != nil {
		r.onAct(title)
	}
}
func (r *recorder) Progress(string) {}
func (r *recorder) Check(c Check)   { r.checks = append(r.checks, c) }

// start builds a fleet whose programs are this test binary, and whose daemons end at once.
func start(t *testing.T, audience Audience) *Demo {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(Options{Program: program, Machine: []string{machineWord}, StandIn: []string{standInWord}, Dir: t.TempDir()}, audience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, a := range d.fleet.agents {
		a.program = "/bin/false"
	}
	d.over = t.Context().Err
	return d
}

func TestWithoutADaemonTheFleetIsOpenAndTheDemoEnds(t *testing.T) {
	var told recorder
	d := start(t, &told)
	summary := d.Play(t.Context())
	if summary.OK() || !strings.Contains(summary.Problem, "the daemon ended: exit status 1") {
		t.Errorf("%+v; want the daemon's end as the problem", summary)
	}
	if len(told.checks) != 1 || !told.checks[0].Held {
		t.Errorf("checks: %+v; want one, that everything is open", told.checks)
	}
	for _, s := range d.fleet.try(t.Context(), []path{{"player", "nakama-1", 1, lab.Refused}}) {
		if !s.is(lab.Refused) {
			t.Errorf("a closed port: %s; want refused", s)
		}
	}
}

func TestWithoutADaemonNoHiddenPathHolds(t *testing.T) {
	var told recorder
	d := start(t, &told)
	if err := d.whoReachesWhat(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range told.checks {
		if c.Held && c.Expected != string(lab.Open) && c.SeenV4 != c.Expected {
			t.Errorf("%+v held", c)
		}
		if strings.HasSuffix(c.Name, ":9735") {
			continue // nobody listens there without daemons
		}
		if held := c.Expected == string(lab.Open); c.Held != held || c.SeenV4 != "open" || c.SeenV6 != "open" {
			t.Errorf("%+v; want open, and held only if that is expected", c)
		}
	}
}

func TestAnInterruptedDemoCountsNothingMore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := recorder{onAct: func(string) { cancel() }}
	summary := start(t, &told).Play(ctx)
	if summary.OK() || summary.Problem != "interrupted" || summary.Checks != 0 || len(told.acts) != 1 {
		t.Errorf("%+v, acts %q; want interrupted in the first act, no checks", summary, told.acts)
	}
}

func TestSummaryOK(t *testing.T) {
	for _, tt := range []struct {
		summary Summary
		want    bool
	}{
		{Summary{}, false},
		{Summary{Checks: 2, Held: 1}, false},
		{Summary{Checks: 2, Held: 2}, true},
		{Summary{Checks: 2, Held: 2, Problem: "interrupted"}, false},
	} {
		if got := tt.summary.OK(); got != tt.want {
			t.Errorf("%+v: %t; want %t", tt.summary, got, tt.want)
		}
	}
}

func TestAwait(t *testing.T) {
	asked := 0
	if !await(t.Context(), time.Minute, func() bool { asked++; return asked == 3 }) || asked != 3 {
		t.Errorf("asked %d times; want 3", asked)
	}
	if await(t.Context(), time.Millisecond, func() bool { return false }) {
		t.Error("the answer was never yes")
	}
}

func TestTheFileOfNodesIsWholeAndNamesBothFamilies(t *testing.T) {
	d := start(t, &recorder{})
	if err := d.fleet.setNodes("nakama-1"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(d.fleet.nodes)
	if err != nil {
		t.Fatal(err)
	}
	h := d.fleet.host("nakama-1")
	want := `[{"targets":["` + h.V4.String() + `:7350","[` + h.V6.String() + `]:7350"]}]`
	if string(text) != want {
		t.Errorf("got %s; want %s", text, want)
	}
	if left, err := filepath.Glob(d.fleet.nodes + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTamperWantsAKnownWayAndAddresses(t *testing.T) {
	for _, args := range [][]string{nil, {"politely"}, {"flush", "not-an-address"}} {
		if err := Tamper(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// Each way must really change the ruleset: a daemon that has nothing to repair proves nothing.
func TestEveryWayChangesTheRuleset(t *testing.T) {
	friend := netip.MustParseAddr("192.0.2.7")
	for way, changed := range map[string]func(t *testing.T, conn *nftables.Conn) bool{
		"flush":  func(t *testing.T, conn *nftables.Conn) bool { return len(tables(t, conn)) == 0 },
		"delete": func(t *testing.T, conn *nftables.Conn) bool { return len(tables(t, conn)) == 0 },
		"dormant": func(t *testing.T, conn *nftables.Conn) bool {
			return slices.ContainsFunc(tables(t, conn), func(t *nftables.Table) bool { return t.Flags == nftables.TableFlagDormant })
		},
		"rule":    func(t *testing.T, conn *nftables.Conn) bool { return firstVerdict(t, conn) == expr.VerdictAccept },
		"element": func(t *testing.T, conn *nftables.Conn) bool { return holds(t, conn, friend) },
	} {
		t.Run(way, func(t *testing.T) {
			err := lab.Namespace(t).Do(func() error {
				conn, err := nftables.New()
				if err != nil {
					return err
				}
				if err := wall(conn); err != nil {
					return err
				}
				if changed(t, conn) {
					t.Error("changed before it was tampered with")
				}
				if err := Tamper([]string{way, friend.String()}); err != nil {
					return err
				}
				if !changed(t, conn) {
					t.Error("not changed")
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// wall is a table like the daemon's, in small.
func wall(conn *nftables.Conn) error {
	table := conn.AddTable(table())
	chain := conn.AddChain(&nftables.Chain{Name: "input", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}})
	set := &nftables.Set{Name: "admins4", Table: table, KeyType: nftables.TypeIPAddr, Interval: true}
	if err := conn.AddSet(set, nil); err != nil {
		return err
	}
	return conn.Flush()
}

func tables(t *testing.T, conn *nftables.Conn) []*nftables.Table {
	t.Helper()
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		t.Error(err)
	}
	return tables
}

func firstVerdict(t *testing.T, conn *nftables.Conn) expr.VerdictKind {
	t.Helper()
	rules, err := conn.GetRules(table(), &nftables.Chain{Name: "input", Table: table()})
	if err != nil || len(rules) == 0 || len(rules[0].Exprs) == 0 {
		t.Errorf("rules: %v, %v", rules, err)
		return expr.VerdictBreak
	}
	verdict, ok := rules[0].Exprs[0].(*expr.Verdict)
	if !ok {
		t.Errorf("first expression: %T; want a verdict", rules[0].Exprs[0])
		return expr.VerdictBreak
	}
	return verdict.Kind
}

func holds(t *testing.T, conn *nftables.Conn, addr netip.Addr) bool {
	t.Helper()
	elements, err := conn.GetSetElements(&nftables.Set{Name: "admins4", Table: table()})
	if err != nil {
		t.Error(err)
	}
	return slices.ContainsFunc(elements, func(e nftables.SetElement) bool { return slices.Equal(e.Key, addr.AsSlice()) && !e.IntervalEnd })
}
