package collector

import (
	"testing"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
)

// The curve that is told is the one by which it was judged: its bound meets what the kernel leaves of the limit where it says.
func TestTheCurveMeetsTheLimit(t *testing.T) {
	s := newScene(nil, onHost("nakama"))
	s.host(8e9, 0)
	if c := s.capacity(0); c.Curve != nil {
		t.Errorf("%v; want no curve before anything is known", c.Curve)
	}
	s.climb(16)
	s.host(8e9, 0)
	c := s.capacity(0)
	memory := c.Resources[0]
	for i := 1; i < len(c.Curve); i++ {
		a, b := c.Curve[i-1], c.Curve[i]
		if a.Connections >= b.Connections || b.Upper < b.Expected || b.Expected < a.Expected {
			t.Fatalf("%+v, then %+v", a, b)
		}
		if a.Connections <= memory.Fits && memory.Fits < b.Connections {
			part := float64(memory.Fits-a.Connections) / float64(b.Connections-a.Connections)
			upper := float64(a.Upper) + part*(float64(b.Upper)-float64(a.Upper))
			near(t, "the bound where it meets the limit", upper+float64(c.KernelPerConnection*memory.Fits), float64(memory.Limit), 0.005)
		}
	}
	if last := c.Curve[len(c.Curve)-1]; c.Curve[0].Connections != 0 || last.Connections < c.Expected {
		t.Errorf("from %d to %d connections; want from none to beyond %d", c.Curve[0].Connections, last.Connections, c.Expected)
	}
}

func TestCurveOfNothing(t *testing.T) {
	if got := curveOf(capacity.Model{}, 0); len(got) != curveSteps+1 || got[0].Connections >= got[curveSteps].Connections {
		t.Errorf("%v; want %d points, ascending", got, curveSteps+1)
	}
}
