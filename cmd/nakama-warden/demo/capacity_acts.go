package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"

	"github.com/nakama-warden/nakama-warden/status"
)

// tolerance is how far from the truth an estimate may be.
const tolerance = 0.10

// flat shows that one load teaches nothing of another.
func (c *Capacity) flat(ctx context.Context) error {
	if err := c.startServer(descriptors); err != nil {
		return err
	}
	if err := c.crowd.grow(ctx, flatLoad); err != nil { // before the daemon comes: it must not see a change
		return err
	}
	if err := c.startDaemon(ctx); err != nil {
		return err
	}
	v, err := c.awaitView(ctx, "a window of steady load", func(v view) bool {
		return v.capacity.Known || strings.Contains(v.known(), "variation")
	})
	if err != nil {
		return err
	}
	if free := min(v.unit.Memory.Limit, v.machine.MemoryAvailable); free < freeMemory {
		return fmt.Errorf("the server takes up to half of %s, and %s are free: try where there is more", megabytes(freeMemory), megabytes(float64(free)))
	}
	c.expect("connections, as the daemon counts them", fmt.Sprint(flatLoad), fmt.Sprint(v.connections()))
	c.check(Check{Name: "how many fit", Expected: "not known", Seen: v.known(), Held: !v.capacity.Known})
	return nil
}

// rise shows how what is learnt comes to the truth as the load varies.
func (c *Capacity) rise(ctx context.Context) error {
	c.say("%19s  %9s  %19s  %9s  %s", "connections", "memory", "for each", "fit, 90 %", "of all that binds,")
	c.say("%9s %9s  %9s  %9s %9s  %9s  %s", "daemon", "real", "real", "daemon", "real", "in memory", "90 % and expected")
	var last view
	for _, n := range append([]uint64{flatLoad}, ramp()...) {
		if err := c.crowd.grow(ctx, n); err != nil {
			return err
		}
		v, err := c.learn(ctx)
		if err != nil {
			return err
		}
		c.say("%9d %9d  %9s  %9s %9s  %9d  %s", v.connections(), n, megabytes(float64(c.really[n])),
			kilobytes(v.capacity.BytesPerConnection), kilobytes(c.forEach(n)), v.inMemory.Fits, v.verdict())
		last = v
	}
	// A late second can have cost a window. If it is not known in a while, the check below says so.
	if v, err := c.awaitView(ctx, known, func(v view) bool { return v.capacity.Known }); err == nil {
		last = v
	}
	c.expect("connections, as the daemon counts them", fmt.Sprint(mostLearnt), fmt.Sprint(last.connections()))
	c.expect("how many fit", known, last.known())
	c.checkNear("memory for each connection", last.capacity.BytesPerConnection, c.forEach(mostLearnt), kilobytes)
	return nil
}

// learn waits until the daemon has learnt from the present load.
func (c *Capacity) learn(ctx context.Context) (view, error) {
	n := c.crowd.size()
	if _, err := c.awaitCount(ctx); err != nil {
		return view{}, err
	}
	if _, err := c.awaitModel(ctx, fmt.Sprintf("%d connections", n), func(f status.Forecast) bool { return f.LargestSeen >= n }); err != nil {
		return view{}, err
	}
	if err := c.measure(); err != nil {
		return view{}, err
	}
	return c.look(ctx)
}

// foretell shows what is said of loads that were never seen, and then the loads.
func (c *Capacity) foretell(ctx context.Context) error {
	loads := []uint64{halfMore, threeTimes}
	var said []status.Forecast
	for _, n := range loads {
		f, err := c.forecast(ctx, n)
		if err != nil {
			return err
		}
		c.say("forecast --connections %d: %s, and with 90 %% certainty less than %s", n, megabytes(float64(f.Memory)), megabytes(float64(f.MemoryUpper)))
		said = append(said, f)
	}
	for i, n := range loads {
		if err := c.crowd.grow(ctx, n); err != nil {
			return err
		}
		if _, err := c.awaitCount(ctx); err != nil {
			return err
		}
		if err := c.measure(); err != nil {
			return err
		}
		c.checkForecast(said[i], fmt.Sprintf("%.1f times what it had seen", float64(n)/mostLearnt))
	}
	return nil
}

// checkForecast holds what was said of a load to what was seen there.
func (c *Capacity) checkForecast(f status.Forecast, what string) {
	truth := c.really[f.Connections]
	c.checkNear(fmt.Sprintf("%d connections, %s", f.Connections, what), float64(f.Memory), float64(truth), megabytes)
	bound := float64(f.MemoryUpper) / float64(truth)
	seen := fmt.Sprintf("%s: %.2f ×", megabytes(float64(f.MemoryUpper)), bound)
	if !f.Known {
		seen = "not known: " + f.Reason
	}
	c.check(Check{Name: "its bound", Expected: "1 to 1.5 × the truth", Seen: seen, Held: f.Known && bound >= 1 && bound <= 1.5})
}

