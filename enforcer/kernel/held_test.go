package kernel

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// keeper is a descriptor store: a copy of the socket that lives on when its Table is closed.
type keeper struct{ kept *os.File }

func (k *keeper) Keep(_ context.Context, fd uintptr) error {
	copied, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		k.kept = os.NewFile(uintptr(copied), "nftables")
	}
	return err
}

func (k *keeper) Forget(context.Context) error {
	kept := k.kept
	k.kept = nil
	return kept.Close()
}

func openHeld(t *testing.T, host *lab.Host, k *keeper, kept *os.File) *Table {
	t.Helper()
	table, err := Open(t.Context(), Options{NetNS: host.NetNS(), HighestGrip: Held, Keeper: k, Kept: kept})
	if err != nil {
		t.Fatal(err)
	}
	if grip, reason := table.Grip(); grip != Held {
		t.Fatalf("grip %s: %s; want held", grip, reason)
	}
	return table
}

func closeTable(t *testing.T, table *Table) {
	t.Helper()
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestHeldTableOutlivesItsHolder(t *testing.T) {
	host := lab.Namespace(t)
	k := &keeper{}
	first := openHeld(t, host, k, nil)
	want := sample(t)
	commit(t, first, ruleset.Replace(want))
	closeTable(t, first) // as a kill would

	if out, err := nft(t, host, "delete table inet nakama_warden"); err == nil {
		t.Errorf("nft deleted a held table: %s", out)
	}
	second := openHeld(t, host, k, k.kept)
	commit(t, second, ruleset.Replace(want))
	wantHeld(t, second, want)

	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.kept != nil {
		t.Error("the released socket is still kept")
	}
	closeTable(t, second)
	third := openIn(t, host, Watched)
	if have, err := third.Read(t.Context()); err != nil || have.String() != want.String() {
		t.Errorf("after Release and Close: %v, %v; want the rules in place", have, err)
	}
	mustNft(t, host, "delete table inet nakama_warden") // it is plain
}

func TestHeldNeedsAKeeper(t *testing.T) {
	table, _ := open(t, Held)
	grip, reason := table.Grip()
	if grip != Watched || reason == "" {
		t.Errorf("grip %s, %q; want watched, and why", grip, reason)
	}
}

// The positive control of the test above: without a keeper the table goes with its socket.
func TestOwnedWithoutPersistGoesWithItsSocket(t *testing.T) {
	host := lab.Namespace(t)
	k := &keeper{}
	table := openHeld(t, host, k, nil)
	commit(t, table, ruleset.Replace(sample(t)))
	if err := k.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeTable(t, table)
	after := openIn(t, host, Watched)
	if have, err := after.Read(t.Context()); err != nil || !have.Absent() {
		t.Errorf("the table is still there (%v): then nothing is proven by its survival", err)
	}
}
