package paths

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

func TestBeyond(t *testing.T) {
	h := newHost(t)
	game := container(t, h, "game")
	publish(t, h, 17351, game, 7351)
	run(t, h, "nft", `table inet filter {
		chain input { type filter hook input priority 0; policy drop; }
		chain forward { type filter hook forward priority 0; policy accept; }
		chain output { type filter hook output priority 0; policy drop; }
	}
	table inet nakama_warden {
		chain input { type filter hook input priority -10; policy accept; }
	}
	table inet asleep {
		flags dormant
		chain input { type filter hook input priority -20; policy drop; }
	}
	table ip raw {
		chain pre { type filter hook prerouting priority raw; policy accept; }
	}
	table netdev early {
		chain eth0 { type filter hook ingress device "eth0" priority -500; policy accept; }
	}`)
	before := []string{
		"netdev early eth0 (priority -500, policy accept)",
		"ip raw pre (priority -300, policy accept)",
		"ip nat PREROUTING (priority -100, policy accept)",
		"ip6 nat PREROUTING (priority -100, policy accept)",
	}
	for port, then := range map[uint16]string{
		7351:  "inet filter input (priority 0, policy drop)",
		17351: "inet filter forward (priority 0, policy accept)",
	} {
		got, err := Beyond(t.Context(), Options{NetNS: h.NetNS()}, policy.TCP, port)
		if err != nil {
			t.Fatal(err)
		}
		if want := append(slices.Clone(before), then); !slices.Equal(got, want) {
			t.Errorf("port %d:\n  %s\nwant\n  %s", port, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
}

func TestBeyondLegacy(t *testing.T) {
	h := newHost(t)
	f := newTree(t)
	f.file("thread-self/net/ip_tables_names", "filter\nraw\n")
	got, err := Beyond(t.Context(), Options{NetNS: h.NetNS(), Proc: f.dir}, policy.TCP, 7351)
	want := []string{"ip raw PREROUTING (iptables-legacy, priority -300)", "ip filter INPUT (iptables-legacy, priority 0)"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

// Which tables of iptables-legacy there are is for root to list. The chains of nftables are named all the same.
func TestBeyondWithoutRoot(t *testing.T) {
	needsSecondUser(t)
	h := newHost(t)
	run(t, h, "nft", "table inet filter {\n chain input { type filter hook input priority 0; policy drop; }\n}")
	f := newTree(t)
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		f.file("thread-self/net/"+name, "filter\n")
		if err := os.Chmod(filepath.Join(f.dir, "thread-self/net", name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(f.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	chain := "inet filter input (priority 0, policy drop)"
	seen := asked(t, h, f.dir).Beyond
	if len(seen) != 2 || seen[0] != chain || !strings.HasPrefix(seen[1], "unknown: chains of iptables-legacy: ") || !strings.Contains(seen[1], "(only root may list its tables: iptables-legacy-save") {
		t.Errorf("beyond %q; want %q and what is unknown", seen, chain)
	}
	// Where no table's module is loaded there is nothing to list.
	f.file("modules", "ip_tables 1 0 - Live 0x0\nip6_tables 1 0 - Live 0x0\n")
	wantLines(t, "beyond", asked(t, h, f.dir).Beyond, chain)
}
