package paths

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// proxy is a port that a program on this host forwards. Its target's address may be absent: the program then leads into
// a namespace that its arguments do not name.
type proxy struct {
	via      string
	protocol policy.Protocol
	port     uint16
	to       netip.Addr
	toPort   uint16
}

// argumentProxies tell by their arguments where they lead; each has its own notation.
func argumentProxies() map[string]func(args []string) []proxy {
	return map[string]func([]string) []proxy{
		"docker-proxy":             dockerProxy,
		"rootlesskit-doc":          dockerProxy, // rootlesskit-docker-proxy
		"rootlesskit-docker-proxy": dockerProxy,
		"rootlesskit":              rootlesskit,
		"pasta":                    pasta,
		"pasta.avx2":               pasta,
		"passt":                    pasta,
		"passt.avx2":               pasta,
	}
}

// silentProxies are told otherwise: only their listeners show what they publish.
func silentProxies() []string {
	return []string{"rootlesskit", "rootlessport", "slirp4netns"}
}

// userNetworks are the programs that are the network of an ordinary user's containers.
func userNetworks() []string {
	return []string{"rootlesskit", "rootlessport", "slirp4netns", "pasta", "pasta.avx2", "passt", "passt.avx2", "vpnkit"}
}

// aliasesOfProxies finds the ports that programs forward to guarded ports.
func (l *look) aliasesOfProxies() {
	told := map[uint16]bool{}
	for _, p := range l.processes {
		parse, known := argumentProxies()[p.name]
		if !known {
			continue
		}
		args, err := argv(l.opts.Proc, p.pid)
		if err != nil {
			l.problem("read the arguments of "+p.name, err)
			continue
		}
		for _, found := range parse(args) {
			if p.netns != l.ownID && !l.listensOn(found) {
				continue // published elsewhere, such as by an engine inside a container
			}
			told[found.port] = true
			l.aliasOfProxy(found)
		}
	}
	l.silentProxies(told)
}

func (l *look) listensOn(p proxy) bool {
	return slices.ContainsFunc(l.own.sockets, func(s socket) bool { return s.protocol == p.protocol && s.Addr.Port() == p.port })
}

func (l *look) aliasOfProxy(p proxy) {
	for _, g := range l.guarded {
		if g.Protocol != p.protocol || g.Port != p.toPort {
			continue
		}
		who := nobody
		if p.to.IsValid() {
			who = l.who(translation{from: p.to, to: p.to}, g)
		}
		if who == stranger {
			continue
		}
		l.aliases = append(l.aliases, Alias{Port: p.port, Protocol: p.protocol, Service: g.Service, Via: p.via,
			To: netip.AddrPortFrom(p.to, p.toPort), Seen: who == guardedProcess})
	}
}

// silentProxies looks for what those publish that do not say where it leads. A guarded port under its own number is
// guarded as that; any other matters only while a guarded process runs out of this host's own sight.
func (l *look) silentProxies(told map[uint16]bool) {
	candidates := slices.DeleteFunc(slices.Clone(l.own.processes), func(p process) bool { return !p.named(silentProxies()) })
	if len(candidates) == 0 || !slices.ContainsFunc(l.others, (*namespace).isUserNetwork) {
		return
	}
	inodes := map[uint64]bool{}
	for _, s := range l.own.sockets {
		inodes[s.Inode] = true
	}
	owner, err := owners(l.opts.Proc, candidates, inodes)
	l.problem("find the listeners of "+candidates[0].name, err)
	for _, s := range l.own.sockets {
		p, known := owner[s.Inode]
		if !known || told[s.Addr.Port()] || s.Addr.Addr().IsLoopback() {
			continue
		}
		if !l.guardsPort(s) {
			l.problems = append(l.problems, fmt.Sprintf("%s port %d is forwarded by %s (process %d) into containers; to which port cannot be seen: publish the guarded ports under their own numbers", s.protocol, s.Addr.Port(), p.name, p.pid))
			continue
		}
		for _, g := range l.guarded {
			if s.isOn(g) {
				l.aliasOfProxy(proxy{via: p.name, protocol: s.protocol, port: g.Port, toPort: g.Port})
			}
		}
	}
}

