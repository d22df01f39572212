package enforcer

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/paths"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// costlyLook is what a look takes on a busy host.
const costlyLook = 100 * time.Millisecond

// lookRig counts looks, each of which takes its time and finds one alias more.
func lookRig(t *testing.T, body func(r *rig, looks func() int64)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var looks atomic.Int64
		r.o.Look = func(context.Context, []paths.Guarded) (paths.Found, error) {
			<-time.After(costlyLook)
			looks.Add(1)
			return paths.Found{Aliases: []paths.Alias{{Port: 17351, Protocol: policy.TCP, Service: "nakama-console", Seen: true}}}, nil
		}
		r.run()
		r.apply(wishFor(t, opsOld))
		body(r, looks.Load)
		r.end()
		<-r.ended
	})
}

func (r *rig) changeAround() {
	r.table.events <- kernel.Event{Time: time.Now(), Around: true}
	synctest.Wait()
}

func TestAChangeAroundIsLookedAtSoon(t *testing.T) {
	lookRig(t, func(r *rig, looks func() int64) {
		for n := range 3 {
			before := looks()
			r.changeAround()
			pass(aroundAtMost + costlyLook)
			if looks() == before {
				t.Errorf("change %d was not looked at", n)
			}
			pass(time.Second)
		}
	})
}

func TestChangesWithoutEndTakeNoMoreThanTheirShare(t *testing.T) {
	lookRig(t, func(r *rig, looks func() int64) {
		before, began := looks(), time.Now()
		for time.Since(began) < 10*time.Minute {
			r.changeAround()
			pass(50 * time.Millisecond)
		}
		took, share := time.Since(began), aroundShare
		most := int64(float64(took+aroundBurst)*share/float64(costlyLook)) + int64(took/verifyAtLeast) + 2
		if n := looks() - before; n > most || n < most/2 {
			t.Errorf("%d looks in %s; want at most %d, and not much fewer", n, took, most)
		}
	})
}
