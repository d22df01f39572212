package paths

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// network is what is asked of this host's network. It is the kernel, or a test's.
type network interface {
	// links are the interfaces of this host's own namespace.
	links() ([]link, error)
	// listeners are the listening sockets of this host's own namespace.
	listeners(policy.Protocol) ([]socket, error)
	// addresses are those of this host itself.
	addresses() ([]netip.Addr, error)
	// namespaceID is the number under which links name the network namespace of a process; negative where none leads there.
	namespaceID(pid int) (int, error)
	// onBridge says that packets to the address leave by a bridge, without a gateway.
	onBridge(netip.Addr) (bool, error)
}

// link is an interface of this host.
type link struct {
	index  int
	name   string
	kind   string // bridge, veth, tun, macvlan …
	master int    // the index of the bridge it is a port of, or 0
	peer   int    // of a veth: the index of its other end …
	peerNS int    // … in the namespace of this number; negative is this one
}

// kernelHost asks the kernel, from the namespace of the thread that opened it.
type kernelHost struct {
	routes *vnetlink.Handle
	nft    *nftables.Conn
	dumps  *netlink.Conn // of rules, which the library reads chain by chain
}

func openHost() (*kernelHost, error) {
	routes, err := vnetlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	k := &kernelHost{routes: routes}
	if k.nft, err = nftables.New(nftables.AsLasting()); err == nil {
		k.dumps, err = netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{MessageBufferSize: dumpBuffer})
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	return k, nil
}

// dumpBuffer is how much of a dump is received at once; the kernel fills at most this.
const dumpBuffer = 32 << 10

func (k *kernelHost) close() {
	// Errors of sockets that were only read from mean nothing.
	k.routes.Close()
	if k.nft != nil {
		_ = k.nft.CloseLasting()
	}
	if k.dumps != nil {
		_ = k.dumps.Close()
	}
}

func (k *kernelHost) links() ([]link, error) {
	found, err := k.routes.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	links := make([]link, 0, len(found))
	for _, l := range found {
		a := l.Attrs()
		links = append(links, link{index: a.Index, name: a.Name, kind: l.Type(), master: a.MasterIndex, peer: a.ParentIndex, peerNS: a.NetNsID})
	}
	return links, nil
}

func (k *kernelHost) listeners(protocol policy.Protocol) ([]socket, error) {
	return askSockets(protocol)
}

func (k *kernelHost) addresses() ([]netip.Addr, error) {
	found, err := k.routes.AddrList(nil, vnetlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var addresses []netip.Addr
	for _, a := range found {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			addresses = append(addresses, addr.Unmap())
		}
	}
	return addresses, nil
}

func (k *kernelHost) namespaceID(pid int) (int, error) { return k.routes.GetNetNsIdByPid(pid) }

func (k *kernelHost) onBridge(addr netip.Addr) (bool, error) {
	routes, err := k.routes.RouteGet(net.IP(addr.AsSlice()))
	if err != nil || len(routes) == 0 || routes[0].Gw != nil {
		return false, nil // no way there, or by way of another machine
	}
	out, err := k.routes.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return false, fmt.Errorf("find the interface towards %s: %w", addr, err)
	}
	return out.Type() == "bridge", nil
}

func (k *kernelHost) tables(context.Context) ([]*nftables.Table, error) { return k.nft.ListTables() }
func (k *kernelHost) chains(context.Context) ([]*nftables.Chain, error) { return k.nft.ListChains() }

func (k *kernelHost) rules(table *nftables.Table) (map[string][]rule, error) {
	return rulesIn(k.dumps, table)
}

func (k *kernelHost) set(table *nftables.Table, name string) (*nftables.Set, []nftables.SetElement, error) {
	set, err := k.nft.GetSetByName(table, name)
	if err != nil {
		return nil, nil, err
	}
	elements, err := k.nft.GetSetElements(set)
	return set, elements, err
}

// inNamespace runs fn on a thread in the network namespace; 0 is the caller's. The thread ends with the goroutine, so
// nothing else ever finds itself there.
func inNamespace(fd int, fn func() error) error {
	if fd == 0 {
		return fn()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(netns.NsHandle(fd)); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- fn()
	}()
	return <-done
}
