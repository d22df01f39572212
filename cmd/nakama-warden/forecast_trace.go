package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/agent"
	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

// forecastTrace answers from a recording; "-" is standard input.
func forecastTrace(path string, connections uint64, window time.Duration) (status.Forecast, error) {
	trace, err := readTrace(path)
	if err != nil {
		return status.Forecast{}, fmt.Errorf("--trace %s: %w", path, err)
	}
	if window == 0 {
		window = trace.Window()
	}
	f := agent.ForecastOf(trace.Model(window), connections)
	f.Samples = len(trace)
	f.Seconds = trace[len(trace)-1].Time.Sub(trace[0].Time).Seconds()
	f.Check = checkTrace(trace, window)
	return f, nil
}

func readTrace(path string) (capacity.Trace, error) {
	recording := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, errors.Unwrap(err) // the path is named already
		}
		defer f.Close()
		recording = f
	}
	if about, err := recording.Stat(); err == nil && about.IsDir() {
		return nil, errors.New("it is a directory; want the recording itself, a CSV file")
	}
	text := bufio.NewReader(recording)
	head, err := text.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	// Before the header is read: what is no text may have no end of line, and no end.
	if slices.ContainsFunc(head, func(b byte) bool { return b < ' ' && b != '\t' && b != '\r' && b != '\n' }) {
		return nil, errors.New("it is not text; want CSV with a header that names t_seconds, connections, rss_bytes (unpacked, in UTF-8)")
	}
	return capacity.ReadTrace(text)
}

// taught is the part of a recording's largest load up to which its check learns: the rest is half as much again.
const taught = 2.0 / 3

// checkTrace has the recording up to two thirds of its largest load foretell the memory that was measured at the top; nil if
// there is nothing below the top to learn from.
func checkTrace(trace capacity.Trace, window time.Duration) *status.ForecastCheck {
	var most uint64
	for _, s := range trace {
		most = max(most, s.Connections)
	}
	end := slices.IndexFunc(trace, func(s capacity.Sample) bool { return float64(s.Connections) > taught*float64(most) })
	if end <= 0 {
		return nil
	}
	// The top is where the memory is largest under about the largest load.
	var top capacity.Sample
	for _, s := range trace[end:] {
		if float64(s.Connections) >= 0.95*float64(most) && s.Memory > top.Memory {
			top = s
		}
	}
	m := trace[:end].Model(window)
	if top.Memory == 0 || m.LargestSeen() == 0 {
		return nil
	}
	f := agent.ForecastOf(m, top.Connections)
	return &status.ForecastCheck{LargestSeen: f.LargestSeen, Known: f.Known, Connections: top.Connections,
		Memory: f.Memory, MemoryUpper: f.MemoryUpper, Measured: top.Memory}
}
