package kernel

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	lab.Main(m.Run)
}

// open returns a Table in a network namespace of its own.
func open(t testing.TB, grip Grip) (*Table, *lab.Host) {
	t.Helper()
	host := lab.Namespace(t)
	return openIn(t, host, grip), host
}

func openIn(t testing.TB, host *lab.Host, grip Grip) *Table {
	t.Helper()
	table, err := Open(t.Context(), Options{NetNS: host.NetNS(), HighestGrip: grip})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

// nft runs the program of other people's scripts in the host's namespace.
func nft(t testing.TB, host *lab.Host, script string) (string, error) {
	t.Helper()
	out, err := host.Output(t.Context(), nftPath(t), script)
	return string(out), err
}

func mustNft(t testing.TB, host *lab.Host, script string) string {
	t.Helper()
	out, err := nft(t, host, script)
	if err != nil {
		t.Fatalf("nft %s: %v\n%s", script, err, out)
	}
	return out
}

// load loads a ruleset in nft's notation.
func load(t testing.TB, host *lab.Host, script string) {
	t.Helper()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), nftPath(t), "-f", "-")
	cmd.Stdin, cmd.Stderr = strings.NewReader(script), &complaint
	p, err := host.Start(cmd)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		t.Fatalf("nft -f: %v\n%.2000s\n%.2000s", err, complaint.String(), script)
	}
}

func nftPath(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("nft")
	if err != nil {
		path = "/usr/sbin/nft"
	}
	return path
}

func prefixes(texts ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, s := range texts {
		found = append(found, netip.MustParsePrefix(s))
	}
	return found
}

func samplePolicy(t testing.TB) policy.Policy {
	t.Helper()
	p, err := policy.Compile([]policy.Service{
		{Name: "nakama-api", Role: "nakama", Protocol: policy.TCP, Ports: []uint16{7350}, From: []string{"anyone"}, Mode: policy.Enforce, RefuseWith: policy.Drop},
		{Name: "nakama-console", Role: "nakama", Protocol: policy.TCP, Ports: []uint16{7351}, From: []string{"admins"}, Mode: policy.Enforce, RefuseWith: policy.Drop},
		{Name: "nakama-cluster", Role: "nakama", Protocol: policy.TCP, Ports: []uint16{7352, 7353}, From: []string{"nakama"}, Mode: policy.Audit, RefuseWith: policy.Drop},
		{Name: "cockroachdb-sql", Role: "cockroachdb", Protocol: policy.TCP, Ports: []uint16{26257}, From: []string{"nakama", "admins"}, Mode: policy.Enforce, RefuseWith: policy.Reject},
		{Name: "voice", Protocol: policy.UDP, Ports: []uint16{9999}, From: []string{"nakama"}, Mode: policy.Enforce, RefuseWith: policy.Reject},
	}, policy.Roster{
		"admins": prefixes("10.9.0.0/24", "fd00:9::/64"),
		"nakama": prefixes("10.0.1.11/32", "10.0.1.12/32", "10.0.1.13/32", "255.255.255.255/32", "fd00:1::11/128"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sample(t testing.TB) ruleset.Ruleset {
	return ruleset.Build(samplePolicy(t), ruleset.Surroundings{NAT: true, Bridges: []string{"docker0"}, LogGroup: 9735,
		Aliases: []ruleset.Alias{{Service: "nakama-console", Port: 17351}},
		Targets: []ruleset.Target{{Service: "nakama-console", Addr: netip.MustParseAddr("172.18.0.2"), Port: 7351}, {Service: "nakama-console", Addr: netip.MustParseAddr("fd18::2"), Port: 7351}}})
}

func commit(t testing.TB, table *Table, c ruleset.Change) {
	t.Helper()
	if err := table.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func wantHeld(t testing.TB, table *Table, want ruleset.Ruleset) {
	t.Helper()
	have, err := table.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if have.String() != want.String() {
		t.Errorf("the kernel holds\n%s\nwant\n%s\n%s", have, want, strings.Join(ruleset.Diff(have, want).Lines(), "\n"))
	}
	drift, err := table.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !drift.None() {
		kind, lines := drift.Describe()
		t.Errorf("verify finds %s: %v", kind, lines)
	}
}

func TestWhatIsCommittedIsReadBack(t *testing.T) {
	for _, grip := range []Grip{Owned, Watched} {
		t.Run(grip.String(), func(t *testing.T) {
			table, _ := open(t, grip)
			if got, reason := table.Grip(); got != grip {
				t.Fatalf("grip %s: %s; want %s (is this kernel older than 6.9?)", got, reason, grip)
			}
			want := sample(t)
			commit(t, table, ruleset.Replace(want))
			wantHeld(t, table, want)
			commit(t, table, ruleset.Replace(want)) // over itself
			wantHeld(t, table, want)
			if err := table.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			have, err := table.Read(t.Context())
			if err != nil || !have.Absent() {
				t.Errorf("after Remove: %v, %v; want nothing", have, err)
			}
		})
	}
}
