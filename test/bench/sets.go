package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"go4.org/netipx"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// manyPrefixes is the size of the budgets' roster.
const manyPrefixes = 100_000

// rounds is how often each figure is taken; the median counts.
const rounds = 5

// many returns the ruleset of a database host with n clients, none adjacent to another, from an offset.
func many(n, offset int) (ruleset.Ruleset, error) {
	prefixes := make([]netip.Prefix, n)
	for i := range prefixes {
		v := uint32(10<<24) + uint32(i+offset)*2
		prefixes[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), 32)
	}
	p, err := policy.Compile([]policy.Service{{Name: "cockroachdb-sql", Role: policy.RoleCockroachDB, Protocol: policy.TCP,
		Ports: []uint16{26257}, From: []string{policy.GroupNakama}, Mode: policy.Enforce, RefuseWith: policy.Reject}},
		policy.Roster{policy.GroupNakama: prefixes})
	return ruleset.Build(p, ruleset.Surroundings{}), err
}

// sets measures what large rosters cost.
func (b *bench) sets() error {
	full, err := many(manyPrefixes, 0)
	if err != nil {
		return err
	}
	shifted, err := many(manyPrefixes, 10) // ten leave at the beginning, ten join at the end
	if err != nil {
		return err
	}
	file, err := b.scratch(full.String())
	if err != nil {
		return err
	}
	defer os.Remove(file)
	ours, theirs, err := twoHosts()
	if err != nil {
		return err
	}
	table, err := kernel.Open(b.ctx, kernel.Options{NetNS: ours.NetNS(), HighestGrip: kernel.Watched})
	if err != nil {
		return err
	}
	defer table.Close()
	var f setFigures
	for round := range 1 + rounds {
		if err := b.applyRound(&f, table, theirs, full, file); err != nil {
			return err
		}
		if round == 0 { // the first of each touches memory that nobody has touched before
			f = setFigures{}
		}
	}
	if err := table.Commit(b.ctx, ruleset.Replace(full)); err != nil {
		return err
	}
	for range rounds {
		if err := b.changeRound(table, ours, theirs, full, shifted, &f.change, &f.rawChange, &f.nftChange); err != nil {
			return err
		}
		if err := b.verifyRound(table, ours, &f.verify, &f.bare); err != nil {
			return err
		}
	}
	b.ratio("apply 100k prefixes, beside `nft -f`", f.apply, f.nftApply, 0.5)
	b.ratio("change 10 of 100k, beside `nft -f` of the change", f.change, f.nftChange, 0.01)
	b.ratio("change 10 of 100k, beside the bare batch", f.change, f.rawChange, 1.5)
	b.ratio("verify 100k, beside a bare dump with a 1 MiB buffer", f.verify, f.bare, 1.5)
	return nil
}

// setFigures are the times of all rounds, and of their peers.
type setFigures struct{ apply, nftApply, change, rawChange, nftChange, verify, bare []time.Duration }

// applyRound times both sides in turn. The kernel frees the elements of a deleted set in the background: each side's fall
// to the time of the other.
func (b *bench) applyRound(f *setFigures, table *kernel.Table, theirs *lab.Host, full ruleset.Ruleset, file string) error {
	if _, err := theirs.Output(b.ctx, "nft", "flush ruleset"); err != nil {
		return err
	}
	if err := timed(&f.apply, func() error { return table.Commit(b.ctx, ruleset.Replace(full)) }); err != nil {
		return err
	}
	if err := table.Remove(b.ctx); err != nil {
		return err
	}
	return timed(&f.nftApply, func() error {
		_, err := theirs.Output(b.ctx, "nft", "-f", file)
		return err
	})
}

// twoHosts are one for our table and one for the peer's, so that neither pays for the other.
func twoHosts() (ours, theirs *lab.Host, err error) {
	l, err := lab.New()
	if err != nil {
		return nil, nil, err
	}
	if ours, err = l.Host("ours"); err != nil {
		return nil, nil, err
	}
	theirs, err = l.Host("theirs")
	return ours, theirs, err
}

