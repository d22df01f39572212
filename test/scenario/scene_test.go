package scenario

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// patience is more than anything takes on a machine that does other things too.
const patience = 20 * time.Second

// scene is what a script has made so far.
type scene struct {
	ctx     context.Context
	end     context.CancelFunc
	program string
	dir     string
	lab     *lab.Lab
	hosts   map[string]*host
	siege   *siege
	pairs   map[string]*pair
	exit    int
	output  string // of the last command
}

// host is a host of the lab and what runs there.
type host struct {
	*lab.Host
	dir    string
	daemon *daemon // absent before the first start
	store  descriptorStore
	seen   uint64 // the sequence of the last event that was awaited
	battle *battle

	programs  []*lab.Process  // that serve and proxy started
	successor chan succession // of a daemon that hangs; absent where nobody succeeds it
}

type sceneKey struct{}

func newScene(program, dir string) (*scene, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	return &scene{ctx: ctx, end: end, program: program, dir: dir, lab: l, hosts: map[string]*host{}, pairs: map[string]*pair{}}, nil
}

// close ends the scene. The daemons' logs are shown where the test failed.
func (s *scene) close(t testscript.T) {
	s.end()
	for _, p := range s.pairs {
		p.close()
	}
	for _, h := range s.hosts {
		h.abandon()
	}
	if err := s.lab.Close(); err != nil {
		t.Log(err)
	}
	for name, h := range s.hosts {
		if h.daemon != nil {
			h.daemon.close()
			h.store.forget()
			t.Log("the log of "+name+":\n", h.log())
		}
	}
}

func (s *scene) host(name string) (*host, error) {
	h, known := s.hosts[name]
	if !known {
		return nil, usageError("unknown host " + name)
	}
	return h, nil
}

// guarded is a host with a daemon that was started.
func (s *scene) guarded(name string) (*host, error) {
	h, err := s.host(name)
	if err == nil && h.daemon == nil {
		return nil, usageError("no daemon was started on " + name)
	}
	return h, err
}

func (h *host) config() string { return filepath.Join(h.dir, "config.yaml") }
func (h *host) state() string  { return filepath.Join(h.dir, "state") }

func (h *host) log() string {
	text, err := os.ReadFile(h.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (h *host) logFile() string { return filepath.Join(h.dir, "log") }

func (h *host) logSize() int64 {
	info, err := os.Stat(h.logFile())
	if err != nil {
		return 0 // before the first start
	}
	return info.Size()
}

// addHost takes the next address of the lab; the script says which it is, so that it can be read without counting.
func addHost(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	made, err := s.lab.Host(args[0])
	if err != nil {
		return err
	}
	if made.V4.String() != args[1] {
		return usageError("the address is " + made.V4.String())
	}
	return s.add(made)
}

func (s *scene) add(made *lab.Host) error {
	h := &host{Host: made, dir: filepath.Join(s.dir, made.Name)}
	s.hosts[made.Name] = h
	return os.MkdirAll(h.dir, 0o700)
}

// beside makes a second folder for a host: a daemon with a configuration and a state of its own.
func beside(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	s.hosts[args[1]] = &host{Host: h.Host, dir: filepath.Join(s.dir, args[1])}
	return nil
}

func listen(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	ports, err := parsePorts(args[1:])
	if err != nil {
		return err
	}
	return h.Listen(ports...)
}

// containerBridge is the bridge of containers that name none.
const containerBridge = "docker0"

func addContainer(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	bridge, listening := containerBridge, args[2:]
	if args[2] == "on" {
		if err := want(args, 4, -1); err != nil {
			return err
		}
		bridge, listening = args[3], args[4:]
	}
	ports, err := parsePorts(listening)
	if err != nil {
		return err
	}
	made, err := h.Container(args[1], bridge)
	if err != nil {
		return err
	}
	if err := s.add(made); err != nil {
		return err
	}
	return made.Listen(ports...)
}

func publish(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	container, port, err := s.target(args[2])
	if err != nil {
		return err
	}
	ports, err := parsePorts(args[1:2])
	if err != nil {
		return err
	}
	return h.Publish(ports[0], container.Host, port)
}

// target reads HOST:PORT.
func (s *scene) target(text string) (*host, uint16, error) {
	name, port, found := strings.Cut(text, ":")
	if !found {
		return nil, 0, usageError(text + ": want HOST:PORT")
	}
	h, err := s.host(name)
	if err != nil {
		return nil, 0, err
	}
	ports, err := parsePorts([]string{port})
	if err != nil {
		return nil, 0, err
	}
	return h, ports[0], nil
}

// addresses of a target, of both families.
func addresses(h *host, port uint16) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(h.V4, port), netip.AddrPortFrom(h.V6, port)}
}

func parsePorts(words []string) ([]uint16, error) {
	var ports []uint16
	for _, word := range words {
		port, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			return nil, usageError(fmt.Sprintf("%q is no port", word))
		}
		ports = append(ports, uint16(port))
	}
	return ports, nil
}

// within tries a claim again until it holds.
func within(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 2, -1); err != nil {
		return err
	}
	limit, err := time.ParseDuration(args[0])
	if err != nil {
		return usageError(err.Error())
	}
	negated := args[1] == "!"
	if args = args[1:]; negated {
		args = args[1:]
	}
	if err := want(args, 1, -1); err != nil {
		return err
	}
	return s.await(limit, func() error { return call(s, ts, negated, args[0], args[1:]) })
}

// between is how often what is awaited is looked at, where nothing tells.
const between = 20 * time.Millisecond

// await returns nil as soon as the claim does, or its error when the time is over.
func (s *scene) await(limit time.Duration, claim func() error) error {
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	ticker := time.NewTicker(between)
	defer ticker.Stop()
	for {
		err := claim()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-ticker.C:
		}
	}
}
