package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recording is the one of a real Nakama that was filled to 12,000 connections.
const recording = "../../collector/capacity/testdata/nakama-rss-main.csv"

// The whole of a recording knows the memory that it itself shows.
func TestForecastOfARecording(t *testing.T) {
	f, err := forecastTrace(recording, 12000, 0)
	if err != nil {
		t.Fatal(err)
	}
	const measured = 965.4e6 // facts: nakama, Memory
	if off := math.Abs(float64(f.Memory)-measured) / measured; !f.Known || off > 0.1 || float64(f.MemoryUpper) < measured {
		t.Errorf("%+v; want known, within 10 %% of %.0f, and the bound above it", f, measured)
	}
	if f.Samples < 400 || f.Windows < 20 || f.LeastSeen != 0 || f.LargestSeen != 12000 || f.Seconds < 900 {
		t.Errorf("%+v; want what was seen", f)
	}
	c := f.Check
	if c == nil || !c.Known || c.LargestSeen > 8100 || c.Connections < 11400 || c.Measured > c.MemoryUpper || math.Abs(float64(c.Memory)/measured-1) > 0.1 {
		t.Errorf("%+v; want the lower loads to foretell the top within 10 %%, and inside the bound", c)
	}
}

// csvOf writes a recording: each load with its memory for so many seconds.
func csvOf(t *testing.T, loads ...[2]int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("t_seconds,connections,rss_bytes\n")
	second := 0
	for _, load := range loads {
		for range 60 {
			fmt.Fprintf(&b, "%d,%d,%d\n", second, load[0], load[1])
			second++
		}
	}
	return written(t, b.String())
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A check that could only praise would convince nobody.
func TestACheckCanFail(t *testing.T) {
	ramp := [][2]int{{0, 60e6}, {1000, 130e6}, {2000, 200e6}, {3000, 270e6}, {4000, 340e6}}
	for _, c := range []struct {
		name   string
		top    [2]int
		inside bool
	}{
		{"as before", [2]int{6000, 480e6}, true},
		{"twice as dear at the top", [2]int{6000, 900e6}, false},
	} {
		f, err := forecastTrace(csvOf(t, append(ramp[:5:5], c.top)...), 6000, 0)
		if err != nil {
			t.Fatal(err)
		}
		if f.Check == nil || !f.Check.Known || f.Check.Measured != uint64(c.top[1]) || (f.Check.Measured <= f.Check.MemoryUpper) != c.inside {
			t.Errorf("%s: %+v; want inside the bound: %t", c.name, f.Check, c.inside)
		}
	}
}

func TestNoCheckWithoutLowerLoads(t *testing.T) {
	for _, loads := range [][][2]int{{{4000, 340e6}}, {{0, 60e6}}, {{4000, 340e6}, {0, 130e6}}} {
		f, err := forecastTrace(csvOf(t, loads...), 12000, 0)
		if err != nil || f.Known || f.Check != nil {
			t.Errorf("%v: %+v, %v; want not known, and nothing to check", loads, f, err)
		}
	}
}

func TestBadRecordingsAreRefusedWithWhatIsWanted(t *testing.T) {
	const header = "t_seconds,connections,rss_bytes\n"
	for _, c := range []struct{ name, path, want string }{
		{"absent", filepath.Join(t.TempDir(), "absent.csv"), "absent.csv: no such file"},
		{"a directory", t.TempDir(), "want the recording itself, a CSV file"},
		{"a program", "/proc/self/exe", "it is not text; want CSV"},
		{"without an end", "/dev/zero", "it is not text; want CSV"},
		{"packed", written(t, "\x1f\x8b\x08\x00\x00"), "it is not text; want CSV"},
		{"UTF-16", written(t, "\xff\xfet\x00_\x00s\x00"), "it is not text; want CSV"},
		{"empty", written(t, ""), "it is empty; want a header"},
		{"a header alone", written(t, header), "no samples"},
		{"a column is missing", written(t, "t_seconds,connections\n1,2\n"), "no column rss_bytes; want a header with"},
		{"another separator", written(t, strings.ReplaceAll(header, ",", ";")), "want a header with"},
		{"NaN", written(t, header+"1,2,NaN\n"), `line 2: rss_bytes is "NaN"; want a number`},
		{"unsorted", written(t, header+"2,2,3\n1,2,3\n"), "line 3: t_seconds goes back; want the samples sorted"},
		{"cut off", written(t, header+"1,2,3\n2,2"), "wrong number of fields"},
	} {
		err := execute(t, "forecast", "--connections", "12000", "--trace", c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || codeOf(err) != 1 || strings.Count(err.Error(), "read trace") > 1 {
			t.Errorf("%s: %v; want … %s …, and exit code 1", c.name, err, c.want)
		}
	}
}

func TestForecastMistakes(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--connections is missing; want how many", []string{"--trace", recording}},
		{"invalid argument", []string{"--connections", "-5"}},
		{"--window -5m0s is negative", []string{"--connections", "5", "--trace", recording, "--window", "-5m"}},
		{"none of the others can be", []string{"--connections", "5", "--trace", recording, "--unit", "nakama"}},
	} {
		if err := execute(t, append([]string{"forecast"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want … %s …", c.args, err, c.want)
		}
	}
}
