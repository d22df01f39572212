package capacity

import "math"

// curve is a model solved: memory over connections, as often as it is asked.
type curve struct {
	day, halfDay estimate
	age          float64
	largest      float64 // beyond it is extrapolated
	ceiling      point
}

func (m Model) curve() curve {
	return curve{m.Day.solve(), m.HalfDay.solve(), m.Process.Age, m.Seen.most(), m.Process.Ceiling}
}

// at tells mean and upper bound in bytes. Of the two estimates the more pessimistic gives the bound.
func (c *curve) at(n float64) (mean, upper float64) {
	x := vector{base: 1, slope: n / connectionsUnit, leak: c.age}
	mean, upper = c.of(&c.day, x)
	x[leak] = 0
	_, quick := c.of(&c.halfDay, x)
	mean = max(0, mean)
	return mean * bytesUnit, max(mean, upper, quick) * bytesUnit
}

// of is what one of the estimates tells under the load x, in GB.
func (c *curve) of(e *estimate, x vector) (mean, upper float64) {
	n := x[slope] * connectionsUnit
	mean = dot(x, e.theta) + max(0, e.bias*c.beyond(n), c.lift(n, x, e.theta))
	extrapolated := curvature * e.theta[slope] * max(0, n-c.largest) / connectionsUnit
	variance := inflation*e.factor.quadratic(x) + max(e.noise, square(relativeNoise*mean)) + square(extrapolated)
	return mean, mean + quantile*math.Sqrt(variance)
}

// beyond is how many times the largest load n is; 1 below it.
func (c *curve) beyond(n float64) float64 {
	if c.largest == 0 {
		return 1
	}
	return max(1, n/c.largest)
}

// lift is how far the ceiling of a present load, which traffic will fill, lies above the line; it grows with the load, as
// the heap does that makes it.
func (c *curve) lift(n float64, x, theta vector) float64 {
	if c.ceiling.Connections == 0 {
		return 0
	}
	x[slope] = c.ceiling.Connections / connectionsUnit
	return (c.ceiling.Memory - dot(x, theta)) * n / c.ceiling.Connections
}
