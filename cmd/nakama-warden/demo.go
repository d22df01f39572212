package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// newDemoCommand shows what the daemon does, with a fleet in namespaces and real traffic.
func newDemoCommand() *cobra.Command {
	cmd := newShowCommand(&cobra.Command{
		Use:   "demo",
		Short: "A guarded fleet in network namespaces, attacked and repaired",
		Long: `Shows who reaches what, as expected and as seen; tampers with the rules from another process; adds and takes
away a node; kills the daemon. It needs network namespaces (an ordinary user needs user namespaces), touches nothing of
the host and leaves nothing behind. The Nakamas and CockroachDBs are stand-ins, without a game or data.`,
	}, demo.Doors(), func(o demo.Options, a demo.Audience) (show, error) { return demo.Start(o, a) })
	cmd.AddCommand(newDemoCapacityCommand(), newDemoAlertsCommand(), newDemoTamperCommand(), newDemoServeCommand(),
		newDemoMachineCommand(), newDemoStandInCommand())
	return cmd
}

// newShowCommand completes a command that plays a demo: so many doors lead to it while it is kept up.
func newShowCommand(cmd *cobra.Command, doors int, start func(demo.Options, demo.Audience) (show, error)) *cobra.Command {
	d := demonstration{doors: doors, start: start}
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) }
	cmd.Flags().BoolVar(&d.keep, "keep", false, "stay up afterwards and print the addresses to look at")
	cmd.Flags().StringVar(&d.prometheus, "prometheus", "", "stay up, and write into a `folder` what a Prometheus needs that watches: prometheus.yml, rules.yml")
	d.output.flag(cmd)
	return cmd
}

// newDemoTamperCommand is the other process: the demo executes it inside a host's namespace.
func newDemoTamperCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "tamper WAY [ADDRESS...]",
		Short:  "Tamper with the rules of this network namespace",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return demo.Tamper(args) },
	}
}

// newDemoMachineCommand is the first process of a guarded host, which the demo executes there.
func newDemoMachineCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "machine",
		Short:  "Hold a table of processes of one's own",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return demo.Machine(cmd.Context()) },
	}
}

// newDemoStandInCommand is a Nakama or a CockroachDB of the fleet, which the demo executes under that name.
func newDemoStandInCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "stand-in PROGRAM [FLAG...]",
		Short:              "Play a Nakama or a CockroachDB",
		Hidden:             true,
		DisableFlagParsing: true, // they are those of the program
		RunE:               func(cmd *cobra.Command, args []string) error { return demo.StandIn(cmd.Context(), args) },
	}
}

// show is a demo that can be played.
type show interface {
	Play(context.Context) demo.Summary
	Sights() []demo.Sight
	Live(context.Context)
	Close() error
}

// demonstration is a demo with its flags.
type demonstration struct {
	start      func(demo.Options, demo.Audience) (show, error)
	doors      int
	keep       bool
	prometheus string // a folder
	output     output
}

// run plays the demo in namespaces of its own.
func (d demonstration) run(ctx context.Context) error {
	screen, err := newDemoScreen(d.output, os.Stdout)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	d.keep = d.keep || d.prometheus != ""
	doors := 0
	if d.keep {
		doors = d.doors
	}
	code, err := lab.Isolate(doors, func(doors []net.Listener) int {
		if err := d.play(ctx, screen, program, doors); err != nil {
			return codeOf(err)
		}
		return screen.code()
	})
	if err == nil && code != 0 {
		err = exitStatus(code) // what failed was told where it stands
	}
	return err
}

// play is the part inside.
func (d demonstration) play(ctx context.Context, screen demoScreen, program string, doors []net.Listener) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, err := lab.Scratch()
	if err != nil {
		return err
	}
	if d.prometheus != "" {
		if err := folderFor(d.prometheus, dir); err != nil {
			return err
		}
	}
	show, err := d.start(demo.Options{Program: program, Dir: dir, Tamper: []string{"demo", "tamper"}, Serve: []string{"demo", "serve"},
		Machine: []string{"demo", "machine"}, StandIn: []string{"demo", "stand-in"}}, screen)
	if err != nil {
		return err
	}
	defer show.Close()
	screen.summary(show.Play(ctx))
	if d.keep && ctx.Err() == nil {
		if err := d.keepUp(ctx, screen, show, doors); err != nil {
			return err
		}
	}
	return show.Close()
}

// keepUp leads the doors to what is worth looking at, and lets life go on there, until the context ends.
func (d demonstration) keepUp(ctx context.Context, screen demoScreen, show show, doors []net.Listener) error {
	sights := show.Sights()
	config, err := d.writePrometheus(sights, doors)
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	screen.Act("to look at, until Ctrl-C")
	for i, sight := range sights {
		screen.Progress(fmt.Sprintf("http://%s  %s", doors[i].Addr(), sight.Text))
		serving.Go(func() { lab.Forward(ctx, doors[i], sight.From, sight.To) })
	}
	if config != "" {
		screen.Progress("prometheus --config.file=" + config)
	}
	show.Live(ctx)
	return nil
}
