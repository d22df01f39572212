package capacity

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// cycle is a load of a daily cycle with noise; hours count from the start, growth is per day.
func cycle(r *rand.Rand, peak, growth float64) func(hours float64) float64 {
	at, depth := between(r, 0, 24), between(r, 0.4, 0.8)
	return func(hours float64) float64 {
		wave := 1 - depth*(1+math.Cos(2*math.Pi*(hours-at)/24))/2
		return peak * math.Pow(1+growth, hours/24) * wave * (1 + 0.02*r.NormFloat64())
	}
}

// watch follows a load for days and returns the hours at which exhaustion was raised, and that at which the load of half an hour
// reached the capacity; -1 is never. usual counts the raises of a predict_linear rule beside it.
func watch(load func(hours float64) float64, days int, fits uint64) (raised []float64, reached float64, usual int) {
	var f Forecast
	var e Exhaustion
	epoch := time.Unix(1_750_000_000, 0).Truncate(24 * time.Hour)
	reached = -1
	var halfHour, lastHour []float64
	alarm, streak := false, 0
	for bin := range days * 288 {
		hours := float64(bin) / 12
		n := max(0, load(hours))
		if halfHour = append(halfHour, n); len(halfHour) > 6 {
			halfHour = halfHour[1:]
		}
		if reached < 0 && mean(halfHour) >= float64(fits) {
			reached = hours
		}
		var complete bool
		f, complete = f.Observe(epoch.Add(time.Duration(bin)*5*time.Minute), uint64(n))
		if complete {
			was := e.Active
			e = e.Step(f, Resource{Fits: fits, Known: true})
			if e.Active && !was {
				raised = append(raised, hours)
			}
		}
		lastHour = append(lastHour, n)
		if len(lastHour) > 12 {
			lastHour = lastHour[1:]
		}
		if predicted := line(lastHour, 72); len(lastHour) == 12 && predicted >= float64(fits) {
			if streak++; streak == raiseAfter && !alarm {
				alarm = true
				usual++
			}
		} else if streak = 0; alarm {
			alarm = false
		}
	}
	return raised, reached, usual
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// line is predict_linear over the last hour.
func line(y []float64, ahead float64) float64 {
	var sx, sy, sxx, sxy float64
	for i, v := range y {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+v, sxx+x*x, sxy+x*v
	}
	count := float64(len(y))
	slope := (count*sxy - sx*sy) / (count*sxx - sx*sx)
	return (sy-slope*sx)/count + slope*(count-1+ahead)
}

// A month of the same cycle below the capacity raises nothing.
func TestStableLoadIsNotForecastToExhaust(t *testing.T) {
	var raises, usual int
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), 11))
		raised, reached, lines := watch(cycle(r, 10000, 0), 30, 13000)
		if reached >= 0 {
			t.Fatal("the load reaches the capacity: the test is wrong")
		}
		raises += len(raised)
		usual += lines
	}
	t.Logf("false warnings in %d months: %d; predict_linear: %d", seeds, raises, usual)
	if raises > 0 {
		t.Errorf("%d false warnings", raises)
	}
	if usual == 0 {
		t.Error("predict_linear raised none: this load proves nothing")
	}
}

// Growth is seen hours before it reaches the capacity.
func TestGrowthIsForecast(t *testing.T) {
	var leads []float64
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), 12))
		raised, reached, _ := watch(cycle(r, 10000, 0.02), 30, 13000)
		if reached < 0 {
			t.Fatal("the load does not reach the capacity: the test is wrong")
		}
		if len(raised) == 0 || raised[0] > reached {
			t.Logf("seed %d: reached at %.1f h, not raised before", seed, reached)
			continue
		}
		leads = append(leads, reached-raised[0])
	}
	if len(leads)*10 < seeds*9 {
		t.Fatalf("raised in time in %d of %d months", len(leads), seeds)
	}
	if lead := median(leads); lead < 3 {
		t.Errorf("median lead %.1f h", lead)
	}
}

// An outage of an hour neither raises anything nor teaches the next day.
func TestOutage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 13))
	steady := cycle(r, 10000, 0)
	raised, _, _ := watch(func(hours float64) float64 {
		if hours >= 10*24+5 && hours < 10*24+6 {
			return 0
		}
		return steady(hours)
	}, 20, 13000)
	if len(raised) > 0 {
		t.Errorf("raised at %v", raised)
	}
}

// A crowd that arrives at once is believed after a quarter of an hour; it then decides.
func TestFlashCrowd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 14))
	steady := cycle(r, 4000, 0)
	raised, reached, _ := watch(func(hours float64) float64 {
		if hours >= 100 && hours < 103 {
			return 14000
		}
		return steady(hours)
	}, 10, 13000)
	if len(raised) != 1 || raised[0] < reached || raised[0] > reached+0.5 {
		t.Errorf("reached at %.2f h, raised at %v", reached, raised)
	}
}

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
				if n := f.Ahead(steps); !(n >= 0 && n <= plausibleConnections) {
					t.Fatalf("jump %d: %g connections expected", i, n)
				}
			}
		}
	}
}

// Whatever was stored and whatever the clock says, a number is told that can be, or the state is refused.
func FuzzForecast(f *testing.F) {
	f.Add([]byte(`{}`), int64(300), uint64(8000), uint64(7900))
	f.Add([]byte(`{"level":9,"trend":0.01,"learned":400,"season":[1,2,3],"step":1000000000}`), int64(-7), uint64(0), uint64(1<<63))
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
				if n := forecast.Ahead(steps); !(n >= 0 && n <= plausibleConnections) {
					t.Fatalf("%g connections expected", n)
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
