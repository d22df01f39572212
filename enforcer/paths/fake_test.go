package paths

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/procfs"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// tree is a fake /proc.
type tree struct {
	testing.TB
	dir string
}

func newTree(t testing.TB) tree {
	t.Helper()
	f := tree{t, t.TempDir()}
	f.link("thread-self/ns/net", "net:[1]")
	f.link("thread-self/ns/user", "user:[1]")
	return f
}

const tableHeading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

func (f tree) file(name, text string) {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.Fatal(err)
	}
}

func (f tree) link(name, to string) {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		f.Fatal(err)
	}
}

// process adds one in the network and user namespace of those numbers.
func (f tree) process(pid int, name string, netns, userns int) string {
	f.Helper()
	dir := strconv.Itoa(pid)
	f.file(dir+"/comm", name+"\n")
	f.link(dir+"/ns/net", fmt.Sprintf("net:[%d]", netns))
	f.link(dir+"/ns/user", fmt.Sprintf("user:[%d]", userns))
	return dir
}

// listens gives a process a listener on 0.0.0.0, whose inode is the port.
func (f tree) listens(dir string, port int) {
	f.Helper()
	f.file(dir+"/net/tcp", tableHeading+line(port))
	f.link(dir+"/fd/3", fmt.Sprintf("socket:[%d]", port))
}

func line(port int) string {
	return fmt.Sprintf("   0: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0\n", port, port)
}

// fakeHost is a host without links of its own, or with those given.
type fakeHost struct {
	has  []link
	open []int       // ports, listened to on 0.0.0.0 with the port as inode
	ids  map[int]int // namespace numbers by pid
}

func (f fakeHost) links() ([]link, error)            { return f.has, nil }
func (f fakeHost) addresses() ([]netip.Addr, error)  { return nil, nil }
func (f fakeHost) onBridge(netip.Addr) (bool, error) { return false, nil }

func (f fakeHost) listeners(protocol policy.Protocol) ([]socket, error) {
	var all []socket
	for _, port := range f.open {
		all = append(all, socket{procfs.Socket{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), Inode: uint64(port)}, protocol})
	}
	return all, nil
}

func (f fakeHost) namespaceID(pid int) (int, error) {
	if id, known := f.ids[pid]; known {
		return id, nil
	}
	return -1, nil
}

// noRules is an empty nftables.
type noRules struct{}

func (noRules) tables(context.Context) ([]*nftables.Table, error) { return nil, nil }
func (noRules) chains(context.Context) ([]*nftables.Chain, error) { return nil, nil }
func (noRules) rules(*nftables.Table) (map[string][]rule, error)  { return nil, nil }
func (noRules) set(*nftables.Table, string) (*nftables.Set, []nftables.SetElement, error) {
	return &nftables.Set{}, nil, nil
}

func (f tree) look(host fakeHost) Found {
	f.Helper()
	l := look{opts: Options{Proc: f.dir, Root: f.dir}.withDefaults(), guarded: guarded(), host: host, ruleset: noRules{}}
	found, err := l.run(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return found
}

// fakeProc is a /proc without processes, in which tables of iptables-legacy are loaded, of a real host.
func fakeProc(t testing.TB, _ *lab.Host, names string) string {
	t.Helper()
	f := newTree(t)
	f.file("thread-self/net/ip_tables_names", names)
	return f.dir
}

const (
	igmpHeading = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
	igmpLo      = "1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	igmpEth0    = "2\teth0      :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	trieEth0    = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 172.18.0.7\n        /32 host LOCAL\n"
)

func TestIpvlanPassesUsBy(t *testing.T) {
	f := newTree(t)
	dir := f.process(42, "nakama", 2, 1)
	f.listens(dir, 7351)
	f.file(dir+"/net/igmp", igmpHeading+igmpLo+igmpEth0)
	f.file(dir+"/net/fib_trie", trieEth0)
	f.file(filepath.Join(dir, "root/sys/class/net/eth0/ifindex"), "2\n")
	f.file(filepath.Join(dir, "root/sys/class/net/eth0/uevent"), "DEVTYPE=ipvlan\nINTERFACE=eth0\nIFINDEX=2\n")
	wantLines(t, "listeners", listenersOf(f.look(fakeHost{})),
		"nakama-console 0.0.0.0:7351 by nakama elsewhere: eth0 of its namespace is a ipvlan interface: its packets do not pass our hooks")
}

// A namespace that shares its number with nothing else is told apart from one behind our veth pair by that pair alone.
func TestVethPairByBothEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		near   link
		behind bool
	}{
		{"our pair", link{index: 9, name: "veth9", kind: "veth", peer: 2, peerNS: 5}, true},
		{"the pair of another interface", link{index: 9, name: "veth9", kind: "veth", peer: 3, peerNS: 5}, false},
		{"the pair of another namespace", link{index: 9, name: "veth9", kind: "veth", peer: 2, peerNS: 6}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newTree(t)
			dir := f.process(42, "nakama", 2, 1)
			f.listens(dir, 7351)
			f.file(dir+"/net/igmp", igmpHeading+igmpLo+igmpEth0)
			f.file(dir+"/net/fib_trie", trieEth0)
			found := f.look(fakeHost{has: []link{c.near}, ids: map[int]int{42: 5}})
			if len(found.Listeners) != 1 || found.Listeners[0].Behind != c.behind || (len(found.Containers) == 1) != c.behind {
				t.Errorf("got %+v, targets %v; want behind %v", found.Listeners, found.Containers, c.behind)
			}
		})
	}
}

