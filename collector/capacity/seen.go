package capacity

import "time"

// seen is which loads the model has learnt from in the last day or two: about as far back as it remembers.
type seen struct {
	Today     span          `json:"today"`
	Yesterday span          `json:"yesterday"`
	Elapsed   time.Duration `json:"elapsed"` // of today, as the sum of its windows: no clock can turn it back
	// Top is the last window near the largest load: the naive ratio, for as long as nothing better is known.
	Top point `json:"top"`
}

// span is a range of counts; one without windows is empty.
type span struct {
	Least   float64 `json:"least"`
	Most    float64 `json:"most"`
	Windows int     `json:"windows"`
}

func (s *seen) observe(n, y float64, length time.Duration) {
	if s.Elapsed += length; s.Elapsed > 24*time.Hour {
		s.Today, s.Yesterday, s.Elapsed = span{}, s.Today, length
	}
	if s.Today.Windows == 0 {
		s.Today = span{Least: n, Most: n}
	}
	s.Today.Least, s.Today.Most = min(s.Today.Least, n), max(s.Today.Most, n)
	s.Today.Windows++
	if n > nearTop*s.most() {
		s.Top = point{n, y}
	}
}

func (s *seen) most() float64 { return max(s.Today.Most, s.Yesterday.Most) }

func (s *seen) least() float64 {
	if s.Yesterday.Windows == 0 {
		return s.Today.Least
	}
	return min(s.Today.Least, s.Yesterday.Least)
}
