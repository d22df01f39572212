package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// check holds what was read to the rules that concern more than one key. It also runs over what is incomplete, so that
// all problems are told at once.
func check(d *decoder, c *Config) {
	checkRoles(d, c)
	checkNakamaKnown(d, c)
	checkPolicy(d, c)
	checkWindows(d, c)
	checkOwnPort(d, c)
	checkLoki(d, c)
}

func checkRoles(d *decoder, c *Config) {
	const key = "roles"
	both := slices.Contains(c.Roles, policy.RoleNakama) && slices.Contains(c.Roles, policy.RoleCockroachDB)
	if both && c.Environment == Production {
		d.fail(key, "nakama and cockroachdb on one host are declared roles that break the production rule",
			"one role per host, or environment: testing")
	}
	if !c.Auto() {
		return
	}
	if enforced(c.Firewall.Services...) {
		d.warn(key, "auto guards the roles that were found on this host, and enforcing needs one that was",
			"explicit roles, like [nakama], where nothing may run yet")
	}
}

func enforced(services ...policy.Service) bool {
	return slices.ContainsFunc(services, func(s policy.Service) bool { return s.Mode == policy.Enforce })
}

// checkNakamaKnown finds a database host that would refuse its own Nakama nodes, because nobody said which they are.
func checkNakamaKnown(d *decoder, c *Config) {
	group := c.Fleet[policy.GroupNakama]
	if len(group.Static) > 0 || len(group.Files) > 0 || d.failed("fleet."+policy.GroupNakama) || !slices.Contains(c.Roles, policy.RoleCockroachDB) {
		return
	}
	var concerned []policy.Service
	for _, s := range c.Firewall.Services {
		if s.Role == policy.RoleCockroachDB && s.Mode != policy.Off && slices.Contains(s.From, policy.GroupNakama) {
			concerned = append(concerned, s)
		}
	}
	if len(concerned) == 0 {
		return
	}
	const key, want = "fleet.nakama", "the Nakama nodes under static or files"
	problem := "a database host that knows no Nakama node: " + concerned[0].Name + " would refuse them all"
	if enforced(concerned...) {
		d.fail(key, problem, want)
	} else {
		d.warn(key, problem+" once enforced", want)
	}
}

// checkPolicy asks the policy which of its rules are broken.
func checkPolicy(d *decoder, c *Config) {
	services := meeting(c)
	for _, v := range policy.Check(services, c.StaticRoster()) {
		if v.Service == "" {
			key := entryAtFault(d, c.Fleet[v.Group], v)
			d.fail(key, v.Problem, v.Want)
			continue
		}
		key, problem := serviceAtFault(d, services, c.Fleet, v), v.Problem
		if own := servicesKey + "." + v.Service; key != own && !strings.HasPrefix(key, own+".") {
			problem = "service " + v.Service + ": " + problem
		}
		d.fail(key, problem, v.Want)
	}
}

// meeting returns all services, but without the ports of those that this host cannot have: they clash with nobody here.
// With auto any role may be found.
func meeting(c *Config) []policy.Service {
	services := slices.Clone(c.Firewall.Services)
	for i, s := range services {
		if s.Role != "" && !c.Auto() && !slices.Contains(c.Roles, s.Role) {
			services[i].Ports = nil
		}
	}
	return services
}

// serviceAtFault returns the key of the entry without which the rule would hold: the most specific one that the operator
// can change. It is tried, not derived from the words of the violation.
func serviceAtFault(d *decoder, services []policy.Service, fleet map[string]Group, v policy.Violation) string {
	names := policy.Roster{} // rules of services ask for groups, not for addresses
	for group := range fleet {
		names[group] = nil
	}
	own := slices.IndexFunc(services, func(s policy.Service) bool { return s.Name == v.Service })
	suspects := []int{own}
	for i := range services {
		if i != own { // a clash of ports is told of the later service, and the earlier one may be the one in the file
			suspects = append(suspects, i)
		}
	}
	for _, i := range suspects {
		persists := func(s policy.Service) bool {
			changed := slices.Clone(services)
			changed[i] = s
			return slices.Contains(policy.Check(changed, names), v)
		}
		if key, ok := itemAtFault(d, services[i], persists); ok {
			return key
		}
	}
	return servicesKey + "." + v.Service
}

// itemAtFault looks among the items that stand in the file.
func itemAtFault(d *decoder, s policy.Service, persists func(policy.Service) bool) (string, bool) {
	key := servicesKey + "." + s.Name
	for i, origin := range d.origins[key+".from"] {
		without := s
		without.From = slices.Delete(slices.Clone(s.From), i, i+1)
		if !persists(without) {
			return origin, true
		}
	}
	for i, origin := range d.origins[key+".ports"] {
		if i >= len(s.Ports) {
			break // of a role that is not on this host
		}
		without := s
		without.Ports = slices.Delete(slices.Clone(s.Ports), i, i+1)
		if !persists(without) {
			return origin, true
		}
	}
	return "", false
}

// entryAtFault returns the key of the static entry that holds the prefix, or of the list where several entries do.
func entryAtFault(d *decoder, group Group, v policy.Violation) string {
	key := "fleet." + v.Group
	if !v.Prefix.IsValid() {
		return key
	}
	list := key + ".static"
	key, closest := list, -1
	for i, origin := range d.origins[list] {
		p := group.Static[i]
		if p.Contains(v.Prefix.Addr()) && p.Bits() <= v.Prefix.Bits() && p.Bits() > closest {
			key, closest = origin, p.Bits()
		}
	}
	return key
}

func checkWindows(d *decoder, c *Config) {
	if c.Capacity.Window > c.Capacity.PeakWindow {
		const key = "capacity.window"
		d.fail(key, fmt.Sprintf("%s is longer than capacity.peak_window, %s", c.Capacity.Window, c.Capacity.PeakWindow),
			"a window that fits into it many times")
	}
}

// checkOwnPort finds an agent that listens where its own service does not guard.
func checkOwnPort(d *decoder, c *Config) {
	host, text, err := net.SplitHostPort(c.Web.Listen)
	port, portErr := strconv.ParseUint(text, 10, 16)
	if err != nil || portErr != nil || local(host) {
		return
	}
	guarded := slices.ContainsFunc(c.HostServices(), func(s policy.Service) bool {
		return s.Protocol == policy.TCP && slices.Contains(s.Ports, uint16(port))
	})
	if !guarded {
		const key = "web.listen"
		d.warn(key, fmt.Sprintf("port %d belongs to no service of this host, so anyone may reach the agent", port),
			fmt.Sprintf("%s.warden.ports: [%d]", servicesKey, port))
	}
}

func local(host string) bool {
	addr, err := netip.ParseAddr(strings.TrimSpace(host))
	return host == "localhost" || (err == nil && addr.IsLoopback())
}
