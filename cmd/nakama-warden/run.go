package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent"
)

func newRunCommand(p *paths) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "The daemon: hold the firewall to the configuration until SIGTERM (SIGHUP reads it again)",
		Long: `Runs in the foreground and logs to standard error; systemd is told when the rules are in place (Type=notify).
SIGHUP reads the configuration again; a bad one changes nothing. SIGTERM ends the daemon and leaves the rules in place.
Exit status 78: the configuration is invalid and no policy of an earlier run is stored.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			o := p.options()
			o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			o.Reload = reload
			return agent.Run(cmd.Context(), o)
		},
	}
}
