package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newEventsCommand(p *paths) *cobra.Command {
	var o output
	var query status.EventQuery
	var since string
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "What happened, the newest last",
		Long:  `Prints one event a line; with -o json each is a JSON object of its own.`,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := parseSince(since, time.Now(), &query.Since); err != nil {
				return err
			}
			b, err := p.backend()
			if err != nil {
				return err
			}
			events, err := text.Await(os.Stderr, "reading the events", func() ([]status.Event, error) { return b.Events(cmd.Context(), query) })
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
			return b.Follow(cmd.Context(), query.After, func(e status.Event) error {
				if e.Time.Before(query.Since) || len(query.Kinds) > 0 && !slices.Contains(query.Kinds, e.Kind) {
					return nil
				}
				return print(e)
			})
		},
	}
	o.flag(cmd)
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with events as they happen")
	cmd.Flags().StringSliceVar(&query.Kinds, "kind", nil, "only these `kinds`, such as drift")
	cmd.Flags().StringVar(&since, "since", "", "only what happened since then: a `time` like 2026-03-01T12:00:00Z, or how long ago, like 2h or 7d")
	cmd.Flags().IntVar(&query.Limit, "limit", manyEvents, "only the newest `n`; 0: all that are kept")
	return cmd
}

// manyEvents is how many are shown unless somebody asks for more: where they go to Loki, a day of them is kept.
const manyEvents = 10000

// parseSince reads a time, or how long ago it was. Nothing at all is no limit.
func parseSince(text string, now time.Time, into *time.Time) error {
	if text == "" {
		return nil
	}
	if ago, err := model.ParseDuration(text); err == nil {
		*into = now.Add(-time.Duration(ago))
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("--since %q is no time: want one like 2026-03-01T12:00:00Z, or how long ago, like 2h or 7d", text)
	}
	*into = at
	return nil
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program",
		Args:  cobra.NoArgs,
		Run:   func(*cobra.Command, []string) { fmt.Println("nakama-warden", version) },
	}
}
