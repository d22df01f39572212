package kernel

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/nftables"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

func stateOf(t testing.TB, table *Table) tableState {
	t.Helper()
	found, err := table.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAnOrphanIsAdopted(t *testing.T) {
	host := lab.Namespace(t)
	owner := startActor(t, host, "own")
	owner.hears(t, "owned")
	owner.Kill()
	table := openIn(t, host, AnyGrip)
	left, _ := twoRulesets(10)
	if got := read(t, table); got.String() != left.String() {
		t.Fatalf("the owner's death left\n%s\nwant\n%s", got, left)
	}
	if s := stateOf(t, table); s.flags&^ownedFlags != 0 || s.owner != 0 {
		t.Fatalf("the table is %+v; want an orphan", s)
	}
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	wantHeld(t, table, want)
	if s := stateOf(t, table); s.owner != table.writer.portID() {
		t.Errorf("the table is %+v; want it owned by port %d", s, table.writer.portID())
	}
	if _, err := nft(t, host, "delete table "+ours); err == nil {
		t.Error("the adopted table was deleted by another")
	}
}

func TestAnOrphanIsAdoptedByTheWatchedRung(t *testing.T) {
	host := lab.Namespace(t)
	owner := startActor(t, host, "own")
	owner.hears(t, "owned")
	owner.Kill()
	table := openIn(t, host, Watched)
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	wantHeld(t, table, want)
	if s := stateOf(t, table); s.flags != 0 {
		t.Errorf("the table is %+v; want a plain one", s)
	}
}

func TestASecondOwnerIsToldWhoHasTheTable(t *testing.T) {
	for _, grip := range []Grip{Owned, Watched} {
		t.Run(grip.String(), func(t *testing.T) {
			host := lab.Namespace(t)
			owner := startActor(t, host, "own")
			owner.hears(t, "owned")
			table := openIn(t, host, grip)
			for what, err := range map[string]error{
				"commit":  table.Commit(t.Context(), ruleset.Replace(sample(t))),
				"remove":  table.Remove(t.Context()),
				"repeat":  table.Commit(t.Context(), ruleset.Replace(sample(t))),
				"element": table.Commit(t.Context(), elementChange(t)),
			} {
				switch {
				case err == nil:
					t.Errorf("%s: passed over a living owner", what)
				case what == "element": // refused by the kernel
				case !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), "stop the other nakama-warden"):
					t.Errorf("%s: %v; want that another process owns the table, and what to do", what, err)
				}
			}
			left, _ := twoRulesets(10)
			if got := read(t, table); got.String() != left.String() {
				t.Errorf("the owner's table became\n%s", got)
			}
			owner.Kill()
			want := sample(t)
			commit(t, table, ruleset.Replace(want))
			wantHeld(t, table, want)
		})
	}
}

// elementChange adds an element to what the role "own" commits.
func elementChange(t *testing.T) ruleset.Change {
	t.Helper()
	first, _ := twoRulesets(10)
	more, _ := twoRulesets(11)
	return ruleset.Diff(first, more)
}

func TestATableThatSomebodyElseTookIsDrift(t *testing.T) {
	table, host := open(t, Watched)
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	thief := startActor(t, host, "own")
	thief.hears(t, "owned")
	drift, err := table.Verify(t.Context())
	if err != nil || drift.None() {
		t.Fatalf("%v, %v; want drift", drift, err)
	}
	if err := table.Commit(t.Context(), drift.Repair()); !errors.Is(err, ErrOwned) {
		t.Errorf("%v; want that the table is owned", err)
	}
	thief.Kill()
	commit(t, table, drift.Repair())
	wantHeld(t, table, want)
}

func TestReleaseMakesAnOwnedTablePlain(t *testing.T) {
	host := lab.Namespace(t)
	table := openIn(t, host, Owned)
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	if err := table.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, table); !s.present || s.flags != 0 || s.owner != 0 {
		t.Errorf("the table is %+v; want a plain one", s)
	}
	if got := read(t, table); got.String() != want.String() {
		t.Errorf("release made of the table\n%s\nwant\n%s", got, want)
	}
	if err := table.Release(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	mustNft(t, host, "add element "+ours+" admins4 { 203.0.113.7 }") // anybody may

	successor := openIn(t, host, Owned)
	commit(t, successor, ruleset.Replace(want))
	wantHeld(t, successor, want)
}

func TestReleaseLeavesAloneWhatIsNotOwned(t *testing.T) {
	host := lab.Namespace(t)
	table := openIn(t, host, Owned)
	if err := table.Release(t.Context()); err != nil || stateOf(t, table).present {
		t.Errorf("release of nothing: %v", err)
	}
	load(t, host, oddTable)
	tables := func() string { // with their handles: a table that is made anew has another
		listed, err := host.Output(t.Context(), nftPath(t), "-a", "list tables")
		if err != nil {
			t.Fatal(err)
		}
		return string(listed)
	}
	before := tables()
	if err := table.Release(t.Context()); err != nil {
		t.Errorf("release of a table that was never ours: %v", err)
	}
	if after := tables(); after != before {
		t.Errorf("release replaced another's table:\n%swas\n%s", after, before)
	}
}