// rootlessport says nothing about where it leads.
func TestRootlessPort(t *testing.T) {
	f := newTree(t)
	proxy := f.process(10, "rootlessport", 1, 1)
	f.link(proxy+"/fd/3", "socket:[17351]")
	f.link(proxy+"/fd/4", "socket:[7350]")
	game := f.process(42, "nakama", 2, 2)
	f.listens(game, 7351)
	f.file(game+"/net/igmp", igmpHeading+igmpLo+igmpEth0)
	f.file(game+"/net/fib_trie", trieEth0)
	found := f.look(fakeHost{open: []int{7350, 17351}})
	wantLines(t, "aliases", aliases(found), "tcp 7350 is nakama-api by rootlessport to :7350, unseen")
	wantLines(t, "problems", found.Problems,
		"tcp port 17351 is forwarded by rootlessport (process 10) into containers; to which port cannot be seen: publish the guarded ports under their own numbers")
	wantLines(t, "listeners", listenersOf(found),
		"nakama-api 0.0.0.0:7350 by rootlessport behind",
		"nakama-console 0.0.0.0:7351 by nakama elsewhere behind")
}

// Processes end while they are looked at.
func TestProcessesVanish(t *testing.T) {
	f := newTree(t)
	f.file("7/comm", "nakama\n")         // no namespace any more
	f.link("8/ns/net", "net:[2]")        // no name any more
	f.process(9, "nakama", 2, 1)         // no sockets any more
	dir := f.process(10, "nakama", 2, 1) // lives
	f.listens(dir, 7351)
	f.process(11, "docker-proxy", 1, 1) // no arguments any more
	f.file(dir+"/net/fib_trie", trieEth0)
	found := f.look(fakeHost{})
	if len(found.Listeners) != 1 {
		t.Errorf("listeners %v; want the one that lives", found.Listeners)
	}
	wantLines(t, "problems", found.Problems)
}

// The file that names the tables of iptables-legacy is root's alone; the list of modules is everybody's.
func TestLegacyWithoutRoot(t *testing.T) {
	for _, c := range []struct {
		name, modules string
		want          bool
	}{
		{"not loaded", "x_tables 1 2 - Live 0x0\nip_tables 1 0 - Live 0x0\n", true},
		{"loaded", "iptable_nat 1 0 - Live 0x0\nip_tables 1 1 iptable_nat, Live 0x0\n", false},
		{"built into the kernel", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newTree(t)
			f.file("modules", c.modules)
			if got := legacyHasNone(f.dir, false, "nat"); got != c.want {
				t.Errorf("got %v; want %v", got, c.want)
			}
		})
	}
}

// replacedRules lose a table between the list of chains and the reading of their rules, as often as said.
type replacedRules struct {
	noRules
	times *int
}

func (r replacedRules) chains(context.Context) ([]*nftables.Chain, error) {
	return []*nftables.Chain{{Name: "pre", Table: &nftables.Table{Name: "t", Family: nftables.TableFamilyIPv4}, Hooknum: nftables.ChainHookPrerouting}}, nil
}

func (r replacedRules) rules(*nftables.Table) (map[string][]rule, error) {
	if *r.times--; *r.times >= 0 {
		return nil, unix.ENOENT
	}
	return map[string][]rule{"pre": {{target{"REDIRECT", 0, append(native(1), make([]byte, 16)...)}}}}, nil
}

func TestRulesAreReplacedMeanwhile(t *testing.T) {
	for _, c := range []struct{ times, translations int }{{0, 1}, {2, 1}, {3, 0}} {
		l := look{ruleset: replacedRules{times: &c.times}}
		found, err := l.nftTranslations(t.Context())
		if len(found) != c.translations || (err == nil) != (c.translations == 1) {
			t.Errorf("got %v, %v; want %d translations", found, err, c.translations)
		}
	}
}

func TestEngines(t *testing.T) {
	f := newTree(t)
	f.process(5, "kube-proxy", 1, 1)
	found := f.look(fakeHost{has: []link{{index: 3, name: "cilium_host"}}})
	wantLines(t, "engines", found.Engines, "Cilium (interface cilium_host)", "kube-proxy (process kube-proxy)")

	h := newHost(t)
	run(t, h, "nft", "table ip nat {\n chain KUBE-SERVICES {\n }\n chain CNI-DN-1 {\n }\n}")
	wantLines(t, "engines", lookAt(t, h).Engines, "CNI plugins (chain ip nat CNI-DN-1)", "kube-proxy (chain ip nat KUBE-SERVICES)")
}
