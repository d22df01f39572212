package capacity

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// scenario is a kind of node whose load is simulated over months. It shares nothing with the forecast but the counts.
type scenario struct {
	name string
	make func(*rand.Rand) *node
}

// node is what is true of one simulated node: memory is base + each × connections + what leaked; use is its part of the limit.
type node struct {
	load     []float64 // connections, one value a minute
	clock    time.Duration
	limit    float64
	base     float64
	each     float64
	leak     float64   // bytes a minute
	noise    float64   // of what is counted, relative
	restarts []float64 // minutes in which the daemon stops, for as long as away says
	away     float64   // minutes
	learns   bool      // what fits is learnt from memory, else it is told
}

const (
	perHour = 60
	perDay  = 24 * perHour
)

func (n *node) use(minute int) float64 {
	return (n.base + n.each*n.load[minute] + n.leak*float64(minute)) / n.limit
}

// fits is how many connections fill the limit, at that minute.
func (n *node) fits(minute int) float64 {
	return (n.limit - n.base - n.leak*float64(minute)) / n.each
}

// until cuts the month an hour after the limit was first reached: then somebody acted.
func (n *node) until() *node {
	for minute := range n.load {
		if n.use(minute) >= 1 {
			n.load = n.load[:min(len(n.load), minute+perHour)]
			break
		}
	}
	return n
}

// provided gives the node so many times the memory that its largest load takes.
func (n *node) provided(ratio float64) *node {
	var most float64
	for _, load := range n.load {
		most = max(most, load)
	}
	n.limit = n.base + n.each*most*ratio
	return n
}

// players is a game's load: a day with an evening peak, days that differ, and an hour-long wander around both.
func players(r *rand.Rand, days int) *node {
	n := &node{load: make([]float64, days*perDay), each: 70e3, noise: between(r, 0.002, 0.01)}
	n.clock = time.Duration(r.Float64() * float64(365*24*time.Hour))
	peak, depth, late, skew := between(r, 2000, 20000), between(r, 0.4, 0.8), between(r, 0, perDay), between(r, 0, 0.15)
	today, tomorrow := between(r, 0.95, 1.05), between(r, 0.95, 1.05)
	wander, spread, memory := 0.0, between(r, 0.01, 0.03), between(r, perHour, 4*perHour)
	for minute := range n.load {
		if minute%perDay == 0 {
			today, tomorrow = tomorrow, between(r, 0.95, 1.05)
		}
		part := float64(minute%perDay) / perDay
		phase := 2 * math.Pi * (float64(minute) - late) / perDay
		wave := 1 - depth*((1+math.Cos(phase))/2+skew*math.Sin(2*phase))/(1+skew)
		wander += -wander/memory + spread*math.Sqrt(2/memory)*r.NormFloat64()
		n.load[minute] = peak * wave * (today*(1-part) + tomorrow*part) * math.Exp(wander)
	}
	return n
}

// times multiplies each minute's load.
func (n *node) times(by func(minute float64) float64) *node {
	for minute := range n.load {
		n.load[minute] *= by(float64(minute))
	}
	return n
}

// weekend is a factor: more on two days of seven, coming up and going down within hours.
func weekend(r *rand.Rand) func(minute float64) float64 {
	more, from, slope := between(r, 1.3, 1.6), between(r, 0, 7*perDay), between(r, 2*perHour, 8*perHour)
	return func(minute float64) float64 {
		since := math.Mod(minute+7*perDay-from, 7*perDay)
		part := min(since/slope, 1)
		if since > 2*perDay {
			part = max(0, 1-(since-2*perDay)/slope)
		}
		return 1 + (more-1)*part
	}
}

func growing(perDayBy float64) func(minute float64) float64 {
	return func(minute float64) float64 { return math.Pow(1+perDayBy, minute/perDay) }
}

