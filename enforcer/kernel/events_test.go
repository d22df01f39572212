package kernel

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// patience is more than the kernel takes to announce anything, even on a busy machine.
const patience = 10 * time.Second

func nextEvent(t *testing.T, table *Table) Event {
	t.Helper()
	select {
	case e := <-table.Events():
		return e
	case <-time.After(patience):
		t.Fatal("no event")
		return Event{}
	}
}

const elsewhere = "add table inet other; add chain inet other c"

func TestOwnCommitsAreNoEvents(t *testing.T) {
	for _, grip := range []Grip{Owned, Watched} {
		t.Run(grip.String(), func(t *testing.T) {
			table, host := open(t, grip)
			a, b := twoRulesets(100)
			commit(t, table, ruleset.Replace(a))
			commit(t, table, ruleset.Diff(a, b))
			commit(t, table, ruleset.Replace(a))
			if err := table.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := table.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustNft(t, host, elsewhere) // the kernel keeps the order: an event of ours would come first
			if e := nextEvent(t, table); e.Table || e.Lost || !e.Around {
				t.Errorf("the first event is %+v; want that of the other table", e)
			}
		})
	}
}

func TestForeignWritesAreEventsWithTheWritersName(t *testing.T) {
	for _, script := range []string{
		"flush ruleset", "delete table " + ours, "add rule " + ours + " input accept", "insert rule " + ours + " input accept",
		"add element " + ours + " admins4 { 203.0.113.7 }", "delete element " + ours + " nakama4 { 10.0.1.11 }",
		"flush set " + ours + " admins4", "add table " + ours + " { flags dormant; }", "add counter " + ours + " mine",
		"add set " + ours + " mine { type ipv4_addr; }", "add chain " + ours + " mine", "chain " + ours + " input { policy drop; }",
		"flush chain " + ours + " to-nakama-console", "flush table " + ours,
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			table, host := open(t, Watched)
			commit(t, table, ruleset.Replace(sample(t)))
			mustNft(t, host, script)
			e := nextEvent(t, table)
			if !e.Table || e.Lost || e.By.Name != "nft" || e.By.PID == 0 || e.Time.IsZero() {
				t.Errorf("the event is %+v; want one of our table by nft", e)
			}
		})
	}
}

func TestWhatIsElsewhereIsAround(t *testing.T) {
	for _, script := range []string{
		elsewhere, // then the same chain again, now gone
		"delete table inet other",
		"add rule inet other c accept", // it may translate, and nothing but the rule tells
		"add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }",
		// A table of our name in another family is none of ours.
		"add table ip " + ruleset.TableName + "; add chain ip " + ruleset.TableName + " c",
	} {
		t.Run(script, func(t *testing.T) {
			table, host := open(t, Watched)
			if strings.HasPrefix(script, "delete") || strings.HasPrefix(script, "add rule") {
				mustNft(t, host, elsewhere)
				nextEvent(t, table)
			}
			mustNft(t, host, script)
			if e := nextEvent(t, table); e.Table || !e.Around || e.Lost {
				t.Errorf("the event is %+v; want one of the surroundings", e)
			}
		})
	}
}

func TestForeignElementsAreNoEvents(t *testing.T) {
	table, host := open(t, Watched)
	mustNft(t, host, elsewhere+"; add set inet other s { type ipv4_addr; }")
	nextEvent(t, table)
	mustNft(t, host, "add element inet other s { 192.0.2.1 }")
	mustNft(t, host, "add table "+ours)
	if e := nextEvent(t, table); !e.Table || e.Around {
		t.Errorf("the first event is %+v; want that of our table", e)
	}
}

func links(t *testing.T, host *lab.Host) *vnetlink.Handle {
	t.Helper()
	handle, err := vnetlink.NewHandleAt(netns.NsHandle(host.NetNS()), unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(handle.Close)
	return handle
}

func addLink(t *testing.T, host *lab.Host, link vnetlink.Link) {
	t.Helper()
	if err := links(t, host).LinkAdd(link); err != nil {
		t.Fatal(err)
	}
}

func TestInterfacesAreAround(t *testing.T) {
	table, host := open(t, Watched)
	addLink(t, host, &vnetlink.Bridge{LinkAttrs: vnetlink.LinkAttrs{Name: "docker0"}})
	if e := nextEvent(t, table); e.Table || !e.Around || e.Lost {
		t.Errorf("the event is %+v; want one of the surroundings", e)
	}
}

func TestAround(t *testing.T) {
	table, host := open(t, Watched)
	wantAround := func(want ruleset.Surroundings) {
		t.Helper()
		got, err := table.Around(t.Context())
		if err != nil || !got.Equal(want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	wantAround(ruleset.Surroundings{})
	mustNft(t, host, elsewhere)
	wantAround(ruleset.Surroundings{})
	addLink(t, host, &vnetlink.Bridge{LinkAttrs: vnetlink.LinkAttrs{Name: "docker0"}})
	addLink(t, host, &vnetlink.Bridge{LinkAttrs: vnetlink.LinkAttrs{Name: "br0"}})
	wantAround(ruleset.Surroundings{Bridges: []string{"br0", "docker0"}})

	// A port that is not virtual Ethernet, here a tunnel: the bridge is the host's own way to the network.
	bridge, err := links(t, host).LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	addLink(t, host, &vnetlink.Vxlan{LinkAttrs: vnetlink.LinkAttrs{Name: "tunnel", MasterIndex: bridge.Attrs().Index}, VxlanId: 5, Port: 4789})
	wantAround(ruleset.Surroundings{Bridges: []string{"docker0"}})
	mustNft(t, host, "add table ip6 nat; add chain ip6 nat post { type nat hook postrouting priority 100; }")
	wantAround(ruleset.Surroundings{NAT: true, Bridges: []string{"docker0"}})
}

func TestAFullBufferIsAnEvent(t *testing.T) {
	table, host := open(t, Watched)
	if err := table.watcher.commits.conn.SetReadBuffer(1); err != nil { // the kernel makes it the least it has
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("table inet other {\n")
	for i := range 300 { // more would not fit into the buffer of an ordinary user's nft
		fmt.Fprintf(&script, "\tchain a-name-that-makes-the-message-longer-%d {\n\t\taccept\n\t}\n", i)
	}
	script.WriteString("}\n")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		load(t, host, script.String())
		// Whatever the reader was quick enough to read, the rest did not fit: each load is at least one event.
		if e := nextEvent(t, table); e.Lost {
			if !e.Table || !e.Around {
				t.Errorf("the event is %+v; want that anything may have changed", e)
			}
			return
		}
		mustNft(t, host, "delete table inet other")
	}
	t.Error("the buffer never overflowed")
}

func TestEventsThatNobodyReadsAreCountedNotKept(t *testing.T) {
	now := time.Unix(1, 0)
	w := &watcher{events: make(chan Event, 2), now: func() time.Time { return now }}
	for range 5 {
		w.tell(Event{Around: true})
	}
	if len(w.events) != 2 || w.dropped.Load() != 3 {
		t.Errorf("%d kept, %d dropped; want 2 and 3", len(w.events), w.dropped.Load())
	}
	if e := <-w.events; e.Time != now {
		t.Errorf("the event is of %s; want %s", e.Time, now)
	}
}
