package capacity

import (
	"testing"
	"time"
)

func TestSampler(t *testing.T) {
	start := time.Unix(1_750_000_000, 0)
	type reading struct {
		after   time.Duration
		n       uint64
		started time.Time
	}
	steady := func(every time.Duration, counts ...uint64) (r []reading) {
		for _, n := range counts {
			r = append(r, reading{every, n, start})
		}
		return r
	}
	later := start.Add(time.Hour)
	for _, c := range []struct {
		name     string
		readings []reading
		want     []Window
	}{
		{"steady", steady(20*time.Second, 100, 101, 99, 100, 100), []Window{{Duration: time.Minute - 20*time.Second, MaxConnections: 101, MinConnections: 99, Peak: 101}}},
		{"zeros", steady(20*time.Second, 0, 0, 0, 0), []Window{{Duration: 40 * time.Second}}},
		{"load moves after half a window", steady(20*time.Second, 100, 100, 100, 500), []Window{{Duration: 40 * time.Second, MaxConnections: 100, MinConnections: 100, Peak: 100}}},
		{"a short peak goes into the next", steady(20*time.Second, 900, 100, 100, 100, 100), []Window{{Duration: 40 * time.Second, MaxConnections: 100, MinConnections: 100, Peak: 900}}},
		{"clock set back", []reading{{0, 100, start}, {20 * time.Second, 100, start}, {-time.Hour, 100, start}, {20 * time.Second, 100, start}}, nil},
		{"clock set back, and on", []reading{{0, 100, start}, {20 * time.Second, 100, start}, {-30 * time.Second, 100, start}, {20 * time.Second, 100, start}, {20 * time.Second, 100, start}, {20 * time.Second, 100, start}, {20 * time.Second, 100, start}},
			[]Window{{Duration: 40 * time.Second, MaxConnections: 100, MinConnections: 100, Peak: 100}}},
		{"gap", []reading{{0, 100, start}, {20 * time.Second, 100, start}, {time.Hour, 100, start}, {20 * time.Second, 100, start}}, nil},
		{"restart", []reading{{0, 900, start}, {20 * time.Second, 900, start}, {20 * time.Second, 0, later}, {20 * time.Second, 0, later}, {20 * time.Second, 0, later}, {20 * time.Second, 0, later}},
			[]Window{{Duration: 40 * time.Second, Started: later}}},
		{"restart under the same load", []reading{{0, 100, start}, {20 * time.Second, 100, start}, {20 * time.Second, 100, later}, {20 * time.Second, 100, later}, {20 * time.Second, 100, later}, {20 * time.Second, 100, later}},
			[]Window{{Duration: 40 * time.Second, MaxConnections: 100, MinConnections: 100, Peak: 100, Started: later}}},
		{"one sample", steady(0, 100), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Sampler{Length: time.Minute}
			now := start
			var got []Window
			for _, r := range c.readings {
				now = now.Add(r.after)
				if w, complete := s.Add(Sample{Time: now, Connections: r.n, Memory: 1e6, Started: r.started}); complete {
					got = append(got, w)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("windows %+v, want %+v", got, c.want)
			}
			for i, w := range got {
				want := c.want[i]
				want.Start, want.MaxMemory = w.Start, 1e6
				if want.Started.IsZero() {
					want.Started = start
				}
				if w != want {
					t.Errorf("window %+v, want %+v", w, want)
				}
			}
		})
	}
}

// Without a length that can be, a window is of five minutes.
func TestSamplerWithoutLength(t *testing.T) {
	for _, length := range []time.Duration{0, -time.Minute} {
		s := Sampler{Length: length}
		for minute := range 6 {
			w, complete := s.Add(Sample{Time: epoch().Add(time.Duration(minute) * time.Minute), Connections: 7, Memory: 1})
			if complete != (minute == 5) || complete && w.Duration != 4*time.Minute {
				t.Errorf("length %v, minute %d: %+v, %v", length, minute, w, complete)
			}
		}
	}
}

func TestFlush(t *testing.T) {
	s := Sampler{Length: time.Minute}
	if w, complete := s.Flush(); complete {
		t.Errorf("a window of nothing: %+v", w)
	}
	for i := range 3 {
		s.Add(Sample{Time: time.Unix(int64(15*i), 0), Connections: 7, Memory: 1})
	}
	if w, complete := s.Flush(); !complete || w.Duration != 30*time.Second || w.MaxConnections != 7 {
		t.Errorf("window %+v, %v", w, complete)
	}
	if _, complete := s.Flush(); complete {
		t.Error("flushed twice")
	}
}
