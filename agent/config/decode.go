package config

import (
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// notAvailable is the word for what is designed and not built.
const notAvailable = "not available in this version"

func (c *Config) decode(root value) {
	root.fields(fields{
		"revision":    text(&c.Revision),
		"roles":       c.decodeRoles,
		"environment": choice(&c.Environment, Production, Testing),
		"fleet":       c.decodeFleet,
		"firewall":    c.Firewall.decode,
		"capacity":    c.Capacity.decode,
		"alerting":    c.Alerting.decode,
		"loki":        c.Loki.decode,
		"web":         c.Web.decode,
	})
}

func (c *Config) decodeRoles(v value) {
	if v.scalar() && v.node.Value == RoleAuto {
		return // which is the default
	}
	seen := map[string]bool{}
	c.Roles = list(v, "[nakama], or auto", func(v value) (string, bool) {
		var r string
		role(&r)(v)
		if r != "" && seen[r] {
			v.fail(r+" is named twice", "each role once")
		}
		seen[r] = true
		return r, r != ""
	})
	if v.sequence() && len(v.node.Content) == 0 {
		v.fail("no role", "at least one of nakama, cockroachdb, or `roles: auto`")
	}
}

// role accepts a role that a service or a host can have.
func role(into *string) func(value) {
	return func(v value) {
		switch v.node.Value {
		case policy.RoleMonitor:
			v.fail("the role monitor is "+notAvailable, "nakama or cockroachdb")
		case RoleAuto:
			v.fail("auto among roles", "nakama or cockroachdb; on a host, `roles: auto` stands alone")
		default:
			choice(into, policy.RoleNakama, policy.RoleCockroachDB)(v)
		}
	}
}

func (c *Config) decodeFleet(v value) {
	v.entries(func(name string, v value) {
		if name == policy.Anyone {
			v.fail("anyone is every address and cannot be a group", "another name")
			return
		}
		if !validName(v, name) {
			return
		}
		var g Group
		if !v.null() {
			g.decode(v)
		}
		c.Fleet[name] = g
	})
}

func (g *Group) decode(v value) {
	refuse := func(v value) { v.fail(notAvailable, "static or files") }
	if !v.mapping() {
		v.fail(v.kind(), "a mapping, like {static: [10.0.1.11]}")
		return
	}
	v.fields(fields{
		"static": func(v value) { g.Static = list(v, "[10.0.1.11, 10.9.0.0/24]", address) },
		"files":  func(v value) { g.Files = list(v, "[/etc/nakama-warden/fleet/nakama.json]", discoveryFile) },
		"dns":    refuse,
		"http":   refuse,
		"consul": refuse,
	})
}

func (f *Firewall) decode(v value) {
	services := defaultServices()
	v.fields(fields{
		"mode":        choice(&f.Mode, policy.Audit, policy.Enforce, policy.Off),
		"grip":        choice(&f.Grip, GripAuto, GripOwned, GripHeld, GripWatched),
		"refuse_with": choice(&f.RefuseWith, policy.Drop, policy.Reject),
		"log_group":   whole(&f.LogGroup, "an NFLOG group from 1 to 65535", 1, 65535),
		"forwarded":   boolean(&f.Forwarded),
		"services":    func(v value) { decodeServices(v, services) },
	})
	f.Services = resolve(services, *f)
}

// shortestWindow holds a few measurements: one is taken each second, and a busy host is late with some.
const shortestWindow = 3 * time.Second

func (c *Capacity) decode(v value) {
	v.fields(fields{
		"overprovision": number(&c.Overprovision, "a ratio of at least 1, like 1.5", func(f float64) bool { return f >= 1 }),
		"spare_nodes":   whole(&c.SpareNodes, "a number of nodes, 0 or more", 0, 1<<16),
		"peak_window":   duration(&c.PeakWindow, 1),
		"window":        duration(&c.Window, shortestWindow),
	})
}

func (a *Alerting) decode(v value) {
	v.fields(fields{
		"labels":        a.decodeLabels,
		"overrides":     a.decodeOverrides,
		"hold_scale":    number(&a.HoldScale, "a factor above 0, like 1.0", func(f float64) bool { return f > 0 }),
		"alertmanagers": a.decodeAlertmanagers,
		"receivers":     a.decodeReceivers,
		"heartbeat":     a.Heartbeat.decode,
	})
}

func (h *Heartbeat) decode(v value) {
	v.fields(fields{
		"url": func(v value) {
			if !v.is("!!str") || v.node.Value != "" { // the default, written down
				h.URL, _ = webURL(v)
			}
		},
		"url_file": path(&h.URLFile),
		"every":    duration(&h.Every, 10*time.Second),
	})
	if h.URL != "" && h.URLFile != "" {
		v.fail("both url and url_file", "one of them")
	}
}

func (a *Alerting) decodeLabels(v value) {
	v.entries(func(name string, v value) {
		var label string
		text(&label)(v)
		if validLabel(v, name) {
			a.Labels[name] = label
		}
	})
}

func (a *Alerting) decodeOverrides(v value) {
	v.entries(func(condition string, v value) {
		if !slices.Contains(conditions(), condition) {
			v.fail("unknown condition", oneOf(condition, conditions()))
			return
		}
		if v.null() {
			return
		}
		var o Override
		o.decode(v)
		a.Overrides[condition] = o
	})
}

func (o *Override) decode(v value) {
	v.fields(fields{
		"severity":  choice(&o.Severity, "critical", "warning", "info"),
		"for":       func(v value) { o.For = optional(v, anyDuration) },
		"threshold": func(v value) { o.Threshold = optional(v, anyNumber) },
		"enabled":   func(v value) { o.Enabled = optional(v, boolean) },
	})
}

// optional reads a value whose absence is told from its zero.
func optional[T any](v value, reader func(into *T) func(value)) *T {
	var t T
	reader(&t)(v)
	return &t
}

func anyDuration(into *time.Duration) func(value) { return duration(into, 0) }

func anyNumber(into *float64) func(value) {
	return number(into, "a number", func(float64) bool { return true })
}

func (w *Web) decode(v value) {
	v.fields(fields{
		"listen":      listenAddress(&w.Listen),
		"config_file": path(&w.ConfigFile),
	})
}
