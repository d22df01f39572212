package demo

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The loads of the demo, in connections. The model learns up to mostLearnt; what is beyond is foretold, then done.
const (
	flatLoad   = 200
	mostLearnt = 2000
	halfMore   = mostLearnt * 3 / 2
	threeTimes = mostLearnt * 3
	stragglers = 300 // that are left by the mass disconnect
)

// ramp is the loads to learn from.
func ramp() []uint64 { return []uint64{500, 1000, 1500, mostLearnt} }

const (
	// descriptors is how many the server may open, more than the largest load that is foretold.
	descriptors = 7000
	// freeMemory is what the server takes at its fullest, and as much again for everybody else.
	freeMemory = 1200e6
	// modelWindow is as short as is sure to teach: the daemon measures every second, and a window of one or two of them is
	// lost where one is late.
	modelWindow = "3s"
)

// Capacity is one host with a daemon and a server that fills up, and players on another.
type Capacity struct {
	stage
	options Options
	lab     *lab.Lab
	daemon  *agent
	server  *lab.Process
	crowd   *crowd
	bare    uint64            // the server's memory without a connection
	really  map[uint64]uint64 // the memory that was seen at a number of connections
}

// StartCapacity makes the hosts; nothing runs on them yet. It needs a program inside lab.Isolate.
func StartCapacity(o Options, audience Audience) (*Capacity, error) {
	if err := enoughDescriptors(descriptors + 500); err != nil {
		return nil, err
	}
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	c := &Capacity{stage: newStage(audience), options: o, lab: l, really: map[uint64]uint64{}}
	if err := c.build(); err != nil {
		_ = l.Close() // the first error is the one to tell
		return nil, fmt.Errorf("build the hosts: %w", err)
	}
	return c, nil
}

// enoughDescriptors: this process holds the players' ends of the connections.
func enoughDescriptors(needed uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of descriptors: %w", err)
	}
	if limit.Cur < needed {
		return fmt.Errorf("the demo opens up to %d descriptors, and the hard limit is %d: raise it (`ulimit -Hn`, or LimitNOFILE= in systemd)", needed, limit.Cur)
	}
	return nil
}

func (c *Capacity) build() error {
	host, err := c.lab.Host("nakama-1")
	if err != nil {
		return err
	}
	players, err := c.lab.Host("players")
	if err != nil {
		return err
	}
	c.crowd = &crowd{from: players, to: netip.AddrPortFrom(host.V4, apiPort)}
	c.daemon, err = prepareAgent(c.options, host, map[string]any{
		"roles":       []string{"nakama"},
		"environment": "testing",
		"capacity":    map[string]any{"window": modelWindow},
	})
	if err != nil {
		return err
	}
	// The daemon looks for a process of this name.
	return os.Symlink(c.options.Program, c.nakama())
}

func (c *Capacity) nakama() string { return filepath.Join(c.options.Dir, "nakama") }

// Close ends the players, the host and all its processes.
func (c *Capacity) Close() error {
	c.crowd.shrink(0)
	return c.lab.Close()
}

// Play plays all acts. Whatever keeps an act from being played ends the demo, as the summary's problem.
func (c *Capacity) Play(ctx context.Context) Summary {
	c.say("A server named nakama takes memory for every real connection to port 7350, as Nakama does. The daemon was not told how")
	c.say("much. What is \"real\" below is not from the daemon: the players count themselves, the kernel says what the server has.")
	return c.perform(ctx, []act{
		{"a load that stays the same", c.flat},
		{"a load that rises", c.rise},
		{"more than it has ever seen: foretold, then done", c.foretell},
		{"a mass disconnect", c.disconnect},
		{"until the server turns connections away", c.fill},
		{"the daemon is restarted", c.restart},
	})
}

// Sights are what is worth looking at afterwards; as many as CapacityDoors.
func (c *Capacity) Sights() []Sight {
	return []Sight{{Text: c.daemon.host.Name + ", its own page", From: c.daemon.host,
		To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), webPort), Scrape: Scrape{Job: agentsJob, Host: c.daemon.host.Name}}}
}

// Live waits for the end of the context: after the last act nothing happens.
func (c *Capacity) Live(ctx context.Context) { <-ctx.Done() }

// CapacityDoors is the number of Sights, known before there is a host.
func CapacityDoors() int { return 1 }
