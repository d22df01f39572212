package capacity

import (
	"math"
	"time"
)

// The units of the regression keep its numbers near one.
const (
	bytesUnit       = 1e9
	connectionsUnit = 1e4
)

const (
	// inflation of the estimate's variance: neighbouring windows tell nearly the same, they are not independent.
	inflation = 6
	// quantile 1.28 is 90 % of a normal distribution, on one side.
	quantile = 1.28
	// relativeNoise is the least noise, relative to the memory: pages, caches, the collector's phase.
	relativeNoise = 0.003
	// curvature is how much the slope may change, per unit of slope, above the largest load seen.
	curvature = 0.25
	// firstNoise is the noise assumed before any was seen, 10 MB.
	firstNoise = 0.01
	// settled is how many windows it takes before an outlier can be told from ignorance.
	settled = 24

	noiseRate = 0.02
	biasRate  = 0.08
	clipAt    = 3 // standard deviations
)

// estimator is one recursive regression of memory on load. Its zero value knows the prior only.
type estimator struct {
	Precision matrix  `json:"precision"` // Λ
	Weighted  vector  `json:"weighted"`  // z
	Noise     float64 `json:"noise"`     // s²
	Bias      float64 `json:"bias"`      // b: what the line misses at the top of the load
	Windows   int     `json:"windows"`
}

// estimate is what an estimator holds to be true: θ, and the factor of its precision.
type estimate struct {
	theta  vector
	factor lower
	noise  float64
	bias   float64
}

// prior is θ₀ and 1/sd²: 100 MB ± 500 MB, 60 KB ± 100 KB a connection, ± 50 KB unreturned for each below the peak,
// ± 50 MB of leak a day.
func prior() (theta, precision vector) {
	return vector{base: 0.1, slope: 0.6}, vector{base: 1 / (0.5 * 0.5), slope: 1, unreturned: 1 / (0.5 * 0.5), leak: 1 / (0.05 * 0.05)}
}

func ignorant() estimator {
	theta, precision := prior()
	e := estimator{Noise: firstNoise * firstNoise}
	for i := range dim {
		e.Precision[i][i] = precision[i]
		e.Weighted[i] = precision[i] * theta[i]
	}
	return e
}

// solve is the estimate. A state that cannot be, from a damaged disk, is as good as none: then it is the prior.
func (e *estimator) solve() estimate {
	if e.Windows > 0 && e.Noise > 0 && e.Noise < 1e12 && math.Abs(e.Bias) < 1e6 {
		if factor, ok := e.Precision.cholesky(); ok {
			theta := factor.solve(e.Weighted)
			if size := dot(theta, theta); size < 1e18 {
				return estimate{theta, factor, e.Noise, e.Bias}
			}
		}
	}
	*e = ignorant()
	factor, _ := e.Precision.cholesky()
	return estimate{theta: factor.solve(e.Weighted), factor: factor, noise: e.Noise}
}

// observe learns that memory was y under the load x. At the top of the load it also learns what the line misses there.
func (e *estimator) observe(x vector, y float64, length, halfLife time.Duration, atTop bool) {
	known := e.solve()
	miss := y - dot(x, known.theta)
	sigma := math.Sqrt(e.Noise)
	weight := 1.0
	if e.Windows >= settled && math.Abs(miss) > 2*sigma {
		weight = 2 * sigma / math.Abs(miss)
	}
	clipped := min(max(miss, -clipAt*sigma), clipAt*sigma)
	e.Noise += noiseRate * (max(clipped*clipped, 1e-6) - e.Noise)
	v := max(e.Noise, square(relativeNoise*y))
	e.forget(math.Exp2(-float64(length) / float64(halfLife)))
	for i := range dim {
		for j := range dim {
			e.Precision[i][j] += weight * x[i] * x[j] / v
		}
		e.Weighted[i] += weight * x[i] * y / v
	}
	if atTop {
		e.Bias += biasRate * (clipped - e.Bias)
	}
	e.Windows++
}

// forget lets the past fade to keep, and the prior come back by as much: a direction that the load no longer excites
// would otherwise lose its footing and wander.
func (e *estimator) forget(keep float64) {
	theta, precision := prior()
	for i := range dim {
		for j := range dim {
			e.Precision[i][j] *= keep
		}
		e.Precision[i][i] += (1 - keep) * precision[i]
		e.Weighted[i] = keep*e.Weighted[i] + (1-keep)*precision[i]*theta[i]
	}
}

// restarted keeps what was learnt of the program, and doubts it: perhaps another version was started.
func (e *estimator) restarted() {
	if e.Windows == 0 {
		return
	}
	known := e.solve()
	p := known.factor.inverse()
	for i := 1; i < dim; i++ {
		p[base][i] /= 2
		p[i][base] /= 2
		if i != leak {
			p[leak][i], p[i][leak] = 0, 0
		}
	}
	p[base][leak], p[leak][base] = 0, 0
	p[base][base] += square(0.2)
	p[slope][slope] += square(0.2 * known.theta[slope])
	_, precision := prior()
	p[leak][leak] = 1 / precision[leak]
	known.theta[leak] = 0
	e.Bias = 0
	if factor, ok := p.cholesky(); ok {
		e.Precision = factor.inverse()
		e.Weighted = e.Precision.times(known.theta)
		return
	}
	*e = estimator{}
}

func square(x float64) float64 { return x * x }
