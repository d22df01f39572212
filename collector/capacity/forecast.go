package capacity

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Forecast foresees the load of the next six hours: Holt–Winters on log n, additive in the log, with a damped trend and a
// season of one day. It is a value; the zero value is ready.
//
//	l ← α(y − s) + (1−α)(l + φt)    t ← β(l − l′) + (1−β)φt    s ← γ(y − l) + (1−γ)s
//
// Source of the constants: facts, "Time to exhaustion". What the facts leave open: the miss of one bin counts for at most surprise,
// and after a mass disconnect the forecast stands still, so that an outage today is not expected again tomorrow.
type Forecast struct {
	// Step is the length of a bin; 0 is five minutes. A season is always so many bins: with another length it is not a day,
	// and what was learnt with one length is worth nothing with another.
	Step  time.Duration `json:"step"`
	Start time.Time     `json:"start,omitzero"`
	Most  float64       `json:"most"` // of the open bin

	Level   float64        `json:"level"`  // l
	Trend   float64        `json:"trend"`  // t
	Season  [season]int16  `json:"season"` // s, in thousandths: a tenth of a percent of load
	Lately  [lately]uint32 `json:"lately"` // the bins of the last hour, a ring
	Learned int            `json:"learned"`
	Fallen  bool           `json:"fallen"` // below half of the last hour's peak
	// Surprises are the bins in a row that missed by more than is believed; negative where the load was lower.
	Surprises int `json:"surprises"`
}

const (
	season  = 288 // five-minute bins in a day
	lately  = 12
	horizon = 72

	levelRate  = 0.10 // α
	trendRate  = 0.002
	seasonRate = 0.15 // γ
	damping    = 0.998

	// surprise is the largest miss of one bin that is believed in full: a factor of 1.65. One that persists, for a quarter
	// of an hour, is the load's level from then on.
	surprise    = 0.5
	persistent  = 3
	thousandths = 1000
)

// Observe takes a count; true says that it completed a bin, so that the forecast is another one.
func (f Forecast) Observe(at time.Time, connections uint64) (Forecast, bool) {
	n := float64(min(connections, plausibleConnections))
	since := at.Sub(f.Start)
	switch {
	case f.Start.IsZero():
		f.begin(at, n)
		return f, false
	case since >= 0 && since < f.step():
		f.Most = max(f.Most, n)
		return f, false
	}
	f.learn()
	if since < 0 || since >= 2*f.step() {
		f.Trend = 0 // a gap, or a clock that jumped: what is between is not known
		if f.Learned < season {
			f.Learned = 0 // the first day must be whole
		}
	}
	f.begin(at, n)
	return f, true
}

// Ahead is the load expected in the bin that is steps after the last complete one.
func (f Forecast) Ahead(steps int) float64 {
	if f.Learned == 0 {
		return 0
	}
	steps = min(max(steps, 1), horizon)
	trend := f.Trend * damping * (1 - math.Pow(damping, float64(steps))) / (1 - damping)
	return f.load(f.Level+trend, steps-1)
}

// Meets tells when the load is expected to reach a capacity within six hours. In the time after a mass disconnect, when memory and
// level still are those of the load before, it is not.
func (f Forecast) Meets(capacity uint64) (time.Time, bool) {
	if f.Learned == 0 || f.Fallen {
		return time.Time{}, false
	}
	for steps := 1; steps <= horizon; steps++ {
		if f.Ahead(steps) >= float64(capacity) {
			return f.Start.Add(time.Duration(steps-1) * f.step()), true
		}
	}
	return time.Time{}, false
}

