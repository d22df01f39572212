package capacity

import "time"

// Exhaustion is whether memory is forecast to run out (MemoryExhaustionForecast), with the hysteresis that keeps it from
// flapping: three steps in a row raise it, six clear it. It is a value; the zero value is ready.
type Exhaustion struct {
	Active bool      `json:"active"`
	At     time.Time `json:"at,omitzero"` // when, as of the last step that met the capacity
	Steps  int       `json:"steps"`       // in a row that say otherwise than Active
}

const (
	raiseAfter = 3
	clearAfter = 6
)

// Step judges one completed bin of the forecast against a capacity. What is not known is not forecast.
func (e Exhaustion) Step(f Forecast, capacity Resource) Exhaustion {
	at, meets := f.Meets(capacity.Fits)
	meets = meets && capacity.Known
	if meets {
		e.At = at
	}
	if meets == e.Active {
		e.Steps = 0
		return e
	}
	e.Steps++
	if needed := map[bool]int{false: raiseAfter, true: clearAfter}[e.Active]; e.Steps >= needed {
		e = Exhaustion{Active: meets, At: e.At}
	}
	if !e.Active && !meets {
		e.At = time.Time{}
	}
	return e
}