// disconnect shows that memory which is not given back is not taken for the cost of those who stayed.
func (c *Capacity) disconnect(ctx context.Context) error {
	c.crowd.shrink(stragglers)
	if _, err := c.awaitCount(ctx); err != nil {
		return err
	}
	for range 2 { // the first may still be of the load before
		if _, err := c.awaitWindow(ctx); err != nil {
			return err
		}
	}
	v, err := c.look(ctx)
	if err != nil {
		return err
	}
	kept, err := c.memory()
	if err != nil {
		return err
	}
	naive := float64(kept) / stragglers
	c.say("%d connections are left, and the server still has %s. Dividing one by the other says %s for each connection:",
		stragglers, megabytes(float64(kept)), kilobytes(naive))
	c.say("%s for %d connections, which took %s. The daemon says:", megabytes(naive*threeTimes), threeTimes, megabytes(float64(c.really[threeTimes])))
	f, err := c.forecast(ctx, threeTimes)
	if err != nil {
		return err
	}
	c.checkForecast(f, "asked now")
	if at := v.capacity.Exhaustion; at != nil {
		return fmt.Errorf("with %d connections left, memory is foretold to run out at %s", stragglers, at)
	}
	c.say("Exhaustion is not foretold. That is judged every five minutes and told after three of them: this demo is too short to prove it.")
	return nil
}

// fill shows what else connections use up, and that it is counted to the last one.
func (c *Capacity) fill(ctx context.Context) error {
	v, err := c.look(ctx)
	if err != nil {
		return err
	}
	c.say("%d connections fit, bound by %s: the server may open %d. In memory alone %d would.", v.capacity.Fits, v.capacity.Binding, descriptors, v.inMemory.Fits)
	c.expect("how many fit, and what binds", known+", descriptors", v.known()+", "+v.capacity.Binding)
	if err := c.crowd.grow(ctx, 2*descriptors); !errors.Is(err, errFull) {
		return fmt.Errorf("the server took %d connections: %w", c.crowd.size(), err)
	}
	fits, took := v.capacity.Fits, c.crowd.size()
	c.check(Check{Name: "connections until it turns them away", Expected: fmt.Sprintf("%d, give or take 1 %%", fits), Seen: fmt.Sprint(took),
		Held: off(float64(fits), float64(took)) <= 0.01})
	return nil
}

// restart shows that what was learnt outlives the daemon.
func (c *Capacity) restart(ctx context.Context) error {
	if _, err := c.awaitCount(ctx); err != nil {
		return err
	}
	before, err := c.model(ctx, threeTimes)
	if err != nil {
		return err
	}
	if err := c.daemon.process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := c.daemon.process.Wait(); err != nil {
		return fmt.Errorf("the daemon ended: %w\n%s", err, c.daemon.lastWords())
	}
	stored, err := c.forecast(ctx, threeTimes)
	c.checkSame("as stored, read without a daemon", stored, err, before)
	if err := c.startDaemon(ctx); err != nil {
		return err
	}
	after, err := c.awaitModel(ctx, "the server", func(status.Forecast) bool { return true })
	c.checkSame("as it says when it runs again", after, err, before)
	return nil
}

// checkSame holds an answer, or the error in its place, to the one before the restart. A window may lie between them.
func (c *Capacity) checkSame(name string, now status.Forecast, err error, before status.Forecast) {
	seen := answer(now)
	if err != nil {
		seen = err.Error()
	}
	c.check(Check{Name: fmt.Sprintf("%d connections, %s", before.Connections, name), Expected: answer(before), Seen: seen,
		Held: err == nil && now.Known == before.Known && off(float64(now.Memory), float64(before.Memory)) <= 0.02})
}

// answer is a forecast in short.
func answer(f status.Forecast) string {
	if !f.Known {
		return megabytes(float64(f.Memory)) + ", not known"
	}
	return megabytes(float64(f.Memory)) + ", " + known
}

// checkNear holds an estimate to the truth.
func (c *Capacity) checkNear(name string, said, truth float64, unit func(float64) string) {
	c.check(Check{Name: name, Expected: fmt.Sprintf("within %.0f %%", 100*tolerance),
		Seen: fmt.Sprintf("%s, real %s: %+.1f %%", unit(said), unit(truth), 100*(said/truth-1)), Held: off(said, truth) <= tolerance})
}

// off is how far an estimate is from the truth, as a part of it.
func off(said, truth float64) float64 { return math.Abs(said/truth - 1) }

func megabytes(bytes float64) string { return fmt.Sprintf("%.0f MB", bytes/1e6) }
func kilobytes(bytes float64) string { return fmt.Sprintf("%.1f KB", bytes/1e3) }
