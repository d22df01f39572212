package text

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// anyone is every address, and no group.
const anyone = "anyone"

// protect names the three commands that lead from a host that only counts, as it is after the installation, to an enforced
// one, and what of its configuration is missing for that.
func (p *page) protect(h status.Host) {
	if h.Firewall.Mode != words.ModeAudit || h.Firewall.Paused != nil || len(words.Named(h.Services, words.ModeEnforce)) > 0 {
		return
	}
	p.heading("TO PROTECT THIS HOST")
	for i, step := range []struct{ command, why string }{
		{"${EDITOR:-vi} " + cmp.Or(h.Config.Path, "/etc/nakama-warden/config.yaml"), strings.Join(missing(h), "; ")},
		{"nakama-warden plan --enforce", "whom that would refuse; wait until everybody who should get in was seen once"},
		{"nakama-warden apply --revert-after 60s", "it asks whether to keep the change, and takes it back without a yes: nobody is locked out for long"},
	} {
		p.prose(line{lead: fmt.Sprintf("  %d  ", i+1), text: step.command, colour: bold})
		p.prose(line{lead: "     ", text: step.why})
	}
}

// missing is what the configuration lacks of an enforced host.
func missing(h status.Host) []string {
	var lacking []string
	if !slices.ContainsFunc(h.Services, func(s status.Service) bool { return s.Role != "" }) {
		lacking = append(lacking, "say what this host is, roles: [nakama] or [cockroachdb]: neither was found here yet")
	}
	closed := map[string][]string{} // services by who may reach them
	for _, s := range h.Services {
		if nobody(h.Roster, s) {
			groups := "fleet." + strings.Join(s.From, " or fleet.")
			closed[groups] = append(closed[groups], s.Name)
		}
	}
	for _, groups := range slices.Sorted(maps.Keys(closed)) {
		lacking = append(lacking, fmt.Sprintf("fill %s, or nobody reaches %s", groups, strings.Join(closed[groups], ", ")))
	}
	return append(lacking, "set firewall.mode: enforce")
}

// nobody is whether the groups that may reach a service are all empty. One that is closed to all is meant to be.
func nobody(roster []status.Group, s status.Service) bool {
	for _, from := range s.From {
		if from == anyone || slices.ContainsFunc(roster, func(g status.Group) bool { return g.Name == from && g.Addresses > 0 }) {
			return false
		}
	}
	return len(s.From) > 0
}
