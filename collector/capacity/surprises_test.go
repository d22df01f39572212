package capacity

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// wave is a daily cycle about 10,000, for hours from the epoch.
func wave(hours float64) float64 { return 10000 * math.Exp(0.4*math.Sin(2*math.Pi*hours/24)) }

// fed is a forecast and the clock that it was fed by.
type fed struct {
	Forecast
	at time.Time
}

// feed gives a bin's counts for so many bins: factor times the wave.
func (f *fed) feed(bins int, factor float64) {
	if f.at.IsZero() {
		f.at = epoch().Truncate(24 * time.Hour)
	}
	for range bins {
		f.Forecast, _ = f.Observe(f.at, uint64(factor*wave(f.hours())))
		f.at = f.at.Add(5 * time.Minute)
	}
}

func (f *fed) hours() float64 { return float64(f.at.Unix()%(24*3600)) / 3600 }

// expect fails unless so many steps ahead factor times the wave is expected, within a part of it.
func (f *fed) expect(t *testing.T, steps int, factor, within float64) {
	t.Helper()
	mean, _ := f.Ahead(steps)
	want := factor * wave(f.hours()+float64(steps-2)/12) // the last bin fed is still open
	if math.Abs(mean/want-1) > within {
		t.Errorf("%d steps ahead %.0f, want %.0f", steps, mean, want)
	}
}

func settledForecast() *fed {
	f := &fed{}
	f.feed(9*season, 1)
	return f
}

func TestForecastOfACycle(t *testing.T) {
	f := settledForecast()
	f.expect(t, 1, 1, 0.02)
	f.expect(t, horizon, 1, 0.02)
}

// One bin that is far off is hardly believed, three are, and an hour later half of it is.
func TestSurprise(t *testing.T) {
	f := settledForecast()
	f.feed(1, 100)
	f.feed(1, 1)
	f.expect(t, 1, math.Exp(excessRate*surprise), 0.06)
	f = settledForecast()
	f.feed(4, 4)
	f.expect(t, 1, 4, 0.1)
	f.expect(t, lately, 2, 0.1)
	f.expect(t, horizon, 1, 0.1)
	if _, meets := f.Meets(uint64(3.9 * wave(f.hours()))); !meets {
		t.Error("what the load is now is not met")
	}
}

// A crowd is not expected again tomorrow, nor next week, and does not make the forecast uncertain.
func TestCrowdIsNoHabit(t *testing.T) {
	f := settledForecast()
	f.feed(1, 10)
	before := f.Forecast
	f.feed(29, 10)
	if f.Week != before.Week || f.Mean != before.Mean || f.Variance > before.Variance {
		t.Error("week or variance learnt from a crowd")
	}
	f.feed(season-30-horizon/2, 1)
	f.expect(t, horizon/2+10, math.Exp(seasonRate*surprise), 0.05)
}

// After some weeks a weekend is expected before it begins.
func TestWeekend(t *testing.T) {
	f := &fed{}
	for range 6 {
		f.feed(5*season, 1)
		f.feed(2*season, 1.5)
	}
	f.feed(5*season-horizon/3, 1)
	f.expect(t, horizon/2, 1.5, 0.1)
	f.feed(2*season, 1.5)
	f.expect(t, horizon/2, 1, 0.1)
}

// Of loads that differ from day to day about nine in ten stay below the bound.
func TestForecastIsSureOfWhatItSays(t *testing.T) {
	for _, steps := range []int{lately, horizon} {
		var below, count int
		for seed := range uint64(10) {
			n := players(rand.New(rand.NewPCG(seed, 41)), 30)
			var f Forecast
			var bounds []float64
			for minute, load := range n.load {
				var complete bool
				if f, complete = f.Observe(epoch().Add(time.Duration(minute)*time.Minute), uint64(load)); !complete {
					continue
				}
				_, upper := f.Ahead(steps)
				if bounds = append(bounds, upper); len(bounds) <= 4*season {
					continue
				}
				count++
				if float64(f.Lately[(f.Learned-1)%len(f.Lately)]) <= bounds[len(bounds)-1-steps] {
					below++
				}
			}
		}
		if held := float64(below) / float64(count); held < 0.85 || held > 0.97 {
			t.Errorf("%d steps ahead the bound held %.3f of the time, want about 0.9", steps, held)
		}
	}
}

