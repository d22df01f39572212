package kernel

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"go4.org/netipx"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/status"
)

// decode gives a whole dump its meaning.
func (d *dump) decode() (ruleset.Ruleset, error) {
	var r ruleset.Ruleset
	if !d.table.present {
		return r, nil
	}
	if extra := d.table.flags &^ ownedFlags; extra != 0 {
		r.Foreign = append(r.Foreign, tableFlagsText(extra))
	}
	for range d.others {
		r.Foreign = append(r.Foreign, "flowtable")
	}
	steps := []func(*ruleset.Ruleset) error{d.decodeObjects, d.decodeSets, d.decodeChains, d.decodeRules}
	for _, step := range steps {
		if err := step(&r); err != nil {
			return ruleset.Ruleset{}, err
		}
	}
	r.Normalize()
	return r, nil
}

func tableFlagsText(flags uint32) string {
	if flags == uint32(nftables.TableFlagDormant) {
		return "flags dormant: no rule of the table is used"
	}
	return fmt.Sprintf("table flags %#x", flags)
}

func (d *dump) decodeObjects(r *ruleset.Ruleset) error {
	for _, data := range d.objects {
		found, err := attributes(data[nfgenmsgSize:])
		if err != nil {
			return err
		}
		name := text(found[unix.NFTA_OBJ_NAME])
		if number(found[unix.NFTA_OBJ_TYPE]) == counterObject {
			r.Counters = append(r.Counters, name)
		} else {
			r.Foreign = append(r.Foreign, "object "+name)
		}
	}
	return nil
}

func (d *dump) decodeSets(r *ruleset.Ruleset) error {
	for _, data := range d.sets {
		found, err := attributes(data[nfgenmsgSize:])
		if err != nil {
			return err
		}
		s := ruleset.Set{Name: text(found[unix.NFTA_SET_NAME])}
		flags := number(found[unix.NFTA_SET_FLAGS])
		if flags&unix.NFT_SET_ANONYMOUS != 0 {
			continue // part of a rule, which is foreign as a whole
		}
		if flags != unix.NFT_SET_INTERVAL {
			s.Odd = fmt.Sprintf("flags %#x", flags)
		}
		switch number(found[unix.NFTA_SET_KEY_LEN]) {
		case 4:
			s.Family = ruleset.IPv4
		case 16:
			s.Family = ruleset.IPv6
		default:
			s.Odd = "not a set of addresses"
		}
		if es := d.elements[s.Name]; es != nil && s.Odd == "" {
			s.Ranges, s.Odd = rangesOf(es.keys)
		}
		r.Sets = append(r.Sets, s)
	}
	return nil
}

// rangesOf pairs starts and ends. What does not pair is odd.
func rangesOf(keys []elementKey) (ranges []netipx.IPRange, odd string) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b elementKey) int {
		if c := bytes.Compare(a.key, b.key); c != 0 {
			return c
		}
		// At one address the range before ends first, then the next begins.
		switch {
		case a.end == b.end:
			return 0
		case a.end:
			return -1
		default:
			return 1
		}
	})
	var from netip.Addr
	for _, k := range keys {
		addr, ok := netip.AddrFromSlice(k.key)
		if !ok || k.odd {
			return nil, "elements with a timeout, or other than addresses"
		}
		switch {
		case k.end && from.IsValid():
			ranges = append(ranges, netipx.IPRangeFrom(from, addr.Prev()))
			from = netip.Addr{}
		case k.end && !addr.IsUnspecified(): // nft itself writes an end at zero
			odd = "an end without a start"
		case !k.end && from.IsValid():
			odd = "a start within a range"
		case !k.end:
			from = addr
		}
	}
	if from.IsValid() {
		last := netipx.PrefixLastIP(netip.PrefixFrom(from, 0))
		ranges = append(ranges, netipx.IPRangeFrom(from, last))
	}
	return ranges, odd
}

func (d *dump) decodeChains(r *ruleset.Ruleset) error {
	for _, data := range d.chains {
		found, err := attributes(data[nfgenmsgSize:])
		if err != nil {
			return err
		}
		c := ruleset.Chain{Name: text(found[unix.NFTA_CHAIN_NAME])}
		if hook := found[unix.NFTA_CHAIN_HOOK]; hook != nil {
			if c.Hook, err = decodeHook(hook, found); err != nil {
				return err
			}
		}
		r.Chains = append(r.Chains, c)
	}
	return nil
}

