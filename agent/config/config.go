// Package config turns the operator's YAML file into a checked Config.
//
// The one idea: a Config that exists is right. Parse reads the whole file strictly, merges it with the defaults, holds
// it to the rules of the topology (enforcer/policy has the ones about services and groups), and either returns a
// Config that everything else may trust or all that is wrong with the file, at once, each with its line, its key and
// what would be right. What is allowed but unwise is a warning.
//
// The package is pure: apart from Load reading the file it asks nothing of the host. Whether files, hosts and URLs that
// are named exist is for those who use them.
package config

import (
	"net/netip"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// RoleAuto stands alone in Config.Roles where the roles are what is found on the host.
const RoleAuto = "auto"

// The environments: they decide on sizing minimums and on whether roles may share a host.
const (
	Production = "production"
	Testing    = "testing"
)

// The values of Firewall.Grip: the highest rung to use.
const (
	GripAuto    = "auto"
	GripOwned   = "owned"
	GripHeld    = "held"
	GripWatched = "watched"
)

// Config is a checked configuration. It is not to be changed: those who were given one share it.
type Config struct {
	Path        string // the file it was read from
	Revision    string
	Roles       []string // RoleAuto alone, or roles of the policy package
	Environment string
	Fleet       map[string]Group // the seven standard groups are always there
	Firewall    Firewall
	Capacity    Capacity
	Alerting    Alerting
	Loki        Loki
	Web         Web
	Warnings    Problems // sorted by line
}

// Group is a named set of addresses: the union of its sources.
type Group struct {
	Static []netip.Prefix // normalised
	Files  []string       // Prometheus file_sd: absolute paths, perhaps with a pattern in the last element
}

// Firewall is the policy without the addresses.
type Firewall struct {
	Mode       policy.Mode
	Grip       string
	RefuseWith policy.Refusal
	LogGroup   uint16           // the NFLOG group that refused packets are told to
	Forwarded  bool             // the operator knows that another program forwards packets here, and enforces all the same
	Services   []policy.Service // of every role, sorted by name; Mode and RefuseWith are resolved
}

// Capacity is how much more than the peak load the fleet is to carry.
type Capacity struct {
	Overprovision float64 // the wanted provision ratio
	SpareNodes    int     // nodes that may fail at the peak
	PeakWindow    time.Duration
	Window        time.Duration // of the connection model
}

// Alerting is who hears of conditions, and how they differ from the built-in ones.
type Alerting struct {
	Labels        map[string]string   // added to every alert
	Overrides     map[string]Override // by condition
	HoldScale     float64             // multiplies every hold time
	Alertmanagers []string            // base URLs
	Receivers     []*yaml.Node        // Alertmanager's own syntax, one mapping each
	Heartbeat     Heartbeat
}

// Heartbeat is a URL that is asked for as long as alerts are looked after: whoever stands behind it says when it stops.
type Heartbeat struct {
	URL     string // which may be a secret; without it and URLFile there is none
	URLFile string // holds it
	Every   time.Duration
}

// Override changes one condition. What is nil or empty stays as built in.
type Override struct {
	Severity  string
	For       *time.Duration
	Threshold *float64
	Enabled   *bool
}

// Loki is where events are sent; without a URL they are not.
type Loki struct {
	URL          string // of the push API
	TenantID     string // X-Scope-OrgID
	Username     string // of basic authentication
	PasswordFile string
	CAFile       string // PEM; empty: those of the system
}

// Web is the HTTP server.
type Web struct {
	Listen     string // ADDRESS:PORT; the address may be left out
	ConfigFile string // exporter-toolkit's TLS and basic auth; may be empty
}

// Default returns what an empty file means.
func Default() *Config {
	c, err := Parse("", nil)
	if err != nil {
		return defaults() // the defaults break no rule, which a test holds them to
	}
	return c
}

// Parse reads and checks the text of a file; name is what problems call it. An error is Problems.
func Parse(name string, text []byte) (*Config, error) {
	d := &decoder{file: name, lines: map[string]int{}, origins: map[string][]string{}}
	c := defaults()
	c.Path = name
	if root, ok := d.document(text); ok {
		c.decode(root)
	}
	check(d, c)
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	c.Warnings = d.warnings.sorted()
	return c, nil
}

// Auto says that the roles are not declared but those that are found on the host: see WithRoles.
func (c *Config) Auto() bool { return slices.Contains(c.Roles, RoleAuto) }

// WithRoles returns the configuration of a host on which these roles were found.
func (c *Config) WithRoles(roles []string) *Config {
	found := *c
	found.Roles = slices.Clone(roles)
	return &found
}

// WithPorts returns the configuration of a host on which a service was found at these ports. Ports that are declared stay
// what they are, and one that another service of the host has stays its.
func (c *Config) WithPorts(service string, ports []uint16) *Config {
	free := slices.DeleteFunc(slices.Clone(ports), func(port uint16) bool {
		return slices.ContainsFunc(c.Firewall.Services, func(s policy.Service) bool { return slices.Contains(s.Ports, port) })
	})
	i := slices.IndexFunc(c.Firewall.Services, func(s policy.Service) bool { return s.Name == service && len(s.Ports) == 0 })
	if i < 0 || len(free) == 0 {
		return c
	}
	found := *c
	found.Firewall.Services = slices.Clone(c.Firewall.Services)
	found.Firewall.Services[i].Ports = free
	return &found
}

// HostServices returns the services of this host's roles and those of no role. Which roles `auto` stands for is not
// known here: then it is those of no role only.
func (c *Config) HostServices() []policy.Service {
	var services []policy.Service
	for _, s := range c.Firewall.Services {
		if s.Role == "" || slices.Contains(c.Roles, s.Role) {
			services = append(services, s)
		}
	}
	return services
}

// StaticRoster returns every group, the standard ones too, with the addresses that stand in the file itself.
func (c *Config) StaticRoster() policy.Roster {
	roster := policy.Roster{}
	for _, name := range policy.StandardGroups() {
		roster[name] = nil
	}
	for name, group := range c.Fleet {
		roster[name] = slices.Clone(group.Static)
	}
	return roster
}
