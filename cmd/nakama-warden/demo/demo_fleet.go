package demo

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The ports of the fleet, as the services call them.
const (
	consoleGRPCPort = 7348
	grpcPort        = 7349
	apiPort         = 7350
	consolePort     = 7351
	metricsPort     = 9100
	sqlPort         = 26257
	databaseWebPort = 8080
	webPort         = 9735 // the daemon's own
	publishedPort   = 17351
)

// fleet is the lab's hosts in their parts.
type fleet struct {
	options Options
	lab     *lab.Lab
	hosts   map[string]*lab.Host
	agents  []*agent
	nodes   string // the file_sd file that says which Nakama nodes there are
}

// guarded is a host that runs a daemon.
type guarded struct{ name, role, grip string }

func guardedHosts() []guarded {
	return []guarded{
		{"nakama-1", "nakama", "auto"},
		{"nakama-2", "nakama", "watched"},
		{"nakama-3", "nakama", "auto"}, // Nakama runs in a container
		{"cockroachdb-1", "cockroachdb", "auto"},
		{"cockroachdb-2", "cockroachdb", "auto"},
		{"cockroachdb-3", "cockroachdb", "auto"},
	}
}

// nakamaNodes are those of the beginning; joiningNode comes and goes.
func nakamaNodes() []string { return []string{"nakama-1", "nakama-2", "nakama-3"} }

const joiningNode = "nakama-4"

func buildFleet(o Options) (*fleet, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	f := &fleet{options: o, lab: l, hosts: map[string]*lab.Host{}, nodes: filepath.Join(o.Dir, "nakama.json")}
	if err := f.build(); err != nil {
		_ = l.Close() // the first error is the one to tell
		return nil, err
	}
	return f, nil
}

func (f *fleet) build() error {
	for _, name := range []string{"player", "load-balancer", "admin", "prometheus", joiningNode} {
		if err := f.addHost(name); err != nil {
			return err
		}
	}
	for _, g := range guardedHosts() {
		if err := f.addHost(g.name, servicePorts(g)...); err != nil {
			return err
		}
	}
	if err := f.addContainer(); err != nil {
		return err
	}
	if err := f.setNodes(nakamaNodes()...); err != nil {
		return err
	}
	for _, g := range guardedHosts() {
		a, err := f.newAgent(g)
		if err != nil {
			return err
		}
		f.agents = append(f.agents, a)
	}
	return os.Symlink(f.options.Program, f.culprit())
}

func (f *fleet) addHost(name string, ports ...uint16) error {
	h, err := f.lab.Host(name)
	if err != nil {
		return err
	}
	f.hosts[name] = h
	return h.Listen(ports...)
}

// servicePorts are those that a guarded host listens on itself.
func servicePorts(g guarded) []uint16 {
	switch {
	case g.name == "nakama-3":
		return nil
	case g.role == "nakama":
		return []uint16{consoleGRPCPort, grpcPort, apiPort, consolePort, metricsPort}
	}
	return []uint16{sqlPort, databaseWebPort}
}

// addContainer gives nakama-3 its Nakama, in a container with published ports. Player and admin have routes to the
// container's own address, as in a flat network, so that the way around the published ports is tried too.
func (f *fleet) addContainer() error {
	host := f.host("nakama-3")
	c, err := host.Container("container", "docker0")
	if err != nil {
		return err
	}
	f.hosts["container"] = c
	if err := c.Listen(consoleGRPCPort, grpcPort, apiPort, consolePort); err != nil {
		return err
	}
	for _, p := range [][2]uint16{{apiPort, apiPort}, {consolePort, consolePort}, {publishedPort, consolePort}} {
		if err := host.Publish(p[0], c, p[1]); err != nil {
			return err
		}
	}
	for _, from := range []string{"player", "admin"} {
		for _, six := range []bool{false, true} {
			to := c.Addr(six)
			if err := f.host(from).Route(netip.PrefixFrom(to, to.BitLen()), host.Addr(six)); err != nil {
				return err
			}
		}
	}
	return nil
}

// setNodes writes which Nakama nodes there are, the way configuration management does: a whole file at once.
func (f *fleet) setNodes(names ...string) error {
	var targets []string
	for _, name := range names {
		for _, addr := range f.addresses(name) {
			targets = append(targets, net.JoinHostPort(addr, strconv.Itoa(apiPort)))
		}
	}
	text, err := json.Marshal([]map[string]any{{"targets": targets}})
	if err != nil {
		return fmt.Errorf("write the Nakama nodes: %w", err)
	}
	fresh := f.nodes + ".tmp"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return fmt.Errorf("write the Nakama nodes: %w", err)
	}
	return os.Rename(fresh, f.nodes)
}

// host returns a host that build has added.
func (f *fleet) host(name string) *lab.Host { return f.hosts[name] }

// addresses are both addresses of each host.
func (f *fleet) addresses(names ...string) []string {
	var addresses []string
	for _, name := range names {
		h := f.host(name)
		addresses = append(addresses, h.V4.String(), h.V6.String())
	}
	return addresses
}

func (f *fleet) agent(name string) *agent {
	return f.agents[slices.IndexFunc(f.agents, func(a *agent) bool { return a.host.Name == name })]
}

// culprit is the program under another name: what the kernel calls a process is the name of the file that it executed.
func (f *fleet) culprit() string { return filepath.Join(f.options.Dir, culpritName) }

const culpritName = "intruder"
