// Package paths says by which ways packets reach the guarded processes of this host, and whether they pass our hooks.
//
// It only reads: the listeners of every network namespace, the rules that translate destinations, the arguments of
// programs that publish ports, the links of this host. What it finds is a value; the ruleset is made from it elsewhere.
// A rule that cannot be followed to its end is taken to match, so a way may be named that no packet takes, but a way
// that packets take is named, or a Problem says what could not be seen. General proxies (HAProxy, an SSH tunnel) tell
// nobody where they lead: they are beyond what is found here.
//
// The cost grows with the number of processes (two small reads each), of links and of NAT rules, and with the number of
// other namespaces in which a guarded program runs: the kernel walks its table of connections for each. Needs
// CAP_NET_ADMIN, and CAP_SYS_PTRACE to tell the namespaces and (from Linux 5.14 on) sockets of other users' processes
// apart; what is lacking becomes a Problem.
package paths

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// Guarded is a port that a service guards.
type Guarded struct {
	Service  string
	Protocol policy.Protocol
	Port     uint16
	// Processes are the names of the programs that count, such as nakama. When empty every listener counts, but in
	// other namespaces only where they are reached through this host.
	Processes []string
}

// Found is what a look has shown. Every list is sorted and without duplicates.
type Found struct {
	Aliases    []Alias
	Containers []Target
	Listeners  []Listener
	Problems   []string // what could not be looked at, and what would help
	Saved      []string // files of saved rulesets that name our table: their load fails whole while the table is owned
	Engines    []string // what else programs forwarding here, such as kube-proxy, with what shows it
}

// Alias is a port of this host that leads to a guarded port. It may be the number of another service's port: a console
// published as 7350 is an alias too.
type Alias struct {
	Port     uint16
	Protocol policy.Protocol
	Service  string
	Via      string         // "nft dnat ip nat DOCKER", "iptables-legacy ip DOCKER", "docker-proxy" …
	To       netip.AddrPort // the address is absent where it stays the host's own
	// Seen says that a guarded process was seen to listen there. Otherwise nobody does yet, or nobody could be seen,
	// and only the port's number speaks for it.
	Seen bool
}

// Target is an address in another namespace where a guarded process listens, reached by way of this host's forward hook.
type Target struct {
	Service  string
	Protocol policy.Protocol
	Addr     netip.Addr
	Port     uint16
}

// Listener is a socket that listens on a guarded port.
type Listener struct {
	Service   string
	Protocol  policy.Protocol
	Namespace string // "" is this host's own
	Addr      netip.AddrPort
	PID       int    // 0 when the process could not be seen
	Process   string // its name; compare with Guarded.Processes for who holds the port of another
	Behind    bool   // everything that reaches it from outside passes our hooks
	Reason    string // why not
}

// Options say where to look. The zero value is this host as the calling thread sees it.
type Options struct {
	Proc  string // "" is /proc
	Root  string // where saved rulesets are; "" is /
	NetNS int    // a descriptor of the network namespace to look from; 0 is the caller's
	// RunLegacySave returns the nat table as iptables-legacy-save prints it (ip6tables-legacy-save when six). It runs in
	// the namespace that is looked from, and only when that table is loaded: the program itself would load it. nil runs
	// the programs of those names.
	RunLegacySave func(ctx context.Context, six bool) ([]byte, error)
}

// Look finds the ways to the guarded ports. What cannot be read is a Problem; an error means that nothing could be.
func Look(ctx context.Context, o Options, guarded []Guarded) (Found, error) {
	o = o.withDefaults()
	var found Found
	err := inNamespace(o.NetNS, func() error {
		host, err := openHost()
		if err != nil {
			return err
		}
		defer host.close()
		l := look{opts: o, guarded: guarded, host: host, ruleset: host}
		found, err = l.run(ctx)
		return err
	})
	if err != nil {
		return Found{}, fmt.Errorf("look for paths: %w", err)
	}
	return found, nil
}

func (o Options) withDefaults() Options {
	o.Proc = cmp.Or(o.Proc, "/proc")
	o.Root = cmp.Or(o.Root, "/")
	if o.RunLegacySave == nil {
		o.RunLegacySave = runLegacySave
	}
	return o
}

// look is one run: what was seen so far.
type look struct {
	opts    Options
	guarded []Guarded
	host    network
	ruleset tables

	processes  []process
	ownID      string // of this host's own namespace, as processes name it
	own        *namespace
	others     []*namespace // those in which a guarded program may run
	strangers  []*namespace // the rest, of which nothing was read
	aliases    []Alias
	problems   []string
	chainNames []chainName
	links      []link
}

func (l *look) run(ctx context.Context) (Found, error) {
	if err := l.survey(ctx); err != nil {
		return Found{}, err
	}
	translations := l.translations(ctx)
	if err := ctx.Err(); err != nil {
		return Found{}, err
	}
	found := Found{Listeners: l.listeners(), Containers: l.targets()}
	l.aliasesOfProxies()
	l.aliasesOfTranslations(translations)
	found.Aliases = sorted(l.aliases, compareAliases)
	found.Saved = l.savedRulesets()
	found.Engines = engines(l.chainNames, l.processes, l.links)
	found.Problems = sorted(l.problems, cmp.Compare[string])
	return found, nil
}

// problem notes what could not be looked at. A process that ended meanwhile is none.
func (l *look) problem(doing string, err error) {
	if err == nil || vanished(err) || errors.Is(err, context.Canceled) {
		return
	}
	l.problems = append(l.problems, fmt.Sprintf("%s: %s", doing, remedied(err)))
}

func sorted[T comparable](items []T, compare func(a, b T) int) []T {
	slices.SortFunc(items, compare)
	return slices.Compact(items)
}

func compareAliases(a, b Alias) int {
	return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.Via, b.Via), a.To.Compare(b.To))
}