// UnmarshalJSON reads a forecast; one with numbers that cannot be is an error.
func (f *Forecast) UnmarshalJSON(data []byte) error {
	type plain Forecast
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("read forecast: %w", err)
	}
	// The logarithm of the most connections that are plausible is 21; a trend of 1 is a factor of 2.7 every step.
	if !(read.Most >= 0 && read.Most <= plausibleConnections && math.Abs(read.Level) <= 100 && math.Abs(read.Trend) <= 1 && read.Learned >= 0) {
		return fmt.Errorf("read forecast: load %g, level %g, trend %g after %d steps cannot be", read.Most, read.Level, read.Trend, read.Learned)
	}
	*f = Forecast(read)
	return nil
}

func (f *Forecast) step() time.Duration {
	if f.Step < time.Second {
		return 5 * time.Minute
	}
	return f.Step
}

// begin opens the bin that a count is in. Bins are aligned, so that the season's are the same every day.
func (f *Forecast) begin(at time.Time, n float64) {
	f.Start, f.Most = at.Truncate(f.step()), n
}

// learn closes the open bin.
func (f *Forecast) learn() {
	place := f.place(0)
	var recent uint32
	for _, n := range f.Lately {
		recent = max(recent, n)
	}
	f.Lately[f.Learned%lately] = uint32(f.Most)
	was := f.Fallen
	f.Fallen = f.Most < float64(recent)/2
	returned := was && !f.Fallen
	y := math.Log1p(f.Most)
	f.Learned++
	switch {
	case f.Learned <= season:
		f.firstDay(place, y, returned)
	case f.Fallen:
		f.Trend *= damping
	default:
		f.smooth(place, y, returned)
	}
}

// firstDay notes the day as it is; at its end the season is how its bins differ from their mean. Smoothing alone would take
// a month to find the season, as the level is quick enough to follow the day.
func (f *Forecast) firstDay(place int64, y float64, returned bool) {
	switch {
	case f.Learned == 1:
		f.Level = y
	case f.Fallen:
		y = f.Level
	default:
		f.Level = f.follow(f.Level, y, returned)
	}
	f.Season[place] = inThousandths(y)
	if f.Learned < season {
		return
	}
	var sum float64
	for _, bin := range f.Season {
		sum += float64(bin)
	}
	mean := int16(sum / season)
	for i := range f.Season {
		f.Season[i] -= mean
	}
	f.Level = float64(mean) / thousandths
}

// smooth is the step of Holt and Winters.
func (f *Forecast) smooth(place int64, y float64, returned bool) {
	s := float64(f.Season[place]) / thousandths
	expected := f.Level + damping*f.Trend
	level := f.follow(expected, y-s, returned)
	f.Trend = trendRate*(level-f.Level) + (1-trendRate)*damping*f.Trend
	f.Level = level
	off := min(max(y-level-s, -surprise), surprise)
	f.Season[place] = inThousandths(s + seasonRate*off)
}

// follow is the level after a load was seen where another was expected. One load that is far off may be anything; several in a
// row are the level, and so is the first after a mass disconnect.
func (f *Forecast) follow(expected, seen float64, returned bool) float64 {
	switch miss := seen - expected; {
	case returned:
		f.Surprises = 0
		return seen
	case miss > surprise:
		f.Surprises = max(f.Surprises, 0) + 1
	case miss < -surprise:
		f.Surprises = min(f.Surprises, 0) - 1
	default:
		f.Surprises = 0
	}
	if f.Surprises == persistent || f.Surprises == -persistent {
		f.Surprises = 0
		return seen
	}
	return expected + levelRate*min(max(seen-expected, -surprise), surprise)
}

func inThousandths(y float64) int16 {
	return int16(min(max(math.Round(y*thousandths), math.MinInt16), math.MaxInt16))
}

// load is the count at a level in the bin that is so many after the open one.
func (f *Forecast) load(level float64, after int) float64 {
	if f.Learned >= season {
		level += float64(f.Season[f.place(after)]) / thousandths
	}
	return min(max(0, math.Expm1(level)), plausibleConnections)
}

func (f *Forecast) place(after int) int64 {
	bin := f.Start.Unix()/int64(f.step()/time.Second) + int64(after)
	return (bin%season + season) % season
}
