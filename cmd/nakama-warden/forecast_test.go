package main

import (
	"math"
	"path/filepath"
	"testing"
)

// The recording of a real Nakama, replayed: the whole of it knows the memory that it itself shows.
func TestForecastOfARecording(t *testing.T) {
	recordings, err := filepath.Glob("../../collector/capacity/testdata/*main*.csv")
	if err != nil || len(recordings) == 0 {
		t.Fatalf("no recording: %v", err)
	}
	f, err := forecastTrace(recordings[0], 12000, 0)
	if err != nil {
		t.Fatal(err)
	}
	const measured = 965.4e6 // facts: nakama, Memory
	if off := math.Abs(float64(f.Memory)-measured) / measured; !f.Known || off > 0.1 || float64(f.MemoryUpper) < measured {
		t.Errorf("%+v; want known, within 10 %% of %.0f, and the bound above it", f, measured)
	}
}

func TestForecastWithoutARecording(t *testing.T) {
	if _, err := forecastTrace(filepath.Join(t.TempDir(), "absent.csv"), 1, 0); err == nil {
		t.Error("no error")
	}
}
