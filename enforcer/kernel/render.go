package kernel

import (
	"context"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// rendering is a ruleset as the messages that build it inside an empty table.
type rendering struct {
	of       ruleset.Ruleset
	messages []netlink.Message
}

// render has the library write the messages of a whole ruleset.
func render(want ruleset.Ruleset) (*rendering, error) {
	messages, err := capture(func(conn *nftables.Conn, table *nftables.Table) error {
		for _, name := range want.Counters {
			conn.AddObj(&nftables.NamedObj{Table: table, Name: name, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
		}
		sets := map[string]*nftables.Set{}
		for _, s := range want.Sets {
			set := librarySet(table, s)
			if err := conn.AddSet(set, nil); err != nil {
				return fmt.Errorf("set %s: %w", s.Name, err)
			}
			sets[s.Name] = set
		}
		// Every chain before any rule: rules jump to chains that come later.
		chains := make([]*nftables.Chain, len(want.Chains))
		for i, c := range want.Chains {
			chains[i] = conn.AddChain(libraryChain(table, c))
		}
		for i, c := range want.Chains {
			for _, rule := range c.Rules {
				exprs, err := expressionsOf(rule, sets)
				if err != nil {
					return fmt.Errorf("chain %s: %w", c.Name, err)
				}
				conn.AddRule(&nftables.Rule{Table: table, Chain: chains[i], Exprs: exprs})
			}
		}
		return nil
	})
	for _, s := range want.Sets {
		messages = append(messages, elementMessages(unix.NFT_MSG_NEWSETELEM, s.Name, s.Ranges)...)
	}
	return &rendering{of: want, messages: messages}, err
}

// commitElements sends the differences of sets in one batch: deletions first, because what is added may overlap what
// goes.
func (t *Table) commitElements(ctx context.Context, c ruleset.Change) error {
	var messages []netlink.Message
	for _, e := range c.Elements {
		messages = append(messages, elementMessages(unix.NFT_MSG_DELSETELEM, e.Set.Name, e.Delete)...)
		messages = append(messages, elementMessages(unix.NFT_MSG_NEWSETELEM, e.Set.Name, e.Add)...)
	}
	return t.writer.transact(ctx, framed(messages))
}

// capture lets the library build a batch and keeps its messages instead of sending them: the library cannot use a
// socket of ours.
func capture(build func(*nftables.Conn, *nftables.Table) error) ([]netlink.Message, error) {
	var captured []netlink.Message
	conn, err := nftables.New(nftables.WithTestDial(func(sent []netlink.Message) ([]netlink.Message, error) {
		if len(sent) > 2 {
			captured = sent[1 : len(sent)-1] // without the frame
		}
		return nil, nil
	}))
	if err != nil {
		return nil, err
	}
	table := &nftables.Table{Name: ruleset.TableName, Family: nftables.TableFamilyINet}
	if err := build(conn, table); err != nil {
		return nil, err
	}
	if err := conn.Flush(); err != nil {
		return nil, err
	}
	for i := range captured {
		// The library asks for an echo of each rule, to learn handles that nobody here needs.
		captured[i].Header.Flags &^= netlink.Echo
	}
	return captured, nil
}

func librarySet(table *nftables.Table, s ruleset.Set) *nftables.Set {
	set := &nftables.Set{Table: table, Name: s.Name, Interval: true, KeyType: nftables.TypeIPAddr}
	if s.Family == ruleset.IPv6 {
		set.KeyType = nftables.TypeIP6Addr
	}
	return set
}

func libraryChain(table *nftables.Table, c ruleset.Chain) *nftables.Chain {
	chain := &nftables.Chain{Table: table, Name: c.Name}
	if c.Hook == (ruleset.Hook{}) {
		return chain
	}
	accept := nftables.ChainPolicyAccept
	priority := nftables.ChainPriority(c.Hook.Priority)
	chain.Type, chain.Policy, chain.Priority = nftables.ChainTypeFilter, &accept, &priority
	hook := nftables.ChainHook(hookNumbers()[c.Hook.Name])
	chain.Hooknum = &hook
	return chain
}

// hookNumbers are the netfilter hooks of the inet family by their names.
func hookNumbers() map[string]uint32 {
	return map[string]uint32{
		"prerouting":  unix.NF_INET_PRE_ROUTING,
		"input":       unix.NF_INET_LOCAL_IN,
		"forward":     unix.NF_INET_FORWARD,
		"output":      unix.NF_INET_LOCAL_OUT,
		"postrouting": unix.NF_INET_POST_ROUTING,
	}
}
