package main

import (
	"context"
	"fmt"
	"io"
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
	var d demonstration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A guarded fleet in network namespaces, attacked and repaired",
		Long: `Shows who reaches what, as expected and as seen; tampers with the rules from another process; adds and takes
away a node; kills the daemon. It needs network namespaces (an ordinary user needs user namespaces), touches nothing of
the host and leaves nothing behind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.OutOrStdout()) },
	}
	cmd.Flags().BoolVar(&d.keep, "keep", false, "stay up afterwards and print the addresses to look at")
	cmd.Flags().StringVarP(&d.output, "output", "o", "text", "text, or json: a line for each check")
	cmd.AddCommand(newDemoTamperCommand())
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

// demonstration is the demo with its flags.
type demonstration struct {
	keep   bool
	output string
}

// run plays the demo in namespaces of its own and ends the process with what came out.
func (d demonstration) run(out io.Writer) error {
	if d.output != "text" && d.output != "json" {
		return fmt.Errorf("output %q; want text or json", d.output)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	doors := 0
	if d.keep {
		doors = demo.Doors()
	}
	code, err := lab.Isolate(doors, func(doors []net.Listener) int { return d.inside(out, program, doors) })
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if code != 0 {
		os.Exit(code) // the checks that failed were told where they stand
	}
	return nil
}

// inside plays the demo and returns the exit code.
func (d demonstration) inside(out io.Writer, program string, doors []net.Listener) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var screen demoScreen = newDemoText(out)
	if d.output == "json" {
		screen = newDemoJSON(out)
	}
	if err := d.play(ctx, screen, program, doors); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	return screen.code()
}

func (d demonstration) play(ctx context.Context, screen demoScreen, program string, doors []net.Listener) error {
	dir, err := lab.Scratch()
	if err != nil {
		return err
	}
	show, err := demo.Start(demo.Options{Program: program, Tamper: []string{"demo", "tamper"}, Dir: dir}, screen)
	if err != nil {
		return err
	}
	defer show.Close()
	screen.summary(show.Play(ctx))
	if d.keep && ctx.Err() == nil {
		keepUp(ctx, screen, show, doors)
	}
	return show.Close()
}

// keepUp leads the doors to what is worth looking at, until the context ends.
func keepUp(ctx context.Context, screen demoScreen, show *demo.Demo, doors []net.Listener) {
	var serving sync.WaitGroup
	screen.Act("to look at, until Ctrl-C")
	for i, sight := range show.Sights() {
		screen.Progress(fmt.Sprintf("http://%s  %s", doors[i].Addr(), sight.Text))
		serving.Go(func() { lab.Forward(ctx, doors[i], sight.From, sight.To) })
	}
	<-ctx.Done()
	serving.Wait()
}
