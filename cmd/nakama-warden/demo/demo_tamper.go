package demo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// tableName is the table that is tampered with.
const tableName = "nakama_warden"

// way is one way to tamper with a ruleset.
type way struct {
	name, text string
	do         func(*nftables.Conn, []netip.Addr) error
}

func ways() []way {
	return []way{
		{"flush", "flush ruleset", flushRuleset},
		{"delete", "delete table", deleteTable},
		{"rule", "an accepting rule", acceptEverything},
		{"element", "the player in every set", admit},
		{"dormant", "the table made dormant", makeDormant},
	}
}

// Tamper is what a process does that is not the daemon: it changes the ruleset of the network namespace it runs in. The
// arguments are one of the ways and the addresses that are to be let in. Outside of a lab it refuses.
func Tamper(args []string) error {
	if !lab.Isolated() {
		return errors.New("tamper: this is a real machine; only the demo may tamper, with its own hosts")
	}
	var names []string
	for _, w := range ways() {
		names = append(names, w.name)
	}
	if len(args) == 0 || !slices.Contains(names, args[0]) {
		return fmt.Errorf("tamper: want one of %s, and addresses", strings.Join(names, ", "))
	}
	var friends []netip.Addr
	for _, text := range args[1:] {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("tamper: %w", err)
		}
		friends = append(friends, addr)
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("tamper: %w", err)
	}
	w := ways()[slices.Index(names, args[0])]
	if err := w.do(conn, friends); err != nil {
		return fmt.Errorf("tamper: %s: %w", w.text, err)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("tamper: %s: %w", w.text, err)
	}
	return nil
}

func table() *nftables.Table {
	return &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
}

func flushRuleset(conn *nftables.Conn, _ []netip.Addr) error {
	conn.FlushRuleset()
	return nil
}

func deleteTable(conn *nftables.Conn, _ []netip.Addr) error {
	conn.DelTable(table())
	return nil
}

// acceptEverything puts the rule first, in every chain that packets enter by.
func acceptEverything(conn *nftables.Conn, _ []netip.Addr) error {
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if chain.Table.Name == tableName && chain.Hooknum != nil {
			conn.InsertRule(&nftables.Rule{Table: table(), Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		}
	}
	return nil
}

func admit(conn *nftables.Conn, friends []netip.Addr) error {
	sets, err := conn.GetSets(table())
	if err != nil {
		return err
	}
	for _, set := range sets {
		for _, addr := range friends {
			if set.KeyType.Bytes != uint32(addr.BitLen()/8) {
				continue
			}
			err := conn.SetAddElements(set, []nftables.SetElement{{Key: addr.AsSlice()}, {Key: addr.Next().AsSlice(), IntervalEnd: true}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func makeDormant(conn *nftables.Conn, _ []netip.Addr) error {
	sleeping := table()
	sleeping.Flags = nftables.TableFlagDormant
	conn.AddTable(sleeping)
	return nil
}

// bystander is a table of another program. It shows that a flush was one.
const bystander = "bystander"

func (a *agent) addBystander() error {
	conn, err := nftables.New(nftables.WithNetNSFd(a.host.NetNS()))
	if err != nil {
		return fmt.Errorf("host %s: add table %s: %w", a.host.Name, bystander, err)
	}
	conn.AddTable(&nftables.Table{Name: bystander, Family: nftables.TableFamilyINet})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("host %s: add table %s: %w", a.host.Name, bystander, err)
	}
	return nil
}

func (a *agent) hasBystander() (bool, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(a.host.NetNS()))
	if err != nil {
		return false, fmt.Errorf("host %s: list tables: %w", a.host.Name, err)
	}
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("host %s: list tables: %w", a.host.Name, err)
	}
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == bystander }), nil
}
