package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

func newForecastCommand() *cobra.Command {
	var o output
	var connections uint64
	var path string
	var window time.Duration
	cmd := &cobra.Command{
		Use:   "forecast --connections N --trace FILE",
		Short: "How much memory a number of connections takes, by what a recorded trace teaches",
		Long: `Reads a recording of one Nakama as CSV, with at least the columns t_seconds, connections and rss_bytes ("-" is standard
input), and tells what memory so many connections take: what is expected, and what it stays below with 90 %. Where the
recording does not show enough, it says so: then the numbers are a guess of low confidence.`,
		Example: `  nakama-warden forecast --trace recording.csv --connections 12000`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if connections == 0 {
				return errors.New("--connections is missing; want how many, such as --connections 12000")
			}
			f, err := forecastTrace(path, connections, window)
			if err != nil {
				return err
			}
			return o.print(f, func(w io.Writer, s text.Style) error { return text.Forecast(w, s, f) })
		},
	}
	o.flag(cmd)
	cmd.Flags().Uint64Var(&connections, "connections", 0, "how `many` connections")
	cmd.Flags().StringVar(&path, "trace", "", "the recording, a CSV `file`; - is standard input")
	cmd.Flags().DurationVar(&window, "window", 0, "the `length` of the model's windows; 0: 20s for recordings under an hour, else 5m")
	_ = cmd.MarkFlagRequired("trace")
	return cmd
}

func forecastTrace(path string, connections uint64, window time.Duration) (status.Forecast, error) {
	var recording io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return status.Forecast{}, err
		}
		defer f.Close()
		recording = f
	}
	trace, err := capacity.ReadTrace(recording)
	if err != nil {
		return status.Forecast{}, fmt.Errorf("read trace %s: %w", path, err)
	}
	return forecastOf(trace.Model(window), connections), nil
}

// forecastOf asks a model.
func forecastOf(m capacity.Model, connections uint64) status.Forecast {
	mean, upper := m.At(float64(connections))
	known, reason := m.Known()
	return status.Forecast{Connections: connections, Memory: whole(mean), MemoryUpper: whole(upper), Known: known, Reason: reason,
		BytesPerConnection: m.BytesPerConnection(), Base: whole(m.Base()), LargestSeen: m.LargestSeen()}
}

// whole rounds to bytes; less than none is none.
func whole(bytes float64) uint64 { return uint64(max(0, bytes)) }
