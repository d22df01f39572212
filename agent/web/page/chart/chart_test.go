package chart

import (
	"math"
	"regexp"
	"testing"
	"time"
)

func square() Frame { return Frame{Range{0, 10}, Range{0, 10}} }

func at(xy ...float64) []Point {
	var points []Point
	for i := 0; i < len(xy); i += 2 {
		points = append(points, Point{xy[i], xy[i+1]})
	}
	return points
}

func TestLine(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name   string
		points []Point
		want   string
	}{
		{"nothing", nil, ""},
		{"one point", at(5, 5), "M500 500h0"},
		{"two points", at(0, 0, 10, 10), "M0 1000l1000-1000"},
		{"down", at(0, 10, 10, 0), "M0 0l1000 1000"},
		{"a gap", at(0, 0, 1, 1, nan, nan, 3, 3, 4, 4), "M0 1000l100-100m200-200l100-100"},
		{"a point between gaps", at(0, 0, 1, 1, nan, 0, 3, 3, 0, nan, 5, 5, 6, 6), "M0 1000l100-100m200-200h0m200-200l100-100"},
		{"gaps at both ends", at(nan, nan, 5, 5, nan, nan), "M500 500h0"},
		{"only gaps", at(nan, nan, inf, 1, 1, inf), ""},
		{"far outside", at(0, 1e300, 0, -1e300), "M0-1000l0 3000"},
	} {
		if got := square().Line(c.points); got != c.want {
			t.Errorf("%s: got %q; want %q", c.name, got, c.want)
		}
	}
}

func TestArea(t *testing.T) {
	for _, c := range []struct {
		name         string
		lower, upper []Point
		want         string
	}{
		{"nothing", nil, nil, ""},
		{"a band", at(0, 0, 10, 0), at(0, 10, 10, 10), "M0 0l1000 0l0 1000l-1000 0z"},
		{"a gap", at(0, 0, 5, math.NaN(), 10, 0), at(0, 10, 10, 10), "M0 0l1000 0l0 1000l-1000 0z"},
		{"only gaps", at(0, math.NaN()), at(math.NaN(), 0), ""},
	} {
		if got := square().Area(c.lower, c.upper); got != c.want {
			t.Errorf("%s: got %q; want %q", c.name, got, c.want)
		}
	}
}

func TestDots(t *testing.T) {
	for _, c := range []struct {
		name   string
		points []Point
		want   string
	}{
		{"nothing", nil, ""},
		{"one", at(5, 5), "M500 500h0"},
		{"one and its neighbour", at(5, 5, 5.01, 5), "M500 500h0"},
		{"two", at(5, 5, 6, 5), "M500 500h0m100 0h0"},
		{"a gap", at(5, 5, math.NaN(), 5, 6, 5), "M500 500h0m100 0h0"},
	} {
		if got := square().Dots(c.points, 10); got != c.want {
			t.Errorf("%s: got %q; want %q", c.name, got, c.want)
		}
	}
}

func TestFrameWithoutLength(t *testing.T) {
	for _, r := range []Range{{}, {5, 5}, {5, 1}, {0, math.NaN()}} {
		if got := (Frame{r, r}).Line(at(1, 1, 2, 2)); got != "" {
			t.Errorf("%v: got %q; want nothing", r, got)
		}
	}
}

func TestUpto(t *testing.T) {
	for _, c := range []struct {
		numbers []float64
		want    float64
	}{
		{nil, 1}, {[]float64{0, -5}, 1}, {[]float64{10, 100}, 110}, {[]float64{math.NaN(), 10, math.Inf(1)}, 11},
	} {
		if got := Upto(c.numbers...); got.Min != 0 || math.Abs(got.Max-c.want) > 1e-9 {
			t.Errorf("%v: got %v; want 0 to %v", c.numbers, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		r    Range
		most int
		want []float64
	}{
		{Range{0, 10}, 5, []float64{2, 4, 6, 8, 10}},
		{Range{0, 23989}, 5, []float64{5000, 10000, 15000, 20000}},
		{Range{0, 2.2e9}, 3, []float64{1e9, 2e9}},
		{Range{0, 1}, 1, []float64{1}},
		{Range{-3, 3}, 6, []float64{-2, -1, 0, 1, 2, 3}},
		{Range{0, 0}, 5, nil},
		{Range{0, 1}, 0, nil},
		{Range{0, math.Inf(1)}, 5, nil},
		{Range{math.NaN(), 1}, 5, nil},
	} {
		got := c.r.Ticks(c.most)
		same := len(got) == len(c.want)
		for i := range min(len(got), len(c.want)) {
			same = same && math.Abs(got[i]-c.want[i]) < 1e-9*c.r.Max
		}
		if !same {
			t.Errorf("%v, %d: got %v; want %v", c.r, c.most, got, c.want)
		}
	}
}

// A clock that is set forward or back moves no midnight.
func TestHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no zone database")
	}
	for _, c := range []struct {
		from, until time.Time
		every       int
		want        []string
	}{
		{time.Date(2026, 3, 14, 11, 30, 0, 0, time.UTC), time.Date(2026, 3, 15, 11, 30, 0, 0, time.UTC), 6, []string{"14 12:00", "14 18:00", "15 00:00", "15 06:00"}},
		{time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), 6, []string{"28 12:00", "28 18:00", "29 00:00", "29 06:00", "29 12:00"}},
		{time.Date(2026, 10, 20, 12, 0, 0, 0, berlin), time.Date(2026, 10, 30, 12, 0, 0, 0, berlin), 7 * 24, []string{"27 00:00"}},
		{time.Time{}, time.Time{}, 0, nil},
		{time.Unix(100, 0), time.Unix(0, 0), 6, nil},
	} {
		var got []string
		for _, hour := range Hours(c.from, c.until, c.every) {
			got = append(got, hour.Format("02 15:04"))
		}
		if len(got) != len(c.want) {
			t.Errorf("from %v every %d h: got %v; want %v", c.from, c.every, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("from %v every %d h: got %v; want %v", c.from, c.every, got, c.want)
				break
			}
		}
	}
}

// Whatever the numbers, a path is one, and stays within a side of the canvas.
func FuzzFrame(f *testing.F) {
	f.Add(0.0, 10.0, 0.0, 10.0, 1.0, 2.0, 3.0, math.NaN())
	f.Add(0.0, 0.0, 5.0, 1.0, math.Inf(1), 1e308, -1e308, 0.0)
	f.Add(-1e308, 1e308, -1e308, 1e308, 1.0, 1.0, 1.0, 1.0)
	path := regexp.MustCompile(`^(?:[Mml]-?\d{1,4}(?: |-)\d{1,4}(?:h0)?)*z?$`)
	f.Fuzz(func(t *testing.T, x0, x1, y0, y1, a, b, c, d float64) {
		frame := Frame{Range{x0, x1}, Range{y0, y1}}
		points := at(a, b, c, d, a, d)
		for _, drawn := range []string{frame.Line(points), frame.Dots(points, 1), frame.Area(points, at(b, a, d, c))} {
			if !path.MatchString(drawn) {
				t.Errorf("%v, %v: %q", frame, points, drawn)
			}
		}
		if n := len(frame.X.Ticks(5)); n > 5 {
			t.Errorf("%d ticks of %v; want at most 5", n, frame.X)
		}
	})
}
