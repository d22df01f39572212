package capacity

// binMinutes is the bin in which warnings are judged, and rules evaluated.
const binMinutes = 5

// rule is a way to warn: it is told each bin, and says whether it warns now.
type rule interface {
	see(use float64) bool
}

// pending is Prometheus' `for`: true after so many evaluations in a row.
type pending struct{ streak, wanted int }

func (p *pending) see(now bool) bool {
	if p.streak++; !now {
		p.streak = 0
	}
	return p.streak >= p.wanted
}

// threshold is `use > above`, for 15 minutes.
type threshold struct {
	above float64
	pending
}

func (t *threshold) see(use float64) bool { return t.pending.see(use > t.above) }

// extrapolation is `predict_linear(use[range], ahead) > 1`, for 15 minutes.
type extrapolation struct {
	over, ahead int // bins
	past        []float64
	pending
}

func (l *extrapolation) see(use float64) bool {
	if l.past = append(l.past, use); len(l.past) > l.over {
		l.past = l.past[1:]
	}
	return l.pending.see(len(l.past) > 1 && line(l.past, float64(l.ahead)) > 1)
}

// line is the value, so many steps after the last of y, of the least-squares line through y.
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

// peers are the rules that an operator would write.
func peers() map[string]rule {
	return map[string]rule{
		"line 1h→4h":  &extrapolation{over: 12, ahead: 48, pending: pending{wanted: 3}},
		"line 6h→6h":  &extrapolation{over: 72, ahead: 72, pending: pending{wanted: 3}},
		"static 85 %": &threshold{above: 0.85, pending: pending{wanted: 3}},
	}
}