// isUserNetwork says that a guarded process listens where only a program of an ordinary user leads.
func (n *namespace) isUserNetwork() bool {
	return !n.attached.direct && slices.ContainsFunc(n.listeners, func(heard listener) bool { return heard.guarded })
}

// dockerProxy reads "-proto tcp -host-ip 0.0.0.0 -host-port 17351 -container-ip 172.17.0.2 -container-port 7351".
func dockerProxy(args []string) []proxy {
	p := proxy{via: "docker-proxy", protocol: policy.TCP}
	for i := 1; i+1 < len(args); i += 2 {
		switch value := args[i+1]; strings.TrimLeft(args[i], "-") {
		case "proto":
			p.protocol = policy.Protocol(value)
		case "host-port":
			p.port = parsePort(value)
		case "container-ip":
			p.to, _ = netip.ParseAddr(value)
			p.to = p.to.Unmap()
		case "container-port":
			p.toPort = parsePort(value)
		case "use-listen-fd":
			i-- // has no value
		}
	}
	return complete(p)
}

// rootlesskit reads "--publish=127.0.0.1:17351:7351/tcp", also "-p" and without "=" or address.
func rootlesskit(args []string) []proxy {
	var found []proxy
	for i := 1; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			break // the program to run inside, with arguments of its own
		}
		option, value, joined := strings.Cut(args[i], "=")
		if option != "-p" && option != "--publish" {
			continue
		}
		if !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		found = append(found, parsePublished(value)...)
	}
	return found
}

func parsePublished(text string) []proxy {
	p := proxy{via: "rootlesskit", protocol: policy.TCP}
	ports, protocol, named := strings.Cut(text, "/")
	if named {
		p.protocol = policy.Protocol(protocol)
	}
	parts := strings.Split(ports, ":")
	if len(parts) < 2 {
		return nil
	}
	p.port, p.toPort = parsePort(parts[len(parts)-2]), parsePort(parts[len(parts)-1])
	return complete(p)
}

// pasta reads "-t 17351:7351" and "-u": comma-separated ports or ranges, each with the ports inside after a colon, with
// the addresses to listen on before a slash. What it publishes by itself ("auto") keeps its number.
func pasta(args []string) []proxy {
	var found []proxy
	for i := 1; i < len(args); i++ {
		option, value, joined := strings.Cut(args[i], "=")
		var protocol policy.Protocol
		switch option {
		case "-t", "--tcp-ports":
			protocol = policy.TCP
		case "-u", "--udp-ports":
			protocol = policy.UDP
		default:
			continue
		}
		if !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		if address := strings.LastIndex(value, "/"); address >= 0 {
			value = value[address+1:]
		}
		for spec := range strings.SplitSeq(value, ",") {
			found = append(found, pastaPorts(spec, protocol)...)
		}
	}
	return found
}

func pastaPorts(spec string, protocol policy.Protocol) []proxy {
	outside, inside, mapped := strings.Cut(spec, ":")
	if !mapped {
		inside = outside
	}
	from, ok := parsePortRange(outside, "-")
	to, okTo := parsePortRange(inside, "-")
	if !ok || !okTo || from.last < from.first {
		return nil
	}
	var found []proxy
	for i := range int(from.last) - int(from.first) + 1 {
		p := proxy{via: "pasta", protocol: protocol, port: from.first + uint16(i), toPort: to.first + uint16(i)}
		found = append(found, complete(p)...)
	}
	return found
}

// complete drops what is not a whole proxy.
func complete(p proxy) []proxy {
	if p.port == 0 || p.toPort == 0 || p.protocol != policy.TCP && p.protocol != policy.UDP {
		return nil
	}
	return []proxy{p}
}

// parsePort returns 0 on what is no port.
func parsePort(text string) uint16 {
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(p)
}
