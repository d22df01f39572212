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
	needed := raiseAfter
	if e.Active {
		needed = clearAfter
	}
	if e.Steps++; meets == e.Active {
		e.Steps = 0
	}
	if e.Steps >= needed {
		e.Active, e.Steps = meets, 0
	}
	switch {
	case meets:
		e.At = at
	case !e.Active:
		e.At = time.Time{}
	}
	return e
}
