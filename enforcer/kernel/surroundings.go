package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// Around reads what else on the host decides the way of packets.
func (t *Table) Around(ctx context.Context) (ruleset.Surroundings, error) {
	nat, err := t.nat(ctx)
	if err != nil {
		return ruleset.Surroundings{}, fmt.Errorf("look for NAT: %w", err)
	}
	bridges, err := t.containerBridges()
	if err != nil {
		return ruleset.Surroundings{}, fmt.Errorf("look for container bridges: %w", err)
	}
	return ruleset.Surroundings{NAT: nat, Bridges: bridges}, nil
}

// nat says whether anything translates addresses: a chain of type nat in any table, or the nat table of iptables-legacy.
func (t *Table) nat(ctx context.Context) (bool, error) {
	found := false
	err := t.reader.request(ctx, unix.NFT_MSG_GETCHAIN, netlink.Dump, unix.NFPROTO_UNSPEC, nil, func(_ uint16, data []byte) error {
		chain, err := attributes(data[nfgenmsgSize:])
		if err != nil {
			return err
		}
		found = found || text(chain[unix.NFTA_CHAIN_TYPE]) == "nat"
		return nil
	})
	if err != nil && !errors.Is(err, errTorn) || found {
		return found, err
	}
	return legacyNAT(os.ReadFile)
}

// legacyNAT asks the kernel which tables of iptables-legacy are loaded in the caller's network namespace. The files are absent
// where the module is, and readable by root alone: for others a table counts as loaded if its module is.
func legacyNAT(read func(path string) ([]byte, error)) (bool, error) {
	for file, module := range map[string]string{"ip_tables_names": "iptable_nat", "ip6_tables_names": "ip6table_nat"} {
		names, err := read("/proc/thread-self/net/" + file)
		name := "nat"
		if errors.Is(err, fs.ErrPermission) {
			names, err = read("/proc/modules")
			name = module
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		for line := range strings.Lines(string(names)) {
			if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); first == name {
				return true, nil
			}
		}
	}
	return false, nil
}

// containerBridges are the bridges that have virtual ports and no others: a bridge with a network card in it is how
// the host itself, or a virtual machine, is on the network.
func (t *Table) containerBridges() ([]string, error) {
	handle, err := t.linkHandle()
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	links, err := handle.LinkList()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, bridge := range links {
		if bridge.Type() != "bridge" {
			continue
		}
		onlyVirtual := true
		for _, port := range links {
			if port.Attrs().MasterIndex == bridge.Attrs().Index && port.Type() != "veth" {
				onlyVirtual = false
			}
		}
		if onlyVirtual {
			names = append(names, bridge.Attrs().Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (t *Table) linkHandle() (*vnetlink.Handle, error) {
	if t.opts.NetNS == 0 {
		return vnetlink.NewHandle(unix.NETLINK_ROUTE)
	}
	return vnetlink.NewHandleAt(netns.NsHandle(t.opts.NetNS), unix.NETLINK_ROUTE)
}
