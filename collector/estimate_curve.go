package collector

import (
	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/status"
)

// curveSteps is how finely a model is told. It is nearly straight, and the bound bends gently.
const curveSteps = 16

// curveOf tells a model from no connection to a quarter more than a number of them.
func curveOf(m capacity.Model, most uint64) []status.CurvePoint {
	points := make([]status.CurvePoint, 0, curveSteps+1)
	last := max(most+most/4, curveSteps)
	for i := range uint64(curveSteps + 1) {
		n := last / curveSteps * i
		expected, upper := m.At(float64(n))
		points = append(points, status.CurvePoint{Connections: n, Expected: uint64(max(0, expected)), Upper: uint64(max(0, upper))})
	}
	return points
}
