package main

import (
	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// newDemoAlertsCommand shows what on-call hears.
func newDemoAlertsCommand() *cobra.Command {
	return newShowCommand(&cobra.Command{
		Use:   "alerts",
		Short: "A host that things happen to, and what arrives at on-call",
		Long: `A host fills up, its table is emptied while it is watched, its Nakama dies: what arrives at a receiver on another host, with
its runbook, and that it is resolved; a silence and a maintenance; kill -9 of the daemon while an alert fires. It needs network
namespaces (an ordinary user needs user namespaces) and 1,200 open files, takes up to a minute, touches nothing of the host and
leaves nothing behind.`,
	}, demo.AlertsDoors(), func(o demo.Options, a demo.Audience) (show, error) { return demo.StartAlerts(o, a) })
}
