package capacity

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestExhaustionHysteresis(t *testing.T) {
	rising := Forecast{Start: time.Unix(1_750_000_000, 0), Level: math.Log1p(2000), Learned: 1}
	calm := rising
	calm.Level = 0
	fits := Resource{Fits: 1000, Known: true}
	var e Exhaustion
	for i, step := range []struct {
		f      Forecast
		known  bool
		active bool
	}{
		{rising, true, false}, {rising, true, false}, {calm, true, false}, // an interrupted row begins again
		{rising, true, false}, {rising, true, false}, {rising, true, true},
		{calm, true, true}, {calm, true, true}, {calm, true, true}, {calm, true, true}, {calm, true, true},
		{rising, true, true},
		{calm, true, true}, {rising, false, true}, {calm, true, true}, {calm, true, true}, {calm, true, true}, {calm, true, false},
	} {
		fits.Known = step.known
		if e = e.Step(step.f, fits); e.Active != step.active {
			t.Fatalf("step %d: active %v", i, e.Active)
		}
	}
	if !e.At.IsZero() {
		t.Errorf("cleared, and still exhausted at %v", e.At)
	}
}

// Clocks that jump, gaps and counts of 0 never make a number that cannot be.
func TestForecastOfBadClocks(t *testing.T) {
	var f Forecast
	now := time.Unix(1_750_000_000, 0)
	for i, jump := range []time.Duration{0, 5 * time.Minute, 72 * time.Hour, -100 * time.Hour, -time.Second, 400 * 24 * time.Hour, -2e6 * time.Hour, 5 * time.Minute} {
		now = now.Add(jump)
		for range 3 {
			f, _ = f.Observe(now, uint64(i%3)*5000)
			for steps := -1; steps <= horizon+1; steps++ {
				if mean, upper := f.Ahead(steps); !(mean >= 0 && upper >= mean && upper <= plausibleConnections) {
					t.Fatalf("jump %d: %g connections expected, at most %g", i, mean, upper)
				}
			}
		}
	}
}

// Whatever was stored and whatever the clock says, a number is told that can be, or the state is refused.
func FuzzForecast(f *testing.F) {
	f.Add([]byte(`{}`), int64(300), uint64(8000), uint64(7900))
	f.Add([]byte(`{"level":9,"excess":0.01,"trend":0.01,"learned":400,"season":[1,2,3],"step":1000000000}`), int64(-7), uint64(0), uint64(1<<63))
	f.Add([]byte(`{"learned":2147483647,"still":73}`), int64(200), uint64(70), uint64(5))
	f.Fuzz(func(t *testing.T, state []byte, seconds int64, first, second uint64) {
		var forecast Forecast
		if json.Unmarshal(state, &forecast) != nil {
			forecast = Forecast{}
		}
		now := time.Unix(1_750_000_000, 0)
		for i := range 40 {
			now = now.Add(time.Duration(seconds%1e9) * time.Second)
			forecast, _ = forecast.Observe(now, map[bool]uint64{true: first, false: second}[i%3 == 0])
			for steps := range horizon {
				if mean, upper := forecast.Ahead(steps); !(mean >= 0 && upper >= mean && upper <= plausibleConnections) {
					t.Fatalf("%g connections expected, at most %g", mean, upper)
				}
			}
			forecast.Meets(first)
		}
		data, err := json.Marshal(forecast)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &forecast); err != nil {
			t.Fatalf("its own state is refused: %v", err)
		}
	})
}
