package capacity

import (
	"math"
	"math/rand/v2"
	"time"
)

// family is a kind of process that is simulated. It shares nothing with the model but the units of what is measured.
type family struct {
	name string
	make func(*rand.Rand) *simulated
}

// simulated is a process under a load; every hook may be nil.
type simulated struct {
	load    func(hours float64) float64
	live    func(n, hours float64) float64 // bytes that the present connections need, without the base
	base    float64
	garbage float64   // how far the heap grows between collections, as a part of what is live
	period  float64   // of the collector's sawtooth, in hours
	returns float64   // hours in which half of what is not needed any more goes back; 0 is at once
	leak    float64   // bytes an hour
	restart []float64 // hours
	noise   float64   // relative
}

const simulatedHours = 7 * 24

// run gives the samples, one every 30 s, and the memory that the process would have at the end with factor × the largest load
// it had: at the top of its sawtooth, with what has leaked since its last start.
func (s *simulated) run(r *rand.Rand, factor float64) (samples []Sample, at, truth float64) {
	epoch := time.Unix(1_750_000_000, 0)
	var held, most, began float64
	restarts := s.restart
	for step := range simulatedHours * 120 {
		hours := float64(step) / 120
		if len(restarts) > 0 && hours >= restarts[0] {
			began, held, restarts = hours, 0, restarts[1:]
		}
		n := math.Round(max(0, s.load(hours)))
		most = max(most, n)
		live := s.live(n, hours)
		if held = max(live, held); s.returns > 0 {
			held = live + (held-live)*math.Exp2(-1/120.0/s.returns)
		} else {
			held = live
		}
		phase := 1.0
		if s.period > 0 {
			_, phase = math.Modf(hours / s.period)
		}
		memory := s.base + held*(1+s.garbage*phase) + s.leak*(hours-began)
		memory *= 1 + s.noise*r.NormFloat64()
		samples = append(samples, Sample{
			Time: epoch.Add(time.Duration(step) * 30 * time.Second), Connections: uint64(n), Memory: uint64(memory),
			Started: epoch.Add(time.Duration(began * float64(time.Hour))),
		})
	}
	at = factor * most
	return samples, at, s.base + s.live(at, simulatedHours)*(1+s.garbage) + s.leak*(simulatedHours-began)
}

// daily is a load of a daily cycle, a little different every day.
func daily(r *rand.Rand) func(hours float64) float64 {
	peak, depth, at := between(r, 2000, 20000), between(r, 0.4, 0.8), between(r, 0, 24)
	var days [simulatedHours/24 + 2]float64
	for i := range days {
		days[i] = between(r, 0.9, 1.1)
	}
	return func(hours float64) float64 {
		day, part := math.Modf(hours / 24)
		level := days[int(day)]*(1-part) + days[int(day)+1]*part
		wave := 1 - depth*(1+math.Cos(2*math.Pi*(hours-at)/24))/2
		return peak*level*wave + between(r, -0.005, 0.005)*peak
	}
}

func linear(r *rand.Rand) func(n, hours float64) float64 {
	each := between(r, 30e3, 150e3)
	return func(n, _ float64) float64 { return each * n }
}

func ordinary(r *rand.Rand) *simulated {
	return &simulated{load: daily(r), live: linear(r), base: between(r, 50e6, 250e6), noise: 0.002}
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

func families() []family {
	return []family{
		{"sawtooth", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			s.garbage, s.period = between(r, 0.1, 0.5), between(r, 0.02, 0.2)
			return s
		}},
		{"hysteresis", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			s.returns = between(r, 0.5, 4)
			return s
		}},
		{"leak", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			s.leak = between(r, 0.4e6, 4e6)
			return s
		}},
		{"restarts", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			for hours := between(r, 5, 30); hours < simulatedHours-26; hours += between(r, 8, 40) {
				s.restart = append(s.restart, hours)
			}
			steady := s.load
			s.load = func(hours float64) float64 { // players come back within ten minutes
				for _, at := range s.restart {
					if hours >= at && hours < at+1.0/6 {
						return steady(hours) * (hours - at) * 6
					}
				}
				return steady(hours)
			}
			return s
		}},
		{"bursts", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			s.garbage, s.period, s.returns = 0.2, 0.05, 0.2
			steady, height := s.load, between(r, 1.3, 2)
			var starts []float64
			for hours := between(r, 1, 12); hours < simulatedHours; hours += between(r, 4, 20) {
				starts = append(starts, hours)
			}
			s.load = func(hours float64) float64 {
				for _, at := range starts {
					if hours >= at && hours < at+0.4 {
						return height * steady(hours)
					}
				}
				return steady(hours)
			}
			return s
		}},
		{"flat", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			level := between(r, 1000, 15000)
			s.load = func(float64) float64 { return level * between(r, 0.98, 1.02) }
			return s
		}},
		{"mix shift", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			before, change := between(r, 40e3, 120e3), between(r, 0.7, 1.4)
			from := between(r, 24, 72)
			s.live = func(n, hours float64) float64 {
				return before * n * (1 + (change-1)*min(max(0, (hours-from)/48), 1))
			}
			return s
		}},
		{"superlinear", func(r *rand.Rand) *simulated {
			s := ordinary(r)
			each, power := between(r, 30e3, 100e3), between(r, 1.05, 1.25)
			s.live = func(n, _ float64) float64 { return each * 5000 * math.Pow(n/5000, power) }
			return s
		}},
	}
}
