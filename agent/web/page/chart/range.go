package chart

import (
	"math"
	"time"
)

// Range is an interval of numbers.
type Range struct{ Min, Max float64 }

// Upto is the range from 0 to the largest of some numbers, with a tenth of room above; of nothing it is 0 to 1.
func Upto(numbers ...float64) Range {
	most := 0.0
	for _, n := range numbers {
		if n > most && !math.IsInf(n, 0) {
			most = n
		}
	}
	if most == 0 {
		return Range{0, 1}
	}
	return Range{0, 1.1 * most}
}

// Part is where in the range a number lies: 0 at its beginning, 1 at its end. It is NaN of what is not finite.
func (r Range) Part(n float64) float64 {
	if math.IsNaN(n) || math.IsInf(n, 0) || !(r.Max > r.Min) {
		return math.NaN()
	}
	return (n - r.Min) / (r.Max - r.Min)
}

// Ticks are round numbers in the range, at most so many, of 1, 2 or 5 times a power of ten apart. The beginning is none: that
// an axis begins at 0 needs no word.
func (r Range) Ticks(most int) []float64 {
	length := r.Max - r.Min
	if !(length > 0) || math.IsInf(length, 0) || most < 1 {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(length/float64(most))))
	for _, times := range []float64{1, 2, 5, 10} {
		if length/(step*times) <= float64(most) {
			step *= times
			break
		}
	}
	var ticks []float64
	for i := math.Floor(r.Min/step) + 1; i*step <= r.Max && len(ticks) < most; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// Between is a range of times, in seconds.
func Between(from, until time.Time) Range { return Range{Seconds(from), Seconds(until)} }

// Seconds is a time as a coordinate.
func Seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Hours are the full hours of a zone's clock between two times that every divides: 6 is midnight, six, noon, six.
func Hours(from, until time.Time, every int) []time.Time {
	var hours []time.Time
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, from.Location())
	for hour := 0; every > 0; hour += every {
		t := time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, day.Location())
		if t.After(until) {
			break
		}
		if !t.Before(from) {
			hours = append(hours, t)
		}
	}
	return hours
}
