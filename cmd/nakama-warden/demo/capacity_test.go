package demo

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// startCapacity makes the hosts of a demo whose server is this test binary.
func startCapacity(t *testing.T, audience Audience) *Capacity {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := StartCapacity(Options{Program: program, Serve: []string{serveWord}, Dir: t.TempDir()}, audience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	c.over = t.Context().Err
	return c
}

func TestTheServerHoldsMemoryForEachConnectionAndKeepsIt(t *testing.T) {
	c := startCapacity(t, &recorder{})
	if err := c.startServer(1000); err != nil {
		t.Fatal(err)
	}
	const players = 400
	if err := c.crowd.grow(t.Context(), players); err != nil {
		t.Fatal(err)
	}
	if err := c.measure(); err != nil {
		t.Fatal(err)
	}
	// The race detector remembers much of each goroutine: up to twice the block.
	if each := c.forEach(players); each < leastBlock || each > 3*mostBlock {
		t.Errorf("%.0f bytes a connection; want a block for each, and little beside", each)
	}
	c.crowd.shrink(0)
	if err := c.crowd.grow(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	kept, err := c.memory()
	if err != nil {
		t.Fatal(err)
	}
	if kept < c.really[players]*95/100 {
		t.Errorf("%d bytes after all have gone, %d before; want it kept", kept, c.really[players])
	}
	if err := c.crowd.grow(t.Context(), players); err != nil {
		t.Fatal(err)
	}
	if again, err := c.memory(); err != nil || off(float64(again), float64(c.really[players])) > 0.1 {
		t.Errorf("%d bytes when all have come again, %v; want about the %d of the first time", again, err, c.really[players])
	}
}

func TestTheServerTurnsAwayWhomItHasNoDescriptorFor(t *testing.T) {
	c := startCapacity(t, &recorder{})
	if err := c.startServer(60); err != nil {
		t.Fatal(err)
	}
	if err := c.crowd.grow(t.Context(), 60); !errors.Is(err, errFull) {
		t.Fatalf("%v; want that it is full", err)
	}
	full := c.crowd.size()
	if full < 40 || full > 58 { // a Go program has about seven descriptors of its own
		t.Errorf("it took %d connections with 60 descriptors", full)
	}
	c.crowd.shrink(full - 5)
	if !await(t.Context(), readyLimit, func() bool { return c.crowd.grow(t.Context(), full) == nil }) {
		t.Errorf("it takes %d connections after five have gone; want %d again", c.crowd.size(), full)
	}
}

func TestWithoutAServerTheDemoEnds(t *testing.T) {
	var told recorder
	c, err := StartCapacity(Options{Program: "/bin/false", Dir: t.TempDir()}, &told)
	if err != nil {
		t.Fatal(err)
	}
	summary := c.Play(t.Context())
	if summary.OK() || !strings.Contains(summary.Problem, "the server ended: exit status 1") || len(told.checks) > 0 {
		t.Errorf("%+v, checks %+v; want the server's end as the problem, and no check", summary, told.checks)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestWithoutADaemonNothingIsClaimed(t *testing.T) {
	c := startCapacity(t, &recorder{})
	c.daemon.program = "/bin/false"
	summary := c.Play(t.Context())
	if summary.OK() || !strings.Contains(summary.Problem, "the daemon ended: exit status 1") || summary.Checks != 0 {
		t.Errorf("%+v; want the daemon's end as the problem, and no check", summary)
	}
}

func TestAForecastIsHeldToTheTruth(t *testing.T) {
	const truth = 500e6
	for name, tt := range map[string]struct {
		said          status.Forecast
		memory, bound bool
	}{
		"right":                {status.Forecast{Memory: 505e6, MemoryUpper: 560e6, Known: true}, true, true},
		"too much":             {status.Forecast{Memory: 560e6, MemoryUpper: 700e6, Known: true}, false, true},
		"too little":           {status.Forecast{Memory: 440e6, MemoryUpper: 560e6, Known: true}, false, true},
		"beyond its bound":     {status.Forecast{Memory: 480e6, MemoryUpper: 490e6, Known: true}, true, false},
		"a bound of no use":    {status.Forecast{Memory: 505e6, MemoryUpper: 900e6, Known: true}, true, false},
		"right, but not known": {status.Forecast{Memory: 505e6, MemoryUpper: 560e6}, true, false},
		"nothing":              {status.Forecast{}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var told recorder
			c := Capacity{stage: newStage(&told), really: map[uint64]uint64{6000: truth}}
			c.over = t.Context().Err
			tt.said.Connections = 6000
			c.checkForecast(tt.said, "in a test")
			if len(told.checks) != 2 || told.checks[0].Held != tt.memory || told.checks[1].Held != tt.bound {
				t.Errorf("%+v; want held: %t and %t", told.checks, tt.memory, tt.bound)
			}
		})
	}
}

func TestWhatWasLearntMustOutliveTheDaemon(t *testing.T) {
	before := status.Forecast{Memory: 500e6, Known: true}
	for name, tt := range map[string]struct {
		now  status.Forecast
		err  error
		held bool
	}{
		"the same":           {before, nil, true},
		"one window later":   {status.Forecast{Memory: 502e6, Known: true}, nil, true},
		"learnt anew":        {status.Forecast{Memory: 460e6, Known: true}, nil, false},
		"not known any more": {status.Forecast{Memory: 500e6}, nil, false},
		"no answer":          {before, errors.New("nothing was learnt yet"), false},
	} {
		t.Run(name, func(t *testing.T) {
			var told recorder
			c := Capacity{stage: newStage(&told)}
			c.over = t.Context().Err
			c.checkSame("in a test", tt.now, tt.err, before)
			if len(told.checks) != 1 || told.checks[0].Held != tt.held {
				t.Errorf("%+v; want held: %t", told.checks, tt.held)
			}
		})
	}
}
