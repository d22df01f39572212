package capacity

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Forecast foresees the load of the next six hours: exponential smoothing of y = log n with the seasons of the day and the week,
// after Holt and Winters, and an excess that fades (Taylor, 2003). It is a value; the zero value is ready.
//
//	e = y − l − s − w               what level and seasons do not explain
//	d ← d + κ(e − d)                excess: what came lately, and goes as it came
//	l ← l + λd,  d ← d − λd         level: what lasts
//	s ← s + γe                      season of the day
//	w ← w + ω(y − s − m − w)        season of the week, in parts of six hours, about the mean m of a week
//	v ← v + η((y − l₆ − s − w)² − v)  how wrong that was with the level l₆ of six hours before
//
//	k steps ahead: μ = l + s + w + ρᵏd, and 90 % of the time less than μ + 1.28·√(v(1 − ρ²ᵏ))
//
// There is no trend: within six hours no growth of players shows beside it. The miss of one bin counts for at most surprise, and
// after a mass disconnect the forecast stands still, so that an outage today is not expected again tomorrow.
type Forecast struct {
	// Step is the length of a bin; 0 is five minutes. A season is always so many bins: with another length it is not a day,
	// and what was learnt with one length is worth nothing with another.
	Step  time.Duration `json:"step"`
	Start time.Time     `json:"start,omitzero"`
	Most  float64       `json:"most"` // of the open bin

	Level    float64        `json:"level"`          // l
	Excess   float64        `json:"excess"`         // d
	Levels   [hours]float32 `json:"levels"`         // the level at the beginning of each of the last hours, a ring; 0 is not known
	Variance float64        `json:"variance"`       // v; 0 is not known yet
	Season   [season]int16  `json:"season"`         // s, in thousandths: a tenth of a percent of load
	Week     [week]float32  `json:"week"`           // w
	Mean     float64        `json:"mean,omitempty"` // m; 0 is not known yet
	Lately   [lately]uint32 `json:"lately"`         // the bins of the last hour that was not fallen, a ring
	Learned  int            `json:"learned"`
	Fallen   bool           `json:"fallen"` // below half of the peak of that hour
	Still    int            `json:"still"`  // bins for which it has been
	// Surprises are the bins in a row that missed by more than is believed; negative where the load was lower.
	Surprises int `json:"surprises"`
}

const (
	season  = 288 // five-minute bins in a day
	week    = 28  // six-hour parts: wherever on earth a weekend begins
	lately  = 12
	hours   = 6
	horizon = hours * lately

	excessRate   = 0.3               // κ
	levelRate    = 1.0 / horizon     // λ: what has lasted as long as we look ahead is expected to go on
	seasonRate   = 0.15              // γ: a week or so
	weekRate     = 1.0 / 3 / horizon // ω: a month or so; each part comes once a week
	meanRate     = 1.0 / (7 * season)
	varianceRate = 0.001 // η: half of it is of the last two or three days
	// fading is ρ: half of an excess is expected to be gone after an hour.
	fading = 0.9438743126816935
	// firstVariance is how wrong it is assumed to be, by 5 %, before that was seen.
	firstVariance = 0.05 * 0.05

	// surprise is the largest miss of one bin that is believed in full: a factor of 1.65. One that persists, for a quarter
	// of an hour, is the load from then on.
	surprise    = 0.5
	persistent  = 3
	thousandths = 1000
	// mostLearned is more bins than any host will live for.
	mostLearned = math.MaxInt32
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
		f.Excess = 0 // a gap, or a clock that jumped: what is between is not known
		if f.Learned < season {
			f.Learned = 0 // the first day must be whole
		}
	}
	f.begin(at, n)
	return f, true
}

// Ahead is the load in the bin that is so many steps after the last complete one: what is expected, and what it stays below with
// 90 %.
func (f Forecast) Ahead(steps int) (mean, upper float64) {
	if f.Learned == 0 {
		return 0, 0
	}
	steps = min(max(steps, 1), horizon)
	expected, margin := f.ahead(steps, math.Pow(fading, float64(steps)))
	return load(expected), load(expected + margin)
}