// policyAccept is NF_ACCEPT.
const policyAccept = 1

func decodeHook(hook []byte, chain map[uint16][]byte) (ruleset.Hook, error) {
	found, err := attributes(hook)
	if err != nil {
		return ruleset.Hook{}, err
	}
	h := ruleset.Hook{Priority: int32(number(found[unix.NFTA_HOOK_PRIORITY]))}
	hookNumber := uint32(number(found[unix.NFTA_HOOK_HOOKNUM]))
	for name, n := range hookNumbers() {
		if n == hookNumber {
			h.Name = name
		}
	}
	var odd []string
	if kind := text(chain[unix.NFTA_CHAIN_TYPE]); kind != "filter" {
		odd = append(odd, "type "+kind)
	}
	if number(chain[unix.NFTA_CHAIN_POLICY]) != policyAccept {
		odd = append(odd, "policy drop")
	}
	if found[unix.NFTA_HOOK_DEV] != nil || h.Name == "" {
		odd = append(odd, "another hook")
	}
	h.Odd = strings.Join(odd, ", ")
	return h, nil
}

// decodeRules lets the library parse the rules. It drops expressions that it does not know without a word, so they are
// counted.
func (d *dump) decodeRules(r *ruleset.Ruleset) error {
	for _, data := range d.rules {
		chain, rule, err := decodeRule(data)
		if err != nil {
			return fmt.Errorf("decode rule: %w", err)
		}
		i := slices.IndexFunc(r.Chains, func(c ruleset.Chain) bool { return c.Name == chain })
		if i < 0 {
			return errTorn
		}
		r.Chains[i].Rules = append(r.Chains[i].Rules, rule)
	}
	return nil
}

func decodeRule(data []byte) (chain string, rule ruleset.Rule, err error) {
	// The library trusts the kernel and panics on what no kernel sends.
	defer func() {
		if recover() != nil {
			chain, rule, err = "", nil, errMalformed
		}
	}()
	answered := false
	conn, err := nftables.New(nftables.WithTestDial(func([]netlink.Message) ([]netlink.Message, error) {
		if answered {
			return nil, nil // the library asks until there is no more
		}
		answered = true
		return []netlink.Message{{Header: netlink.Header{Type: messageType(unix.NFT_MSG_NEWRULE)}, Data: data}}, nil
	}))
	if err != nil {
		return "", nil, err
	}
	table := &nftables.Table{Name: ruleset.TableName, Family: nftables.TableFamilyINet}
	rules, err := conn.GetRules(table, &nftables.Chain{Table: table})
	if err != nil {
		return "", nil, err
	}
	if len(rules) != 1 || rules[0].Chain == nil {
		return "", nil, errMalformed
	}
	rule = statementsOf(rules[0].Exprs)
	if unread := countExpressions(data) - len(rules[0].Exprs); unread != 0 {
		rule = append(rule, ruleset.Statement{Op: ruleset.Foreign, Name: fmt.Sprintf("%d unknown expressions", unread)})
	}
	return rules[0].Chain.Name, rule, nil
}

func countExpressions(data []byte) int {
	found, err := attributes(data[nfgenmsgSize:])
	if err != nil {
		return 0
	}
	n := 0
	_ = eachAttribute(found[unix.NFTA_RULE_EXPRESSIONS], func(uint16, []byte) error {
		n++
		return nil
	})
	return n
}

// ruleText describes a rule that was to be created.
func ruleText(m netlink.Message) string {
	_, rule, err := decodeRule(m.Data)
	if err != nil {
		return "(unreadable)"
	}
	return rule.String()
}

// counters reads the named counters' values.
func (d *dump) counters() (map[string]status.Count, error) {
	counts := map[string]status.Count{}
	for _, data := range d.objects {
		found, err := attributes(data[nfgenmsgSize:])
		if err != nil {
			return nil, err
		}
		if number(found[unix.NFTA_OBJ_TYPE]) != counterObject {
			continue
		}
		values, err := attributes(found[unix.NFTA_OBJ_DATA])
		if err != nil {
			return nil, err
		}
		counts[text(found[unix.NFTA_OBJ_NAME])] = status.Count{
			Packets: number(values[unix.NFTA_COUNTER_PACKETS]),
			Bytes:   number(values[unix.NFTA_COUNTER_BYTES]),
		}
	}
	return counts, nil
}
