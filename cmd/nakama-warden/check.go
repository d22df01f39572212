package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent/config"
)

func newCheckCommand(p *paths) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Validate a configuration: exit 0 if it is good, 1 if not",
		Long:  `Reports every problem at once as FILE:LINE: KEY: problem; want …, on standard error. Warnings keep exit status 0.`,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := p.config
			if len(args) == 1 {
				path = args[0]
			}
			cfg, err := config.Check(path)
			var problems config.Problems
			if errors.As(err, &problems) {
				fmt.Fprintln(os.Stderr, problems)
				return exitStatus(1)
			}
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintln(os.Stderr, "warning:", w)
			}
			fmt.Printf("%s is valid\n", path)
			return nil
		},
	}
}
