package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newEventsCommand(p *paths) *cobra.Command {
	var o output
	var query status.EventQuery
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "What happened, the newest last",
		Long:  `Prints one event a line; with -o json each is a JSON object of its own.`,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.backend()
			if err != nil {
				return err
			}
			events, err := b.Events(cmd.Context(), query)
			if err != nil {
				return err
			}
			print := func(e status.Event) error {
				query.After = e.Sequence
				e.Time = e.Time.Local()
				return o.print(e, func(w io.Writer, s text.Style) error { return text.Event(w, s, e) })
			}
			for _, e := range events {
				if err := print(e); err != nil {
					return err
				}
			}
			if !follow {
				return nil
			}
			return b.Follow(cmd.Context(), query.After, print)
		},
	}
	o.flag(cmd)
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with events as they happen")
	cmd.Flags().StringSliceVar(&query.Kinds, "kind", nil, "only these `kinds`, such as drift")
	cmd.Flags().IntVar(&query.Limit, "limit", 0, "only the newest `n`; 0: all that are kept")
	return cmd
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program",
		Args:  cobra.NoArgs,
		Run:   func(*cobra.Command, []string) { fmt.Println("nakama-warden", version) },
	}
}
