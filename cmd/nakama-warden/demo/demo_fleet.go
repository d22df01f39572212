package demo

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

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
	options  Options
	lab      *lab.Lab
	hosts    map[string]*lab.Host
	machines []*machine // of the guarded hosts
	agents   []*agent
	pager    *pager
	nodes    string // the file_sd file that says which Nakama nodes there are
	clients  string // that of the database's other clients
}

// guarded is a host that runs a daemon.
type guarded struct{ name, role, grip string }

func guardedHosts() []guarded {
	return []guarded{
		{watchedHost, "nakama", "watched"},
		{ownedHost, "nakama", "auto"},
		{inContainer, "nakama", "auto"},
		{watchedDatabase, "cockroachdb", "watched"},
		{"cockroachdb-2", "cockroachdb", "auto"},
		{"cockroachdb-3", "cockroachdb", "auto"},
	}
}

const (
	watchedHost     = "nakama-1"
	watchedDatabase = "cockroachdb-1"
	ownedHost       = "nakama-2"
	inContainer     = "nakama-3" // its Nakama runs in a container
)

// nakamaNodes are those of the beginning; joiningNode comes and goes.
func nakamaNodes() []string { return []string{watchedHost, ownedHost, inContainer} }
func databases() []string   { return []string{watchedDatabase, "cockroachdb-2", "cockroachdb-3"} }

const joiningNode = "nakama-4"

func buildFleet(o Options) (*fleet, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	f := &fleet{options: o, lab: l, hosts: map[string]*lab.Host{},
		nodes: filepath.Join(o.Dir, "nakama.json"), clients: filepath.Join(o.Dir, "clients.json")}
	if err := f.build(); err != nil {
		_ = f.close() // the first error is the one to tell
		return nil, err
	}
	return f, nil
}

func (f *fleet) build() error {
	for _, name := range []string{"player", "load-balancer", "admin", "prometheus", "on-call", joiningNode} {
		if err := f.addHost(name); err != nil {
			return err
		}
	}
	for _, g := range guardedHosts() {
		if err := f.addHost(g.name); err != nil {
			return err
		}
	}
	if err := f.addContainer(); err != nil {
		return err
	}
	if err := f.setNodes(nakamaNodes()...); err != nil {
		return err
	}
	if err := writeTargets(f.clients, backup); err != nil {
		return err
	}
	var err error
	if f.pager, err = listenPager(f.host("on-call"), pagerPort); err != nil {
		return err
	}
	for _, name := range []string{culpritName, nakamaProgram, cockroachProgram} { // what the kernel calls a process is the name of its file
		if err := os.Symlink(f.options.Program, f.program(name)); err != nil {
			return err
		}
	}
	return f.populate()
}

func (f *fleet) addHost(name string) (err error) {
	f.hosts[name], err = f.lab.Host(name)
	return err
}

// populate gives each guarded host a table of processes of its own, the program that is guarded, and what its daemon needs.
func (f *fleet) populate() error {
	hosts := guardedHosts()
	f.machines, f.agents = make([]*machine, len(hosts)), make([]*agent, len(hosts))
	var all errgroup.Group
	for i, g := range hosts {
		all.Go(func() error {
			m, err := bootMachine(f.options, f.host(g.name))
			if err != nil {
				return err
			}
			f.machines[i] = m
			if f.agents[i], err = prepareAgent(f.options, m.host, f.configuration(g, declared{})); err != nil {
				return err
			}
			f.agents[i].launch = func(cmd *exec.Cmd) (process, error) { return m.start(m.host, cmd) }
			return f.startProgram(m, g)
		})
	}
	return all.Wait()
}

// startProgram starts the stand-in for what a host is there for.
func (f *fleet) startProgram(m *machine, g guarded) error {
	network, program := m.host, programOf(g.role)
	args := append(slices.Clone(f.options.StandIn), program)
	switch {
	case program == cockroachProgram:
		args = append(args, "--cache=.25", "--max-sql-memory=.25", "--join="+strings.Join(f.sqlOf(g.name), ","))
	case g.name == inContainer:
		network = f.host("container")
		args = append(args, "--database.address="+strings.Join(f.sqlOf(), ","))
	default:
		args = append(args, "--metrics.prometheus_port="+strconv.Itoa(metricsPort), "--database.address="+strings.Join(f.sqlOf(), ","))
	}
	_, err := launch(func(cmd *exec.Cmd) (*inhabitant, error) { return m.start(network, cmd) }, f.program(program), args...)
	if err != nil {
		return fmt.Errorf("host %s: %s: %w", g.name, program, err)
	}
	return nil
}

// sqlOf is where the databases answer, but for one.
func (f *fleet) sqlOf(except ...string) (all []string) {
	for _, name := range databases() {
		if !slices.Contains(except, name) {
			all = append(all, netip.AddrPortFrom(f.host(name).V4, sqlPort).String())
		}
	}
	return all
}

// close ends the fleet and all its processes. It may be called again.
func (f *fleet) close() error {
	for _, m := range f.machines {
		if m != nil {
			m.close()
		}
	}
	if f.pager != nil {
		f.pager.close()
	}
	return f.lab.Close()
}

// addContainer gives a host a container for its Nakama, with published ports. Player and admin have routes to the
// container's own address, as in a flat network, so that the way around the published ports is tried too.
func (f *fleet) addContainer() error {
	host := f.host(inContainer)
	c, err := host.Container("container", "docker0")
	if err != nil {
		return err
	}
	f.hosts["container"] = c
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

// setNodes writes which Nakama nodes there are.
func (f *fleet) setNodes(names ...string) error {
	var targets []string
	for _, name := range names {
		for _, addr := range f.addresses(name) {
			targets = append(targets, net.JoinHostPort(addr, strconv.Itoa(apiPort)))
		}
	}
	return writeTargets(f.nodes, targets...)
}

// writeTargets writes a file_sd file the way configuration management does: as a whole.
func writeTargets(path string, targets ...string) error {
	text, err := json.Marshal([]map[string]any{{"targets": targets}})
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	fresh := path + ".tmp"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return os.Rename(fresh, path)
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

// program is our own under another name.
func (f *fleet) program(name string) string { return filepath.Join(f.options.Dir, name) }

const culpritName = "intruder"
