package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent"
	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
)

// The paths that every command takes.
const (
	defaultConfig = "/etc/nakama-warden/config.yaml"
	defaultState  = "/var/lib/nakama-warden"
)

// paths are the flags of every command.
type paths struct {
	config string
	state  string
}

func newRootCommand() *cobra.Command {
	var p paths
	root := &cobra.Command{
		Use:   "nakama-warden",
		Short: "Guards a Nakama or CockroachDB host: its firewall, its memory, its operators' sleep",
		Long: `nakama-warden holds this host's firewall to the topology that its configuration declares:
players reach Nakama's API and nothing else, and only Nakama reaches the database.

Where the daemon runs, commands ask it through STATE/control.sock; without one they act themselves.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&p.config, "config", defaultConfig, "the configuration `file`")
	root.PersistentFlags().StringVar(&p.state, "state", defaultState, "the `directory` of the daemon's state and socket")
	root.AddCommand(newRunCommand(&p), newCheckCommand(&p), newPlanCommand(&p), newApplyCommand(&p), newRemoveCommand(&p), newPauseCommand(&p), newRevokeCommand(&p),
		newStatusCommand(&p), newExplainCommand(&p), newEventsCommand(&p), newForecastCommand(&p),
		newSilenceCommand(&p), newMaintenanceCommand(&p), newAlertTestCommand(&p), newExportCommand(&p), newVersionCommand(), newDemoCommand())
	return root
}

func (p *paths) options() agent.Options {
	return agent.Options{ConfigPath: p.config, StateDir: p.state, Version: version}
}

// backend is the running daemon, or this process where there is none.
func (p *paths) backend() (control.Backend, error) {
	client, err := control.Dial(agent.SocketPath(p.state))
	if errors.Is(err, control.ErrNoDaemon) {
		return agent.NewLocal(p.options()), nil
	}
	if err != nil {
		return nil, err
	}
	return client, nil
}

// reader is the backend of a command that reads the configuration. A daemon reads the file that it was started with: to answer of
// that when another is named would be an answer to nobody's question.
func (p *paths) reader(cmd *cobra.Command) (control.Backend, error) {
	b, err := p.backend()
	if _, daemon := b.(*control.Client); err != nil || !daemon || !cmd.Flags().Changed("config") {
		return b, err
	}
	host, err := b.Status(cmd.Context())
	if err != nil {
		return nil, err
	}
	if read := host.Config.Path; read != p.config && !sameFile(read, p.config) {
		return nil, fmt.Errorf("the daemon reads %s and not %s: write it there first, after `nakama-warden check %s`", read, p.config, p.config)
	}
	return b, nil
}

func sameFile(one, other string) bool {
	a, err := os.Stat(one)
	b, otherErr := os.Stat(other)
	return err == nil && otherErr == nil && os.SameFile(a, b)
}

// output is the -o flag: text for people, json for scripts.
type output struct{ format string }

func (o *output) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "`format`: text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// print writes value as JSON, or has render write it for people.
func (o *output) print(value any, render func(io.Writer, text.Style) error) error {
	switch o.format {
	case "json":
		return json.NewEncoder(os.Stdout).Encode(value)
	case "text":
		return render(os.Stdout, text.StyleFor(os.Stdout))
	}
	return fmt.Errorf("unknown output format %q; want text or json", o.format)
}