// changeRound moves ten addresses there and back: by us, by the same batch sent bare, and by nft.
func (b *bench) changeRound(table *kernel.Table, ours, theirs *lab.Host, full, shifted ruleset.Ruleset, change, bare, nft *[]time.Duration) error {
	forth, back := ruleset.Diff(full, shifted), ruleset.Diff(shifted, full)
	if err := timed(change, func() error { return table.Commit(b.ctx, ruleset.Diff(full, shifted)) }); err != nil {
		return err
	}
	if err := timed(change, func() error { return table.Commit(b.ctx, ruleset.Diff(shifted, full)) }); err != nil {
		return err
	}
	for _, c := range []ruleset.Change{forth, back} {
		if err := timed(bare, func() error { return bareChange(ours, c) }); err != nil {
			return err
		}
		script, err := b.scratch(nftScript(c))
		if err != nil {
			return err
		}
		err = timed(nft, func() error {
			_, err := theirs.Output(b.ctx, "nft", "-f", script)
			return err
		})
		if err := os.Remove(script); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bareChange sends the same elements through the library alone, without a diff or anything else around it.
func bareChange(host *lab.Host, c ruleset.Change) error {
	conn, err := nftables.New(nftables.WithNetNSFd(host.NetNS()))
	if err != nil {
		return err
	}
	table := &nftables.Table{Name: ruleset.TableName, Family: nftables.TableFamilyINet}
	for _, e := range c.Elements {
		set := &nftables.Set{Table: table, Name: e.Set.Name, Interval: true, KeyType: nftables.TypeIPAddr}
		if err := conn.SetDeleteElements(set, elements(e.Delete)); err != nil {
			return err
		}
		if err := conn.SetAddElements(set, elements(e.Add)); err != nil {
			return err
		}
	}
	return conn.Flush()
}

func elements(ranges []netipx.IPRange) []nftables.SetElement {
	var found []nftables.SetElement
	for _, r := range ranges {
		found = append(found, nftables.SetElement{Key: r.From().AsSlice()}, nftables.SetElement{Key: r.To().Next().AsSlice(), IntervalEnd: true})
	}
	return found
}

func (b *bench) verifyRound(table *kernel.Table, ours *lab.Host, verify, bare *[]time.Duration) error {
	err := timed(verify, func() error {
		drift, err := table.Verify(b.ctx)
		if err == nil && !drift.None() {
			err = fmt.Errorf("verify finds a drift")
		}
		return err
	})
	if err != nil {
		return err
	}
	return timed(bare, func() error { return bareDump(ours) })
}

// bareDump reads the elements of the two sets and looks at none.
func bareDump(host *lab.Host) error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: host.NetNS(), MessageBufferSize: 1 << 20})
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, set := range []string{"nakama4", "nakama6"} {
		attributes, err := netlink.MarshalAttributes([]netlink.Attribute{
			{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: append([]byte(ruleset.TableName), 0)},
			{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: append([]byte(set), 0)},
		})
		if err != nil {
			return err
		}
		_, err = conn.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETSETELEM, Flags: netlink.Request | netlink.Dump},
			Data:   append([]byte{byte(nftables.TableFamilyINet), unix.NFNETLINK_V0, 0, 0}, attributes...),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nftScript writes a change as an operator would.
func nftScript(c ruleset.Change) string {
	script := ""
	for _, e := range c.Elements {
		for verb, ranges := range map[string][]netipx.IPRange{"delete": e.Delete, "add": e.Add} {
			for _, r := range ranges {
				script += fmt.Sprintf("%s element inet %s %s { %s }\n", verb, ruleset.TableName, e.Set.Name, r.From())
			}
		}
	}
	return script
}

// scratch writes a file for nft.
func (b *bench) scratch(text string) (string, error) {
	f, err := os.CreateTemp(b.dir, "*.nft")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Close())
}

func timed(into *[]time.Duration, do func() error) error {
	began := time.Now()
	err := do()
	*into = append(*into, time.Since(began))
	return err
}

func median(ds []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(ds))
	return sorted[len(sorted)/2]
}

// ratio compares medians.
func (b *bench) ratio(what string, ours, peer []time.Duration, budget float64) {
	got := float64(median(ours)) / float64(median(peer))
	b.row(what, fmt.Sprintf("%.3f (%s / %s)", got, round(median(ours)), round(median(peer))), fmt.Sprintf("≤ %.2f", budget), got <= budget)
}

func round(d time.Duration) time.Duration { return d.Round(d/1000 + 1) }