// After a mass disconnect the forecast stands still for six hours; then that is the load. The first load after it is believed.
func TestStandingStill(t *testing.T) {
	f := settledForecast()
	f.feed(7, 0.01)
	if !f.Fallen {
		t.Fatal("not fallen")
	}
	f.feed(2, 0.6)
	f.expect(t, 1, 0.6, 0.04)
	f = settledForecast()
	f.feed(1, 1)
	level := f.Level
	f.feed(horizon, 0.1)
	if _, meets := f.Meets(1); meets || !f.Fallen || math.Abs(f.Level-level) > 0.001 {
		t.Error("it does not stand still")
	}
	for range horizon {
		if f.feed(2, 0.1); f.Fallen {
			t.Fatal("it still stands still")
		}
	}
	f.expect(t, 1, 0.1, 0.1)
}

// An outage in the first day leaves no hole in the season.
func TestOutageInTheFirstDay(t *testing.T) {
	f := &fed{}
	f.feed(100, 1)
	f.feed(36, 0)
	f.feed(season-100-36+1, 1)
	for i := 98; i < 140; i++ {
		if gap := math.Abs(float64(f.Season[i] - f.Season[i+1])); gap > 400 {
			t.Errorf("a hole of %.0f in bin %d", gap, i)
		}
	}
}

// Gaps and clocks that jump end a bin, and an excess; the first day must be whole.
func TestForecastOfGaps(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour, -time.Second} {
		f := settledForecast()
		f.feed(6, 1.4)
		f.at = f.Start.Add(jump)
		next, complete := f.Observe(f.at, 5000)
		if !complete || next.Excess != 0 || next.Start != f.at.Truncate(5*time.Minute) {
			t.Errorf("%v: complete %v, excess %g, from %v", jump, complete, next.Excess, next.Start)
		}
		day := &fed{}
		day.feed(200, 1)
		if next, _ := day.Observe(day.Start.Add(jump), 5000); next.Learned != 0 {
			t.Errorf("%v: %d bins of a day in pieces", jump, next.Learned)
		}
	}
	if f, _ := (Forecast{}).Observe(epoch(), 1<<63); f.Most > plausibleConnections {
		t.Errorf("%g connections", f.Most)
	}
	for _, step := range []time.Duration{time.Nanosecond, -time.Hour} {
		f := Forecast{Step: step}
		f, _ = f.Observe(epoch(), 5)
		if _, complete := f.Observe(epoch().Add(time.Second), 5); complete {
			t.Errorf("a step of %v", step)
		}
	}
	before := &fed{at: time.Unix(-400*24*3600, 0)} // a clock before 1970
	before.feed(2*season, 1)
	before.Ahead(horizon)
}

func TestDamagedForecast(t *testing.T) {
	for _, text := range []string{
		`{"level":101}`, `{"excess":-101}`, `{"mean":1e9}`, `{"levels":[1e30]}`, `{"week":[0,-1e30]}`, `{"most":-1}`, `{"most":1e300}`,
		`{"variance":-1}`, `{"variance":2}`, `{"learned":-1}`, `{"learned":9223372036854775807}`, `{"still":-1}`, `{"still":9223372036854775807}`, `{"season":[70000]}`,
	} {
		var f Forecast
		if err := json.Unmarshal([]byte(text), &f); err == nil || !strings.Contains(err.Error(), "forecast") {
			t.Errorf("%s: %v", text, err)
		}
	}
	var f Forecast // as it was stored before it knew weeks
	if err := json.Unmarshal([]byte(`{"level":9,"trend":0.01,"learned":400,"fallen":false,"surprises":1}`), &f); err != nil {
		t.Error(err)
	}
	f.Observe(epoch(), 5000)
}
