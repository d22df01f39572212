package paths

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/nftables"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// Beyond names the base chains of other tables that a packet to a port of this host meets, in the order in which it
// meets them: "inet filter input (priority 0, policy drop)". A packet that we admit may still be dropped there. Where
// the port is published to a container the chains are those of forward; where only some packets are, both are named.
// What could not be seen is the last of them: "unknown: …".
func Beyond(ctx context.Context, o Options, protocol policy.Protocol, port uint16) ([]string, error) {
	o = o.withDefaults()
	var found []string
	err := inNamespace(o.NetNS, func() error {
		host, err := openHost()
		if err != nil {
			return err
		}
		defer host.close()
		l := look{opts: o, host: host, ruleset: host, own: &namespace{}}
		found, err = l.beyond(ctx, protocol, port)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for other chains: %w", err)
	}
	return found, nil
}

// baseChain is a base chain of any table, as far as its place matters.
type baseChain struct {
	hook     hook
	priority int32
	text     string
}

// hook is where a base chain is attached, in the order of a packet's way.
type hook int

const (
	ingress hook = iota
	prerouting
	input
	forward
)

func (l *look) beyond(ctx context.Context, protocol policy.Protocol, port uint16) ([]string, error) {
	own, err := l.host.addresses()
	if err != nil {
		return nil, err
	}
	l.own.addresses = own
	here, away := l.destinations(ctx, protocol, port)
	chains, err := l.baseChains(ctx)
	if err != nil {
		return nil, err
	}
	legacy, unseen := l.legacyBaseChains()
	chains = append(chains, legacy...)
	chains = slices.DeleteFunc(chains, func(c baseChain) bool { return c.hook == input && !here || c.hook == forward && !away })
	slices.SortStableFunc(chains, func(a, b baseChain) int {
		return cmp.Or(cmp.Compare(a.hook, b.hook), cmp.Compare(a.priority, b.priority))
	})
	var texts []string
	for _, c := range chains {
		texts = append(texts, c.text)
	}
	if unseen != "" {
		texts = append(texts, "unknown: "+unseen)
	}
	return texts, nil
}

// destinations says whether packets to the port stay here, and whether they are led away.
func (l *look) destinations(ctx context.Context, protocol policy.Protocol, port uint16) (here, away bool) {
	here = true
	for _, t := range l.translations(ctx) {
		if !t.match.has(protocol) || !t.match.ports.has(port) {
			continue
		}
		if t.from.IsValid() && !t.from.IsLoopback() && !l.own.hasAddressOf(t) {
			away = true
			// A rule about this one port is taken to be about all packets to it; a wider one may leave some.
			here = here && t.match.ports.size() > 1
		}
	}
	return here, away
}

func (l *look) baseChains(ctx context.Context) ([]baseChain, error) {
	tables, err := l.ruleset.tables(ctx)
	if err != nil {
		return nil, err
	}
	chains, err := l.ruleset.chains(ctx)
	if err != nil {
		return nil, err
	}
	var found []baseChain
	for _, c := range chains {
		if ours(c.Table) || c.Hooknum == nil || c.Priority == nil || dormant(tables, c.Table) {
			continue
		}
		at, onTheWay := hookOf(c)
		if !onTheWay {
			continue
		}
		name := chainName{c.Table.Family, c.Table.Name, c.Name}
		found = append(found, baseChain{at, int32(*c.Priority), fmt.Sprintf("%s (priority %d, policy %s)", name, int32(*c.Priority), policyName(c))})
	}
	return found, nil
}

func dormant(tables []*nftables.Table, of *nftables.Table) bool {
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool {
		return t.Name == of.Name && t.Family == of.Family && t.Flags&nftables.TableFlagDormant != 0
	})
}

func policyName(c *nftables.Chain) string {
	if c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop {
		return "drop"
	}
	return "accept"
}

// hookOf tells a chain's hook; chains that packets to this host do not meet have none.
func hookOf(c *nftables.Chain) (hook, bool) {
	if c.Table.Family == nftables.TableFamilyNetdev {
		return ingress, *c.Hooknum == *nftables.ChainHookIngress
	}
	if !routed(c.Table.Family) {
		return 0, false
	}
	if c.Table.Family == nftables.TableFamilyINet && *c.Hooknum == inetIngress {
		return ingress, true
	}
	switch *c.Hooknum {
	case *nftables.ChainHookPrerouting:
		return prerouting, true
	case *nftables.ChainHookInput:
		return input, true
	case *nftables.ChainHookForward:
		return forward, true
	}
	return 0, false
}

// inetIngress is the number of the hook ingress in the inet family (NF_INET_INGRESS).
const inetIngress = 5

// legacyBaseChains are those of iptables-legacy: which tables are loaded is all that is known of them, and every table
// has its fixed hooks. unseen says why there may be more.
func (l *look) legacyBaseChains() (found []baseChain, unseen string) {
	for _, six := range []bool{false, true} {
		loaded, err := legacyTables(l.opts.Proc, six)
		if err != nil && !legacyHasNone(l.opts.Proc, six, "") {
			unseen = "chains of iptables-legacy: " + remedied(err)
		}
		for _, table := range loaded {
			for _, c := range legacyHooks(table) {
				c.text = fmt.Sprintf("%s %s %s (iptables-legacy, priority %d)", familyName(legacyFamily(six)), table, c.text, c.priority)
				found = append(found, c)
			}
		}
	}
	return found, unseen
}

func legacyHooks(table string) []baseChain {
	in, fwd, pre := "INPUT", "FORWARD", "PREROUTING"
	switch table {
	case "raw":
		return []baseChain{{prerouting, -300, pre}}
	case "mangle":
		return []baseChain{{prerouting, -150, pre}, {input, -150, in}, {forward, -150, fwd}}
	case "nat":
		return []baseChain{{prerouting, -100, pre}, {input, 100, in}}
	case "filter":
		return []baseChain{{input, 0, in}, {forward, 0, fwd}}
	case "security":
		return []baseChain{{input, 50, in}, {forward, 50, fwd}}
	}
	return nil
}