func TestReleaseOfAnOrphanOfOurs(t *testing.T) {
	host := lab.Namespace(t)
	owner := startActor(t, host, "own")
	owner.hears(t, "owned")
	table := openIn(t, host, Owned)
	if err := table.Release(t.Context()); !errors.Is(err, ErrOwned) {
		t.Errorf("release of another's table: %v; want that it is owned", err)
	}
	owner.Kill()
	if err := table.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, _ := twoRulesets(10)
	if s := stateOf(t, table); s.flags != 0 || read(t, table).String() != left.String() {
		t.Errorf("the orphan became %+v", s)
	}
}

// oddTable has our name and nothing else of ours.
const oddTable = `
table inet nakama_warden {
	flags dormant
	counter input-allowed { packets 7 bytes 7 }
	quota q { over 5 mbytes }
	set admins4 { type inet_service; flags timeout; elements = { 22 timeout 1h } }
	map m { type ipv4_addr : verdict; elements = { 192.0.2.1 : drop } }
	chain more { return; }
	chain input {
		type nat hook input priority 7; policy accept;
		ip saddr vmap @m
		tcp dport { 22, 80 } log prefix "odd " limit rate 5/second counter accept
		meta mark set jhash ip saddr mod 7
	}
	chain to-nakama-console { ct state established accept; jump more; }
	chain prerouting { type filter hook output priority 0; policy drop; rt classid 5 drop; }
}
`

func TestATableOfOurNameThatIsNotOursIsReplaced(t *testing.T) {
	for _, grip := range []Grip{Owned, Watched} {
		t.Run(grip.String(), func(t *testing.T) {
			host := lab.Namespace(t)
			load(t, host, oddTable)
			table := openIn(t, host, grip)
			have := read(t, table)
			want := sample(t)
			if c := ruleset.Diff(have, want); !c.Rebuild {
				t.Errorf("the odd table passes for one of ours:\n%s", have)
			}
			commit(t, table, ruleset.Replace(want))
			wantHeld(t, table, want)
			if left := mustNft(t, host, "list ruleset"); strings.Contains(left, "odd ") || strings.Contains(left, "quota") {
				t.Errorf("there is something left of it:\n%s", left)
			}
		})
	}
}

func TestRemoveLeavesOthersAlone(t *testing.T) {
	for _, grip := range []Grip{Owned, Watched} {
		table, host := open(t, grip)
		mustNft(t, host, "add table ip "+ruleset.TableName+"; add table inet other")
		commit(t, table, ruleset.Replace(sample(t)))
		for range 2 { // an absent table is no error
			if err := table.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if stateOf(t, table).present {
			t.Error("the table is still there")
		}
		if left := mustNft(t, host, "list tables"); !strings.Contains(left, "table ip "+ruleset.TableName) || !strings.Contains(left, "inet other") {
			t.Errorf("left: %s; want the others' tables", left)
		}
		if drift, err := table.Verify(t.Context()); err != nil || !drift.None() {
			t.Errorf("after Remove: %v, %v; want no drift", drift, err)
		}
	}
}

func TestCountersAreReadAndBeginAtZero(t *testing.T) {
	table, host := open(t, Watched)
	if counts, err := table.Counters(t.Context()); err != nil || len(counts) != 0 {
		t.Errorf("an absent table has %v, %v", counts, err)
	}
	load(t, host, oddTable)
	counts, err := table.Counters(t.Context())
	if want := (status.Count{Packets: 7, Bytes: 7}); err != nil || len(counts) != 1 || counts["input-allowed"] != want {
		t.Errorf("%v, %v; want input-allowed with %v alone", counts, err, want)
	}
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	counts, err = table.Counters(t.Context())
	if err != nil || len(counts) != len(want.Counters) {
		t.Fatalf("%d counters, %v; want %d", len(counts), err, len(want.Counters))
	}
	for name, count := range counts {
		if count != (status.Count{}) {
			t.Errorf("%s begins at %v", name, count)
		}
	}
}

func TestTheGripIsCappedAndSaysWhy(t *testing.T) {
	table, _ := open(t, Watched)
	if grip, reason := table.Grip(); grip != Watched || reason == "" {
		t.Errorf("%s because of %q; want watched and a reason", grip, reason)
	}
	commit(t, table, ruleset.Replace(sample(t)))
	if s := stateOf(t, table); s.flags&uint32(nftables.TableFlagOwner) != 0 {
		t.Errorf("the watched table is %+v", s)
	}
}