// crowds are flash crowds: 2 to 5 times the load within ten minutes, for a while, and slower away.
func crowds(r *rand.Rand, minutes int, every float64) func(minute float64) float64 {
	factor := make([]float64, minutes)
	for at := r.ExpFloat64() * every; int(at) < minutes; at += 12*perHour + r.ExpFloat64()*every {
		height, rise, hold, fall := between(r, 2, 5), between(r, 3, 10), between(r, 20, 180), between(r, 20, 120)
		for minute := int(at); minute < min(minutes, int(at+hold+6*fall)); minute++ {
			since := float64(minute) - at
			part := min(since/rise, 1)
			if since > hold {
				part = math.Exp(-(since - hold) / fall)
			}
			factor[minute] = max(factor[minute], (height-1)*max(0, part))
		}
	}
	return func(minute float64) float64 { return 1 + factor[int(minute)] }
}

// outages disconnect nearly all at once; they come back within half an hour of its end.
func outages(r *rand.Rand, minutes int, every float64) func(minute float64) float64 {
	factor := make([]float64, minutes)
	for at := r.ExpFloat64() * every; int(at) < minutes; at += 12*perHour + r.ExpFloat64()*every {
		left, length, back := between(r, 0, 0.1), between(r, 5, 240), between(r, 5, 30)
		for minute := int(at); minute < min(minutes, int(at+length+back)); minute++ {
			factor[minute] = (1 - left) * (1 - max(0, (float64(minute)-at-length)/back))
		}
	}
	return func(minute float64) float64 { return 1 - factor[int(minute)] }
}

// shifted moves the clock that people live by, from halfway on.
func (n *node) shifted(minutes int) *node {
	before, half := slices.Clone(n.load), len(n.load)/2
	for minute := half; minute < len(n.load); minute++ {
		n.load[minute] = before[min(minute+minutes, len(before)-1)]
	}
	return n
}

func scenarios() []scenario {
	const days = 60
	provision := func(r *rand.Rand) float64 { return between(r, 1.15, 1.5) }
	return []scenario{
		{"daily cycle", func(r *rand.Rand) *node { return players(r, days).provided(provision(r)) }},
		{"weekly cycle", func(r *rand.Rand) *node { return players(r, days).times(weekend(r)).provided(provision(r)) }},
		{"clock change", func(r *rand.Rand) *node {
			return players(r, days).shifted([]int{-60, 60}[r.IntN(2)]).provided(provision(r))
		}},
		{"restarts", func(r *rand.Rand) *node {
			n := players(r, days).provided(provision(r))
			n.away = between(r, 1, 40)
			for at := 0.0; at < days*perDay; at += between(r, 6*perHour, 5*perDay) {
				n.restarts = append(n.restarts, at)
			}
			return n
		}},
		{"outages", func(r *rand.Rand) *node {
			return players(r, days).provided(provision(r)).times(outages(r, days*perDay, 5*perDay))
		}},
		{"flash crowds", func(r *rand.Rand) *node {
			return players(r, days).provided(between(r, 1.3, 3)).times(crowds(r, days*perDay, 5*perDay))
		}},
		{"slow growth", func(r *rand.Rand) *node { return growth(r, between(r, 0.003, 0.007), false) }},
		{"quick growth", func(r *rand.Rand) *node { return growth(r, between(r, 0.007, 0.02), false) }},
		{"weekly growth", func(r *rand.Rand) *node { return growth(r, between(r, 0.003, 0.02), true) }},
		{"slow leak", func(r *rand.Rand) *node { return leaking(r, between(r, 0.01, 0.05)) }},
		{"quick leak", func(r *rand.Rand) *node { return leaking(r, between(r, 0.05, 0.3)) }},
	}
}

// leaking loses a part of its limit every day.
func leaking(r *rand.Rand, aDay float64) *node {
	n := players(r, 60)
	n.base, n.learns = between(r, 50e6, 250e6), true
	n.provided(between(r, 1.2, 1.5))
	n.leak = n.limit * aDay / perDay
	return n.until()
}

// growth ends when the limit is met; there is room for a week or more.
func growth(r *rand.Rand, perDayBy float64, weekly bool) *node {
	n := players(r, 120)
	if weekly {
		n.times(weekend(r))
	}
	first := &node{load: n.load[:7*perDay], each: n.each, base: n.base}
	n.limit = first.provided(between(r, 1.15, 1.4)).limit
	return n.times(growing(perDayBy)).until()
}
