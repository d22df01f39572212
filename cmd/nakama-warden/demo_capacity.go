package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// newDemoCapacityCommand shows what the daemon learns of memory and connections.
func newDemoCapacityCommand() *cobra.Command {
	return newShowCommand(&cobra.Command{
		Use:   "capacity",
		Short: "A server that fills up with connections, and what the daemon says of it beside the truth",
		Long: `Fills a Nakama-like server with real connections in front of a daemon: what it says of memory and of how many connections
fit, beside what is seen; what it foretells of three times the load, before it is there; a mass disconnect; the end of the
descriptors; a restart of the daemon. It needs network namespaces (an ordinary user needs user namespaces), 1.2 GB of free
memory and 7,500 open files, takes up to a minute, touches nothing of the host and leaves nothing behind.`,
	}, demo.CapacityDoors(), func(o demo.Options, a demo.Audience) (show, error) { return demo.StartCapacity(o, a) })
}

// newDemoServeCommand is the server that fills up: the demo executes it on its host.
func newDemoServeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "serve DESCRIPTORS",
		Short:  "Hold memory for each connection to port 7350",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			descriptors, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return fmt.Errorf("serve: %w; want how many descriptors may be open", err)
			}
			return demo.Serve(cmd.Context(), descriptors)
		},
	}
}
