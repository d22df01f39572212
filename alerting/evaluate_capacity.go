package alerting

import (
	"fmt"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// provisionBelowTarget has no threshold of its own: what is wanted is declared under capacity. An override stands instead of
// that.
func provisionBelowTarget(h status.Host, threshold float64) []finding {
	var found []finding
	for _, u := range unitsOf(h) {
		c := u.Capacity
		if c == nil || !c.Known || c.Ratio <= 0 {
			continue
		}
		target, below := c.Target, c.Below
		if threshold > 0 {
			target, below = threshold, c.Ratio < threshold
		}
		if below {
			found = append(found, finding{subject: u.Name, summary: summary("%s connections fit %s, %.1f × its peak of %s where %.1f is wanted: %s",
				grouped(c.Fits), u.Name, c.Ratio, grouped(c.Peak), target, enlarge(c.Binding))})
		}
	}
	return found
}

// enlarge says what has more connections fit, by what runs out first.
func enlarge(binding string) phrase {
	switch binding {
	case "descriptors":
		return "file descriptors run out first, raise LimitNOFILE= of its unit (or its container's ulimit) and restart it"
	case "conntrack":
		return "connection tracking runs out first, raise net.netfilter.nf_conntrack_max"
	}
	return "memory runs out first, add a node, or enlarge this one"
}

func memoryExhaustionForecast(h status.Host, _ float64) []finding {
	var found []finding
	for _, u := range unitsOf(h) {
		if c := u.Capacity; c != nil && c.Exhaustion != nil {
			found = append(found, finding{subject: u.Name, summary: summary("the load of %s is forecast to fill its memory at %s (%s now, %s fit): add a node, or give it more memory, before",
				u.Name, clock(*c.Exhaustion), connections(connectionsOf(u)), grouped(c.Fits))})
		}
	}
	return found
}

func descriptorsLow(h status.Host, threshold float64) []finding {
	var found []finding
	for _, u := range unitsOf(h) {
		if full(u.Files, threshold) {
			found = append(found, finding{subject: u.Name, summary: summary("%s has %s open: each connection needs one; raise LimitNOFILE= of its unit (or its container's ulimit) and restart it",
				u.Name, usage(*u.Files, "file descriptors"))})
		}
	}
	return found
}

func conntrackNearFull(h status.Host, threshold float64) []finding {
	c := machineOf(h).Conntrack
	if !full(c, threshold) {
		return nil
	}
	return one(true, summary("connection tracking has %s; beyond that new connections are dropped: raise net.netfilter.nf_conntrack_max", usage(*c, "entries")))
}

// full is false where the level or its limit is not known.
func full(l *status.Level, threshold float64) bool {
	return l != nil && l.Limit > 0 && float64(l.Used)/float64(l.Limit) >= threshold
}

func usage(l status.Level, what string) phrase {
	return phrase(fmt.Sprintf("%s of %s %s (%s)", grouped(l.Used), grouped(l.Limit), what, percent(float64(l.Used)/float64(l.Limit))))
}

func hostUndersized(h status.Host, _ float64) []finding {
	sizing := strings.Join(machineOf(h).Sizing, "; ")
	return one(sizing != "", summary("%s", sizing))
}

func rolesShareHost(h status.Host, _ float64) []finding {
	sharing := machineOf(h).Sharing
	return one(sharing != "", summary("%s", sharing))
}

func cockroachMemoryMisconfigured(h status.Host, _ float64) []finding {
	var found []finding
	for _, u := range unitsOf(h) {
		if u.Misconfigured != "" {
			found = append(found, finding{subject: u.Name, summary: summary("%s: %s", u.Name, u.Misconfigured)})
		}
	}
	return found
}
