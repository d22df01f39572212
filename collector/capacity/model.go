package capacity

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Window is what was seen of one process over a stretch of steady load, by default five minutes. Counts and memory are
// read together.
type Window struct {
	Start          time.Time
	Duration       time.Duration
	MaxMemory      uint64 // bytes
	MaxConnections uint64
	MinConnections uint64
	Peak           uint64    // the largest count since the window before, also of what was too unsteady to be a window
	Ceiling        uint64    // what the present load may lift the memory to, in bytes; 0 is unknown
	Started        time.Time // when the process started; zero is unknown
}

// Model is what was learnt of one process' memory. It is a value: Observe returns the next one. The zero value knows
// only the prior, and says so.
type Model struct {
	Day     estimator `json:"day"`      // half-life of a day, with the leak
	HalfDay estimator `json:"half_day"` // half-life of twelve hours, without: quicker where the load's mix changes
	Process process   `json:"process"`
	Seen    seen      `json:"seen"`
}

// process is what began with the process and ends with it.
type process struct {
	Started time.Time `json:"started,omitzero"`
	Age     float64   `json:"age"`  // days
	Peak    float64   `json:"peak"` // p, fading
	// Ceiling is the last known ceiling of a load near the peak. Below it the ceiling still is that of the load before.
	Ceiling point `json:"ceiling,omitzero"`
}

// point is a load and the memory that goes with it, in the units of the regression.
type point struct {
	Connections float64 `json:"connections"`
	Memory      float64 `json:"memory"`
}

const (
	dayHalfLife     = 24 * time.Hour
	halfDayHalfLife = 12 * time.Hour

	// peakHalfLife lets p come down to the load, as the memory does that is given back within hours. A p that stayed would
	// be as good as constant after days, and then (p−n) tells no more than n: neither could be known.
	peakHalfLife = 4 * time.Hour

	// nearTop is the part of the largest load from where windows tell of what happens at the top.
	nearTop = 0.8
	// plausibleConnections and plausibleMemory (a petabyte) bound what is believed; far beyond any host, far below overflow.
	plausibleConnections = 1e9
	plausibleMemory      = 1e15
	// startSlack is how far two readings of one start may be apart: the kernel tells it relative to boot.
	startSlack = 10 * time.Second
)

// Observe learns from a window. One through which the load moved teaches only what the peak was: its memory and its count
// are not of the same moment.
func (m Model) Observe(w Window) Model {
	if !w.plausible() {
		return m
	}
	m.follow(w)
	if !w.steady() {
		return m
	}
	n, y := float64(w.MaxConnections), float64(w.MaxMemory)/bytesUnit
	m.Seen.observe(n, y, w.Duration)
	if n > nearTop*m.Process.Peak && w.Ceiling > 0 {
		m.Process.Ceiling = point{n, float64(w.Ceiling) / bytesUnit}
	}
	atTop := n > nearTop*m.Seen.most()
	x := vector{base: 1, slope: n / connectionsUnit, unreturned: (m.Process.Peak - n) / connectionsUnit, leak: m.Process.Age}
	m.Day.observe(x, y, w.Duration, dayHalfLife, atTop)
	x[leak] = 0
	m.HalfDay.observe(x, y, w.Duration, halfDayHalfLife, atTop)
	return m
}

// At tells the memory at n connections, in bytes: what is expected, and what it stays below with 90 %.
func (m Model) At(n float64) (mean, upper float64) {
	if !(n > 0) {
		n = 0
	}
	c := m.curve()
	return c.at(min(n, plausibleConnections))
}

// Known says whether the model may be trusted, and where not, why.
func (m Model) Known() (bool, string) {
	if m.Day.Windows == 0 {
		return false, "no steady load was seen yet"
	}
	least, most := m.Seen.least(), m.Seen.most()
	if most-least <= 0.15*most || most == 0 {
		return false, fmt.Sprintf("insufficient variation: connections were between %.0f and %.0f lately, want more than 15 %% apart", least, most)
	}
	known := m.Day.solve()
	perConnection := known.theta[slope]
	if perConnection <= 0 {
		return false, "memory does not rise with connections"
	}
	doubt := math.Sqrt(inflation*known.factor.quadratic(vector{slope: 1})) / perConnection
	if doubt >= 0.25 {
		return false, fmt.Sprintf("memory per connection is uncertain by %.0f %%, want less than 25 %%: more load, or more variation of it, tells", min(100*doubt, 999))
	}
	return true, ""
}

// BytesPerConnection is the slope; it may be negative while the model is not known.
func (m Model) BytesPerConnection() float64 {
	return m.Day.solve().theta[slope] * bytesUnit / connectionsUnit
}

// Base is the memory without a connection, in bytes, at the process' present age.
func (m Model) Base() float64 {
	theta := m.Day.solve().theta
	return max(0, theta[base]+theta[leak]*m.Process.Age) * bytesUnit
}

// LargestSeen is the most connections of the last day or two: beyond it the model extrapolates.
func (m Model) LargestSeen() uint64 { return uint64(m.Seen.most()) }

// UnmarshalJSON reads a model; one with numbers that cannot be is an error.
func (m *Model) UnmarshalJSON(data []byte) error {
	type plain Model
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("read capacity model: %w", err)
	}
	if problem := Model(read).problem(); problem != "" {
		return fmt.Errorf("read capacity model: %s", problem)
	}
	*m = Model(read)
	return nil
}

// follow keeps what began with the process.
func (m *Model) follow(w Window) {
	if started := m.Process.Started; w.Started.Sub(started) > startSlack && !started.IsZero() {
		m.Day.restarted()
		m.HalfDay.restarted()
		m.Process = process{}
	}
	if !w.Started.IsZero() {
		m.Process.Started = w.Started
		// Ten years bound a clock that is far off.
		m.Process.Age = min(max(0, w.Start.Sub(w.Started).Hours()/24), 3650)
	}
	n := float64(w.MaxConnections)
	fading := n + (m.Process.Peak-n)*math.Exp2(-float64(w.Duration)/float64(peakHalfLife))
	m.Process.Peak = max(fading, n, float64(w.Peak))
}

func (w Window) plausible() bool {
	return w.Duration > 0 && w.Duration <= 24*time.Hour && w.MinConnections <= w.MaxConnections && w.Ceiling <= plausibleMemory &&
		w.MaxConnections <= plausibleConnections && w.Peak <= plausibleConnections && w.MaxMemory > 0 && w.MaxMemory <= plausibleMemory
}

// steady is whether count and memory belong together. 20 connections are noise however few there are.
func (w Window) steady() bool {
	return steady(w.MinConnections, w.MaxConnections)
}

func steady(least, most uint64) bool {
	return float64(most-least) <= 0.15*float64(most)+20
}

// problem is why a model cannot be; "" if it can.
func (m Model) problem() string {
	for _, n := range []float64{m.Process.Peak, m.Process.Age, m.Process.Ceiling.Connections, m.Seen.Today.Least, m.Seen.Today.Most,
		m.Seen.Yesterday.Least, m.Seen.Yesterday.Most, m.Seen.Top.Connections} {
		if n < 0 || n > plausibleConnections {
			return fmt.Sprintf("%g connections or days: want 0 to %g", n, float64(plausibleConnections))
		}
	}
	for _, y := range []float64{m.Process.Ceiling.Memory, m.Seen.Top.Memory} {
		if y < 0 || y > plausibleMemory/bytesUnit {
			return fmt.Sprintf("%g GB of memory: want 0 to %g", y, plausibleMemory/bytesUnit)
		}
	}
	if m.Seen.Elapsed < 0 {
		return "its day is of negative length"
	}
	return ""
}
