package capacity

import (
	"fmt"
	"math"
)

// Resource is something that connections use up.
type Resource struct {
	Name     string // memory, descriptors, conntrack
	Limit    uint64 // bytes, or entries
	Fits     uint64 // connections that fit with 90 % certainty; while not known, a bound of low confidence, or 0 for none
	Expected uint64 // connections that fit if all goes as expected
	Known    bool
	Reason   string // why it is not known
}

// Fit tells how many connections fit into a limit of memory: safe is where the upper bound meets it, mean where the
// expectation does. While the model is not known, both are what the bytes per connection at the top of the load allow, with
// the base counted in: a bound of low confidence.
func Fit(limit uint64, m Model) (safe, mean uint64, known bool) {
	r := Memory(limit, m)
	return r.Fits, r.Expected, r.Known
}

// Memory is Fit as a Resource. Where others use memory within the same limit, limit is what they leave.
func Memory(limit uint64, m Model) Resource {
	return Joint(limit, []Share{{Model: m, Connections: 1}})
}

// Share is one of several processes that live within one limit.
type Share struct {
	Name        string
	Model       Model
	Connections uint64 // its part of the load, such as its peak lately
	Limit       uint64 // its own limit of memory below the common one; 0 is none
	// Outside is what each connection takes within the limit beside what the model learnt, in bytes: the kernel's part.
	Outside float64
}

// Joint tells how many connections the processes carry together within a common limit of memory, if they go on sharing the
// load as they do; equally, if there is none.
func Joint(limit uint64, shares []Share) Resource {
	r := Resource{Name: "memory", Limit: limit}
	if limit == 0 || len(shares) == 0 {
		r.Reason = "no limit of memory is known"
		return r
	}
	parts := parts(shares)
	for _, s := range shares {
		if known, reason := s.Model.Known(); !known {
			r.Reason = named(s.Name, reason)
			r.Fits = naive(limit, shares, parts)
			r.Expected = r.Fits
			return r
		}
	}
	together := newTogether(shares, parts)
	var within, expected bool
	r.Fits, within = crossing(float64(limit), together.upper)
	r.Expected, expected = crossing(float64(limit), together.mean)
	for i, s := range shares {
		if s.Limit > 0 && parts[i] > 0 {
			own := Joint(s.Limit, []Share{{Model: s.Model, Connections: 1, Outside: s.Outside}})
			r.Fits = min(r.Fits, whole(float64(own.Fits)/parts[i]))
			r.Expected = min(r.Expected, whole(float64(own.Expected)/parts[i]))
		}
	}
	if !within || !expected {
		return Resource{Name: r.Name, Limit: limit, Reason: "the limit is too far beyond the load that was seen"}
	}
	r.Known = true
	return r
}

// parts are the shares' parts of the load; their sum is 1.
func parts(shares []Share) []float64 {
	var sum float64
	for _, s := range shares {
		sum += float64(s.Connections)
	}
	parts := make([]float64, len(shares))
	for i, s := range shares {
		if parts[i] = 1 / float64(len(shares)); sum > 0 {
			parts[i] = float64(s.Connections) / sum
		}
	}
	return parts
}

// naive divides the limit by the bytes per connection of the last windows near the top, which count the base in: it is too
// careful for more connections, and means little for fewer.
func naive(limit uint64, shares []Share, parts []float64) uint64 {
	var each float64
	for i, s := range shares {
		top := s.Model.Seen.Top
		if top.Connections < 1 {
			return 0
		}
		each += parts[i] * (top.Memory*bytesUnit/top.Connections + s.Outside)
	}
	if each <= 0 {
		return 0
	}
	fits := whole(float64(limit) / each)
	for i, s := range shares {
		if s.Limit > 0 && parts[i] > 0 {
			top := s.Model.Seen.Top
			fits = min(fits, whole(float64(s.Limit)/(top.Memory*bytesUnit/top.Connections+s.Outside)/parts[i]))
		}
	}
	return fits
}

// together is the sum of several curves over their common load.
type together struct {
	curves  []curve
	parts   []float64
	outside float64 // bytes per connection of the common load
}

func newTogether(shares []Share, parts []float64) *together {
	t := &together{parts: parts}
	for i, s := range shares {
		t.curves = append(t.curves, s.Model.curve())
		t.outside += parts[i] * s.Outside
	}
	return t
}

func (t *together) mean(n float64) float64 {
	mean, _ := t.at(n)
	return mean
}

func (t *together) upper(n float64) float64 {
	_, upper := t.at(n)
	return upper
}

// at adds the expectations, and the margins as of independent errors.
func (t *together) at(n float64) (mean, upper float64) {
	var margins float64
	mean = t.outside * n
	for i := range t.curves {
		m, u := t.curves[i].at(n * t.parts[i])
		mean += m
		margins += square(u - m)
	}
	return mean, mean + math.Sqrt(margins)
}

// crossing is the largest n where the curve is within the limit; false if it still is far beyond any host. Bounds are convex:
// they may fall at first, where little is known of small loads, and rise from their lowest point on.
func crossing(limit float64, curve func(n float64) float64) (uint64, bool) {
	if curve(plausibleConnections) <= limit {
		return 0, false
	}
	low, high := 0.0, plausibleConnections
	for range 80 {
		a, b := low+(high-low)/3, high-(high-low)/3
		if curve(a) <= curve(b) {
			high = b
		} else {
			low = a
		}
	}
	if curve(0) <= limit {
		low = 0
	}
	if curve(low) > limit {
		return 0, true
	}
	high = plausibleConnections
	for high-low > 0.25 {
		if middle := low + (high-low)/2; curve(middle) <= limit {
			low = middle
		} else {
			high = middle
		}
	}
	return whole(low), true
}

// whole is a number of connections.
func whole(n float64) uint64 {
	return uint64(min(max(0, n), plausibleConnections))
}

// named puts the name of who is meant in front of a reason.
func named(name, reason string) string {
	if name == "" {
		return reason
	}
	return fmt.Sprintf("%s: %s", name, reason)
}
