package capacity

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Trace is a recording of one process, in order of time. Times count from the Unix epoch where the recording's did not.
type Trace []Sample

const (
	// maxSamples bounds what is read: three months at one sample every two seconds.
	maxSamples = 4_000_000
	// shortTrace and shortWindow: a recording of minutes holds each load for seconds, not for five minutes.
	shortTrace  = time.Hour
	shortWindow = 20 * time.Second
	// maxSeconds is the year 5138; durations still hold the difference of two times.
	maxSeconds = 9e9
)

// ReadTrace reads CSV with a header that names at least t_seconds, connections and rss_bytes, in any order.
func ReadTrace(r io.Reader) (Trace, error) { return readTrace(r, maxSamples) }

func readTrace(r io.Reader, most int) (Trace, error) {
	table := csv.NewReader(r)
	table.ReuseRecord = true
	table.TrimLeadingSpace = true
	header, err := table.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("read trace: it is empty; want a header with t_seconds, connections, rss_bytes, and samples")
	case err != nil:
		return nil, fmt.Errorf("read trace: %w", err)
	}
	columns, err := findColumns(header)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	var trace Trace
	for {
		record, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read trace: %w", err)
		}
		line, _ := table.FieldPos(0)
		sample, err := columns.sample(record)
		if err != nil {
			return nil, fmt.Errorf("read trace: line %d: %w", line, err)
		}
		if last := len(trace) - 1; last >= 0 && sample.Time.Before(trace[last].Time) {
			return nil, fmt.Errorf("read trace: line %d: t_seconds goes back; want the samples sorted by time", line)
		}
		if trace = append(trace, sample); len(trace) > most {
			return nil, fmt.Errorf("read trace: more than %d samples; want a shorter or a coarser recording", most)
		}
	}
	if len(trace) == 0 {
		return nil, errors.New("read trace: no samples after the header")
	}
	return trace, nil
}

// Window is the length of window that suits the trace: 20 s under an hour, else five minutes.
func (t Trace) Window() time.Duration {
	if len(t) > 0 && t[len(t)-1].Time.Sub(t[0].Time) >= shortTrace {
		return defaultLength
	}
	return shortWindow
}

// Model is what the trace teaches in windows of a length; 0 is Window's.
func (t Trace) Model(length time.Duration) Model {
	if length <= 0 {
		length = t.Window()
	}
	sampler := Sampler{Length: length}
	var m Model
	for _, sample := range t {
		if w, complete := sampler.Add(sample); complete {
			m = m.Observe(w)
		}
	}
	if w, complete := sampler.Flush(); complete {
		m = m.Observe(w)
	}
	return m
}

// columns are the places of what is read.
type columns struct{ time, connections, memory int }

func findColumns(header []string) (columns, error) {
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // spreadsheets write a byte order mark
	}
	c := columns{slices.Index(names, "t_seconds"), slices.Index(names, "connections"), slices.Index(names, "rss_bytes")}
	var missing []string
	for name, place := range map[string]int{"t_seconds": c.time, "connections": c.connections, "rss_bytes": c.memory} {
		if place < 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return c, fmt.Errorf("no column %s; want a header with at least t_seconds, connections, rss_bytes", strings.Join(missing, ", "))
	}
	return c, nil
}

func (c columns) sample(record []string) (Sample, error) {
	seconds, err := number("t_seconds", record[c.time], maxSeconds)
	if err != nil {
		return Sample{}, err
	}
	connections, err := number("connections", record[c.connections], plausibleConnections)
	if err != nil {
		return Sample{}, err
	}
	memory, err := number("rss_bytes", record[c.memory], plausibleMemory)
	if err != nil {
		return Sample{}, err
	}
	whole, part := math.Modf(seconds)
	return Sample{
		Time:        time.Unix(int64(whole), int64(part*1e9)).UTC(),
		Connections: uint64(math.Round(connections)),
		Memory:      uint64(math.Round(memory)),
	}, nil
}

func number(name, text string, most float64) (float64, error) {
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(value) || value < 0 || value > most {
		return 0, fmt.Errorf("%s is %.40q; want a number from 0 to %g", name, text, most)
	}
	return value, nil
}
