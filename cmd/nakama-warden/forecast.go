package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newForecastCommand(p *paths) *cobra.Command {
	var o output
	var request status.ForecastRequest
	var path string
	var window time.Duration
	cmd := &cobra.Command{
		Use:   "forecast --connections N",
		Short: "How much memory a number of connections takes, by what this host or a recorded trace teaches",
		Long: `Tells what memory so many connections take on a Nakama: what is expected, and what it stays below with 90 %; and what that
rests on. It asks the model of this host, or of a recording (--trace): CSV with at least the columns t_seconds, connections and
rss_bytes; "-" is standard input. A recording is also held against itself: its lower loads foretell its top. Where too little was
seen, it says so: then the numbers are a guess of low confidence.`,
		Example: `  nakama-warden forecast --connections 12000
  nakama-warden forecast --connections 12000 --trace recording.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if request.Connections == 0 {
				return errors.New("--connections is missing; want how many, such as --connections 12000")
			}
			if window < 0 {
				return fmt.Errorf("--window %s is negative; want a length such as 20s, or 0 for what suits the recording", window)
			}
			ask := func() (status.Forecast, error) { return forecastTrace(path, request.Connections, window) }
			if path == "" {
				b, err := p.backend()
				if err != nil {
					return err
				}
				ask = func() (status.Forecast, error) { return b.Forecast(cmd.Context(), request) }
			}
			f, err := text.Await(os.Stderr, "learning how much memory connections take", ask)
			if err != nil {
				return err
			}
			return o.print(f, func(w io.Writer, s text.Style) error { return text.Forecast(w, s, f) })
		},
	}
	o.flag(cmd)
	cmd.Flags().StringVar(&request.Unit, "unit", "", "which `Nakama` of this host, by its name in status; not needed where there is one")
	cmd.Flags().Uint64Var(&request.Connections, "connections", 0, "how `many` connections")
	cmd.Flags().StringVar(&path, "trace", "", "a recording, a CSV `file`; - is standard input")
	cmd.Flags().DurationVar(&window, "window", 0, "the `length` of the model's windows; 0: 20s for recordings under an hour, else 5m")
	cmd.MarkFlagsMutuallyExclusive("trace", "unit")
	return cmd
}
