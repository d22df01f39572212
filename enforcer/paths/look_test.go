package paths

import (
	"net/netip"
	"strings"
	"testing"

	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

func TestListenersOfTheHost(t *testing.T) {
	h := newHost(t)
	pid := start(t, h, "nakama", "[::]:7350 0.0.0.0:7351 127.0.0.1:9999")
	start(t, h, "haproxy", "0.0.0.0:8080")
	found := lookAt(t, h)
	wantLines(t, "listeners", listenersOf(found),
		"nakama-api [::]:7350 by nakama behind",
		"nakama-console 0.0.0.0:7351 by nakama behind",
		"cockroachdb-http 0.0.0.0:8080 by haproxy behind")
	for _, l := range found.Listeners {
		if l.Process == "nakama" && l.PID != pid {
			t.Errorf("pid %d; want %d", l.PID, pid)
		}
	}
	wantLines(t, "problems", found.Problems)
	wantLines(t, "aliases", aliases(found))
	wantLines(t, "targets", targets(found))
}

func listenersOf(found Found) []string {
	var lines []string
	for _, l := range found.Listeners {
		line := l.Service + " " + l.Addr.String() + " by " + l.Process
		if l.Namespace != "" {
			line += " elsewhere"
		}
		if l.Behind {
			line += " behind"
		} else {
			line += ": " + l.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

func TestPublishedByNAT(t *testing.T) {
	h := newHost(t)
	game, web := container(t, h, "game"), container(t, h, "web")
	start(t, game, "nakama", "[::]:7351")
	start(t, web, "nginx", "[::]:8080")
	publish(t, h, 7351, game, 7351)
	publish(t, h, 17351, game, 7351)
	publish(t, h, 80, web, 8080) // somebody else's: not CockroachDB's console
	found := lookAt(t, h)
	wantLines(t, "listeners", listenersOf(found), "nakama-console [::]:7351 by nakama elsewhere behind")
	wantLines(t, "targets", targets(found), "nakama-console tcp 172.18.0.2:7351", "nakama-console tcp fd18::2:7351")
	wantLines(t, "aliases", aliases(found),
		"tcp 7351 is nakama-console by nft dnat ip nat DOCKER to 172.18.0.2:7351",
		"tcp 17351 is nakama-console by nft dnat ip nat DOCKER to 172.18.0.2:7351",
		"tcp 7351 is nakama-console by nft dnat ip6 nat DOCKER to [fd18::2]:7351",
		"tcp 17351 is nakama-console by nft dnat ip6 nat DOCKER to [fd18::2]:7351")
	wantLines(t, "problems", found.Problems)
}

// A container's port is published before its process listens.
func TestPublishedToNobodyYet(t *testing.T) {
	h := newHost(t)
	game := container(t, h, "game")
	publish(t, h, 17351, game, 7351)
	wantLines(t, "aliases", aliases(lookAt(t, h)),
		"tcp 17351 is nakama-console by nft dnat ip nat DOCKER to 172.18.0.2:7351, unseen",
		"tcp 17351 is nakama-console by nft dnat ip6 nat DOCKER to [fd18::2]:7351, unseen")
}

// A host that translates for other machines guards nothing of theirs.
func TestForwardedToAnotherMachine(t *testing.T) {
	h := newHost(t)
	chain(t, h, dstnat, "tcp dport 7351 dnat ip to 10.77.0.99:7351")
	found := lookAt(t, h)
	wantLines(t, "aliases", aliases(found))
	wantLines(t, "problems", found.Problems)
}

func TestRulesOfNft(t *testing.T) {
	for _, c := range []struct {
		name, rules string
		want        []string
		problem     string
	}{
		{"redirect", "tcp dport 19349 redirect to :7349", []string{"tcp 19349 is nakama-grpc by nft redirect inet t pre to :7349"}, ""},
		{"redirect of another protocol", "udp dport 19349 redirect to :7349", nil, ""},
		{"a set of ports", "tcp dport { 19349, 19350-19351 } redirect to :7349", []string{
			"tcp 19349 is nakama-grpc by nft redirect inet t pre to :7349",
			"tcp 19350 is nakama-grpc by nft redirect inet t pre to :7349",
			"tcp 19351 is nakama-grpc by nft redirect inet t pre to :7349"}, ""},
		{"a range", "tcp dport 19349-19350 redirect to :7349", []string{
			"tcp 19349 is nakama-grpc by nft redirect inet t pre to :7349",
			"tcp 19350 is nakama-grpc by nft redirect inet t pre to :7349"}, ""},
		{"a map to ports", "meta l4proto tcp redirect to :tcp dport map { 19349 : 7349, 19350 : 7350, 80 : 8081 }", []string{
			"tcp 19349 is nakama-grpc by nft redirect inet t pre to :7349",
			"tcp 19350 is nakama-api by nft redirect inet t pre to :7350"}, ""},
		{"a map to addresses and ports", "dnat ip to tcp dport map { 17351 : 127.0.0.1 . 7351, 80 : 127.0.0.1 . 81 }", []string{
			"tcp 17351 is nakama-console by nft dnat inet t pre to 127.0.0.1:7351"}, ""},
		{"a map of concatenations", "dnat ip to meta l4proto . th dport map { tcp . 17351 : 127.0.0.1 . 7351, udp . 17352 : 127.0.0.1 . 7351 }", []string{
			"tcp 17351 is nakama-console by nft dnat inet t pre to 127.0.0.1:7351"}, ""},
		{"a verdict map", "meta l4proto tcp th dport vmap { 17351 : jump console, 80 : accept }", []string{
			"tcp 17351 is nakama-console by nft redirect inet t console to :7351"}, ""},
		{"a jump", "meta l4proto tcp tcp dport 17351 goto console", []string{
			"tcp 17351 is nakama-console by nft redirect inet t console to :7351"}, ""},
		{"a load balancer", "tcp dport 17351 dnat ip to numgen random mod 2 map { 0 : 127.0.0.1, 1 : 192.0.2.9 } : 7351", []string{
			"tcp 17351 is nakama-console by nft dnat inet t pre to 127.0.0.1:7351"}, ""},
		{"a named map", "dnat ip to tcp dport map @named", []string{
			"tcp 17351 is nakama-console by nft dnat inet t pre to 127.0.0.1:7351"}, ""},
		{"a set of addresses", "tcp dport 17351 ip saddr @large redirect to :7351", []string{
			"tcp 17351 is nakama-console by nft redirect inet t pre to :7351"}, ""},
		{"a set of addresses and ports", "ip saddr . tcp dport { 192.0.2.1 . 17351, 192.0.2.2 . 17352 } redirect to :7351", []string{
			"tcp 17351 is nakama-console by nft redirect inet t pre to :7351",
			"tcp 17352 is nakama-console by nft redirect inet t pre to :7351"}, ""},
		{"all but some", "tcp dport != { 22, 80 } redirect to :7351", nil, "nft redirect inet t pre leads 65534 ports to tcp port 7351: too many"},
		{"the port stays", "tcp dport 7351 dnat ip to 127.0.0.1", []string{
			"tcp 7351 is nakama-console by nft dnat inet t pre to 127.0.0.1:7351"}, ""},
		{"what is read is forgotten", "tcp dport 17351 ct state new ip saddr 192.0.2.0/24 meta mark 5 redirect to :7351", []string{
			"tcp 17351 is nakama-console by nft redirect inet t pre to :7351"}, ""},
		{"a port by mark", "tcp dport 17351 dnat ip to 127.0.0.1:meta mark & 0xffff map { 1 : 7351 }", []string{
			"tcp 17351 is nakama-console by nft dnat inet t pre to 127.0.0.1:7351"}, ""},
		{"an address of the packet", "tcp dport 17351 dnat ip to ip saddr", nil, "where a dnat of inet t pre leads could not be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			start(t, h, "nakama", "[::]:7349 [::]:7350 [::]:7351")
			chain(t, h, dstnat, c.rules)
			found := lookAt(t, h)
			wantLines(t, "aliases", aliases(found), c.want...)
			if got := strings.Join(found.Problems, "\n"); c.problem == "" && got != "" || !strings.Contains(got, c.problem) {
				t.Errorf("problems %q; want %q", got, c.problem)
			}
		})
	}
}

// Every rule of a chain jumps to the next chain: few rules, many ways through them.
func TestMoreRulesThanAreFollowed(t *testing.T) {
	h := newHost(t)
	jumps := func(to string) string { return strings.Repeat("jump "+to+"; ", 30) }
	run(t, h, "nft", `table ip t {
		chain c { tcp dport 17351 redirect to :7351; }
		chain b { `+jumps("c")+`}
		chain a { `+jumps("b")+`}
		chain pre { type nat hook prerouting priority dstnat; `+jumps("a")+`}
	}`)
	if got := strings.Join(lookAt(t, h).Problems, "\n"); !strings.Contains(got, "ip t pre: too many to follow") {
		t.Errorf("problems %q; want that there are too many rules", got)
	}
}

func TestTransparentProxy(t *testing.T) {
	h := newHost(t)
	start(t, h, "nakama", "[::]:7351")
	chain(t, h, mangle, "tcp dport 17351 tproxy ip to :7351")
	wantLines(t, "aliases", aliases(lookAt(t, h)), "tcp 17351 is nakama-console by nft tproxy inet t pre to :7351")
}

func TestUserlandProxy(t *testing.T) {
	h := newHost(t)
	game := container(t, h, "game")
	start(t, game, "nakama", "0.0.0.0:7351")
	for _, proxy := range []struct{ port, to string }{{"17351", "7351"}, {"7351", "7351"}, {"80", "9090"}} {
		start(t, h, "docker-proxy", "0.0.0.0:"+proxy.port,
			"-proto", "tcp", "-host-ip", "0.0.0.0", "-host-port", proxy.port, "-container-ip", game.V4.String(), "-container-port", proxy.to)
	}
	found := lookAt(t, h)
	wantLines(t, "aliases", aliases(found),
		"tcp 7351 is nakama-console by docker-proxy to 172.18.0.2:7351",
		"tcp 17351 is nakama-console by docker-proxy to 172.18.0.2:7351")
	wantLines(t, "listeners", listenersOf(found),
		"nakama-console 0.0.0.0:7351 by docker-proxy behind",
		"nakama-console 0.0.0.0:7351 by nakama elsewhere behind")
}

// A proxy inside a container publishes on that container, not on this host.
func TestProxyInAnotherNamespace(t *testing.T) {
	h := newHost(t)
	inner := container(t, h, "engine")
	start(t, inner, "docker-proxy", "0.0.0.0:17351",
		"-proto", "tcp", "-host-port", "17351", "-container-ip", "172.30.0.2", "-container-port", "7351")
	wantLines(t, "aliases", aliases(lookAt(t, h)))
}

// A pod's own address, without a bridge: a veth pair and a route.
func TestRoutedContainer(t *testing.T) {
	h := newHost(t)
	pod := lab.Namespace(t)
	onHost(t, h, func(links *vnetlink.Handle) error {
		pair := &vnetlink.Veth{LinkAttrs: vnetlink.LinkAttrs{Name: "pod1"}, PeerName: "eth0", PeerNamespace: vnetlink.NsFd(pod.NetNS())}
		if err := links.LinkAdd(pair); err != nil {
			return err
		}
		return links.LinkSetUp(pair)
	})
	configure(t, pod, "eth0", "10.44.0.7/32")
	start(t, pod, "nakama", "[::]:7351")
	found := lookAt(t, h)
	wantLines(t, "listeners", listenersOf(found), "nakama-console [::]:7351 by nakama elsewhere behind")
	wantLines(t, "targets", targets(found), "nakama-console tcp 10.44.0.7:7351")
}

func TestMacvlanPassesUsBy(t *testing.T) {
	h := newHost(t)
	pod := lab.Namespace(t)
	onHost(t, h, func(links *vnetlink.Handle) error {
		parent, err := links.LinkByName("eth0")
		if err != nil {
			return err
		}
		return links.LinkAdd(&vnetlink.Macvlan{LinkAttrs: vnetlink.LinkAttrs{Name: "mac0", ParentIndex: parent.Attrs().Index,
			Namespace: vnetlink.NsFd(pod.NetNS())}, Mode: vnetlink.MACVLAN_MODE_BRIDGE})
	})
	configure(t, pod, "mac0", "10.77.0.50/16")
	start(t, pod, "nakama", "[::]:7351")
	found := lookAt(t, h)
	wantLines(t, "targets", targets(found))
	if len(found.Listeners) != 1 || found.Listeners[0].Behind || !strings.Contains(found.Listeners[0].Reason, "mac0") {
		t.Errorf("got %+v; want a listener that is not behind our hooks, because of mac0", found.Listeners)
	}
}

// Two ways to one namespace: the veth pair is guarded, the other is said.
func TestSecondWayIntoAContainer(t *testing.T) {
	h := newHost(t)
	game := container(t, h, "game")
	onHost(t, game, func(links *vnetlink.Handle) error {
		return links.LinkAdd(&vnetlink.Ifb{LinkAttrs: vnetlink.LinkAttrs{Name: "lan0"}})
	})
	configure(t, game, "lan0", "192.0.2.7/24")
	start(t, game, "nakama", "[::]:7351")
	found := lookAt(t, h)
	if len(found.Listeners) != 1 || found.Listeners[0].Behind || !strings.Contains(found.Listeners[0].Reason, "lan0") {
		t.Errorf("got %+v; want a listener that is not behind our hooks, because of lan0", found.Listeners)
	}
	if !strings.Contains(strings.Join(targets(found), "\n"), "172.18.0.2:7351") {
		t.Errorf("targets %q lack the address behind our bridge", targets(found))
	}
}

func TestBridgeWithANetworkBehindIt(t *testing.T) {
	h := newHost(t)
	game := container(t, h, "game")
	start(t, game, "nakama", "[::]:7351")
	onHost(t, h, func(links *vnetlink.Handle) error {
		bridge, err := links.LinkByName("docker0")
		if err != nil {
			return err
		}
		return links.LinkAdd(&vnetlink.Ifb{LinkAttrs: vnetlink.LinkAttrs{Name: "eth9", MasterIndex: bridge.Attrs().Index}})
	})
	found := lookAt(t, h)
	wantLines(t, "listeners", listenersOf(found),
		"nakama-console [::]:7351 by nakama elsewhere: bridge docker0 has the port eth9: frames from there are switched to it past our hooks")
}

func onHost(t testing.TB, h *lab.Host, fn func(*vnetlink.Handle) error) {
	t.Helper()
	links, err := vnetlink.NewHandleAt(netns.NsHandle(h.NetNS()), unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer links.Close()
	if err := fn(links); err != nil {
		t.Fatal(err)
	}
}

func configure(t testing.TB, h *lab.Host, name, address string) {
	t.Helper()
	onHost(t, h, func(links *vnetlink.Handle) error {
		link, err := links.LinkByName(name)
		if err != nil {
			return err
		}
		prefix := netip.MustParsePrefix(address)
		if err := links.AddrAdd(link, &vnetlink.Addr{IPNet: vnetlink.NewIPNet(prefix.Addr().AsSlice())}); err != nil {
			return err
		}
		return links.LinkSetUp(link)
	})
}