// Meets tells when the load may reach a capacity within six hours. In the time after a mass disconnect, when memory and level still
// are those of the load before, it does not.
func (f Forecast) Meets(capacity uint64) (time.Time, bool) {
	if f.Learned == 0 || f.Fallen {
		return time.Time{}, false
	}
	if float64(f.Lately[(f.Learned-1)%lately]) >= float64(capacity) {
		return f.Start, true
	}
	full, left := math.Log1p(float64(capacity)), 1.0
	for steps := 1; steps <= horizon; steps++ {
		left *= fading
		if expected, margin := f.ahead(steps, left); expected+margin >= full {
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
	if problem := Forecast(read).problem(); problem != "" {
		return fmt.Errorf("read forecast: %s", problem)
	}
	*f = Forecast(read)
	return nil
}

// problem is why a forecast cannot be; "" if it can.
func (f Forecast) problem() string {
	const mostLog = 100 // that of the most plausible connections is 21
	logs := []float64{f.Level, f.Excess, f.Mean}
	for _, y := range slices.Concat(f.Levels[:], f.Week[:]) {
		logs = append(logs, float64(y))
	}
	for _, y := range logs {
		if math.Abs(y) > mostLog {
			return fmt.Sprintf("a logarithm of load of %g: want at most %d", y, mostLog)
		}
	}
	switch {
	case f.Most < 0 || f.Most > plausibleConnections:
		return fmt.Sprintf("%g connections: want 0 to %g", f.Most, float64(plausibleConnections))
	case f.Variance < 0 || f.Variance > 1:
		return fmt.Sprintf("variance %g: want 0 to 1", f.Variance)
	case f.Learned < 0 || f.Learned > mostLearned || f.Still < 0 || f.Still > horizon+1:
		return fmt.Sprintf("learned from %d bins, stood still for %d: it cannot have", f.Learned, f.Still)
	}
	return ""
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
	returned := f.Fallen
	f.Fallen = f.Most < f.recent()/2 && f.Still < horizon
	returned = returned && !f.Fallen
	if returned {
		f.Lately = [lately]uint32{}
	}
	if f.Still++; !f.Fallen {
		f.Still = 0
		f.Lately[f.Learned%lately] = uint32(f.Most)
	}
	y := math.Log1p(f.Most)
	f.Learned = min(f.Learned+1, mostLearned)
	switch {
	case f.Learned <= season:
		f.firstDay(y, returned)
	case !f.Fallen:
		f.smooth(y, returned)
	}
}

// firstDay notes the day as it is; at its end the season is how its bins differ from their mean. Smoothing alone would take
// weeks to find the season.
func (f *Forecast) firstDay(y float64, returned bool) {
	switch {
	case f.Learned == 1:
		f.Level, f.Excess, f.Variance, f.Surprises = y, 0, 0, 0
	case f.Fallen:
		y = f.Level + f.Excess
	default:
		f.follow(y-f.Level, returned)
	}
	f.Season[f.place(0)] = inThousandths(y)
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
	f.Level, f.Excess = float64(mean)/thousandths, 0
}

// smooth learns from one bin. What is far off is an event, not a habit: the season learns a little of it, the rest nothing.
func (f *Forecast) smooth(y float64, returned bool) {
	day, part := f.place(0), f.part(0)
	s, w := float64(f.Season[day])/thousandths, float64(f.Week[part])
	if f.Variance == 0 || f.Mean == 0 {
		f.Variance, f.Mean = firstVariance, f.Level
	}
	off := y - f.Level - s - w
	f.follow(off, returned)
	f.Season[day] = inThousandths(s + seasonRate*min(max(off, -surprise), surprise))
	if before := f.levelBefore(); before != 0 && math.Abs(y-before-s-w) <= surprise {
		f.Variance += varianceRate * (square(y-before-s-w) - f.Variance)
	}
	if math.Abs(off) > surprise {
		return
	}
	f.Week[part] += float32(weekRate * (y - s - f.Mean - w))
	f.Mean += meanRate * (y - s - f.Mean)
}

// levelBefore is the level of six hours ago; 0 is not known. On the hour it notes the present one.
func (f *Forecast) levelBefore() float64 {
	bin := f.bin(0)
	hour := bin / lately
	before := f.Levels[remainder(hour+1, hours)]
	if bin%lately == 0 {
		f.Levels[remainder(hour, hours)] = float32(f.Level)
	}
	return float64(before)
}

// follow learns how far off the level the load is. One bin that is far from the last may be anything; several in a row are
// believed, and so is the first after a mass disconnect.
func (f *Forecast) follow(off float64, returned bool) {
	miss := off - f.Excess
	switch {
	case miss > surprise:
		f.Surprises = max(f.Surprises, 0) + 1
	case miss < -surprise:
		f.Surprises = min(f.Surprises, 0) - 1
	default:
		f.Surprises = 0
	}
	if returned || f.Surprises == persistent || f.Surprises == -persistent {
		f.Surprises = 0
		f.Excess = off
	} else {
		f.Excess += excessRate * min(max(miss, -surprise), surprise)
	}
	lasting := levelRate * min(max(f.Excess, -surprise), surprise)
	f.Level += lasting
	f.Excess -= lasting
}

func inThousandths(y float64) int16 {
	return int16(min(max(math.Round(y*thousandths), math.MinInt16), math.MaxInt16))
}

// ahead is the logarithm that is expected so many steps ahead, when only a part of the excess is left, and the margin above it.
func (f *Forecast) ahead(steps int, left float64) (expected, margin float64) {
	expected = f.Level + left*f.Excess
	if f.Learned >= season {
		expected += float64(f.Season[f.place(steps-1)])/thousandths + float64(f.Week[f.part(steps-1)])
	}
	return expected, quantile * math.Sqrt(f.Variance*(1-left*left))
}

// load is the count that a logarithm stands for.
func load(y float64) float64 { return min(max(0, math.Expm1(y)), plausibleConnections) }

// place is where in the day the bin is that is so many after the open one, and part where in the week.
func (f *Forecast) place(after int) int64 {
	return remainder(f.bin(after), season)
}

func (f *Forecast) part(after int) int64 {
	return remainder(f.bin(after), 7*season) / horizon
}

func (f *Forecast) bin(after int) int64 {
	return f.Start.Unix()/int64(f.step()/time.Second) + int64(after)
}

func remainder(n, of int64) int64 { return (n%of + of) % of }

// recent is the peak of the last hour that was not fallen.
func (f *Forecast) recent() float64 {
	return float64(slices.Max(f.Lately[:]))
}
