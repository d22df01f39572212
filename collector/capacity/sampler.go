package capacity

import "time"

// Sample is one reading of a process.
type Sample struct {
	Time        time.Time
	Connections uint64
	Memory      uint64    // bytes
	Ceiling     uint64    // 0 is unknown
	Started     time.Time // of the process; zero is unknown
}

// Sampler gathers samples into windows of steady load. A window that the load moves through would teach nothing: it ends
// there, and the next begins. Set Length; the rest of the zero value is ready. What is open is lost with the Sampler,
// which is at most one window.
type Sampler struct {
	Length time.Duration // 0 is five minutes

	open    Window
	last    time.Time
	samples int
	peak    uint64 // since the last window that was given
}

// defaultLength is the window that the model's constants were found with.
const defaultLength = 5 * time.Minute

// Add takes a sample. It returns a window, and true, when that sample has completed one. A clock that is set back and a restart
// end the open window.
func (s *Sampler) Add(sample Sample) (Window, bool) {
	if s.samples == 0 {
		s.begin(sample)
		return Window{}, false
	}
	most, least := max(s.open.MaxConnections, sample.Connections), min(s.open.MinConnections, sample.Connections)
	restarted := sample.Started.Sub(s.open.Started).Abs() > startSlack
	if sample.Time.Before(s.last) || restarted || sample.Time.Sub(s.open.Start) >= s.length() || !steady(least, most) {
		return s.next(sample)
	}
	s.open.MaxConnections, s.open.MinConnections = most, least
	s.open.MaxMemory = max(s.open.MaxMemory, sample.Memory)
	if sample.Ceiling > 0 {
		s.open.Ceiling = sample.Ceiling
	}
	s.samples++
	s.last = sample.Time
	return Window{}, false
}

// Flush ends the open window.
func (s *Sampler) Flush() (Window, bool) {
	w, complete := s.end()
	s.samples = 0
	return w, complete
}

func (s *Sampler) length() time.Duration {
	if s.Length <= 0 {
		return defaultLength
	}
	return s.Length
}

func (s *Sampler) begin(sample Sample) {
	s.open = Window{
		Start: sample.Time, Started: sample.Started, Ceiling: sample.Ceiling,
		MaxMemory: sample.Memory, MaxConnections: sample.Connections, MinConnections: sample.Connections,
	}
	s.last, s.samples = sample.Time, 1
}

func (s *Sampler) next(sample Sample) (Window, bool) {
	w, complete := s.end()
	if sample.Started.Sub(s.open.Started).Abs() > startSlack {
		s.peak = 0 // of the process before
	}
	s.begin(sample)
	return w, complete
}

// end gives the open window if its samples span at least half of its length. The largest count of one that is not given
// goes into the next.
func (s *Sampler) end() (Window, bool) {
	if s.samples == 0 {
		return Window{}, false
	}
	w := s.open
	s.peak = max(s.peak, w.MaxConnections)
	w.Peak = s.peak
	w.Duration = min(s.last.Sub(w.Start), s.length())
	if w.Duration < s.length()/2 {
		return Window{}, false
	}
	s.peak = 0
	return w, true
}
