package text

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// traced is what a recording of a ramp to 8,000 says of 12,000.
func traced() status.Forecast {
	return status.Forecast{Connections: 12000, Memory: 961e6, MemoryUpper: 1_050e6, Kernel: 56_400_000, Known: true, BytesPerConnection: 74638, Doubt: 1470,
		Base: 61_600_000, Samples: 492, Windows: 42, Seconds: 1000, LeastSeen: 0, LargestSeen: 8000, Surer: "a larger load: beyond the most that was seen it extrapolates",
		Check: &status.ForecastCheck{LargestSeen: 4000, Known: true, Connections: 8000, Memory: 640e6, MemoryUpper: 700e6, Measured: 628e6}}
}

// running is what the model of a Nakama that runs says.
func running(connections uint64, c *status.Capacity) status.Forecast {
	f := traced()
	f.Connections, f.Unit, f.Samples, f.Seconds, f.LargestSeen, f.Check, f.Capacity, f.Surer = connections, "nakama.service", 0, 90000, 20000, nil, c, ""
	return f
}

func forecasts() map[string]status.Forecast {
	outside := traced()
	outside.Check.Measured = 720e6
	known, unknown, descriptors := knownCapacity(), unknownCapacity(), knownCapacity()
	descriptors.Binding, descriptors.Fits, descriptors.Expected = "descriptors", 9967, 9967
	descriptors.Resources[1].Limit = 10000
	flat := running(12000, &unknown)
	flat.Known, flat.Reason, flat.Windows, flat.LeastSeen, flat.LargestSeen = false, "insufficient variation: connections were between 4000 and 4200 lately, want more than 15 % apart", 12, 4000, 4200
	flat.Surer = "a load that varies: a quiet night and a busy evening, or a load test in steps from idle to the usual peak"
	both := *shared().Sample.Units[0].Capacity
	return map[string]status.Forecast{
		"forecast-trace": traced(), "forecast-outside": outside, "forecast-fits": running(12000, &known), "forecast-does-not-fit": running(30000, &known),
		"forecast-may-fit":     running(24000, &known),
		"forecast-descriptors": running(12000, &descriptors), "forecast-unknown": flat, "forecast-shared": running(12000, &both),
		"forecast-no-daemon": running(12000, nil),
		"forecast-nothing": {Connections: 5, Memory: 100e6, MemoryUpper: 167e7, Kernel: 23500, Reason: "no steady load was seen yet", Samples: 1,
			Surer: "a load that stays for the length of a window, at several levels: what moves all the time teaches only its peak"},
	}
}

func TestForecasts(t *testing.T) {
	for name, f := range forecasts() {
		for _, width := range []int{60, 80, 200} {
			t.Run(fmt.Sprintf("%s/%d", name, width), func(t *testing.T) {
				var b strings.Builder
				if err := Forecast(&b, Style{Width: width}, f); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("%s-%d.golden", name, width), b.String())
				checkFits(t, b.String(), width)
			})
		}
	}
}
