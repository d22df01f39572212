package agent

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector"
)

func TestKnownUnitsAreStoredAtTheEnd(t *testing.T) {
	d := newDaemon(t, goodConfig)
	if known := d.storedKnown(); known != nil {
		t.Errorf("%+v are known of an empty store", known)
	}
	want := collector.Known{Name: "nakama.service", Role: "nakama", Ports: []uint16{7350}, Served: time.Unix(1_000_000, 0).UTC(),
		Processes: []collector.Process{{PID: 20, StartTicks: 2000}}}
	d.collector = collector.New(collector.Options{Known: []collector.Known{want}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.learn(ctx)
	got := d.storedKnown()
	if len(got) != 1 || got[0].Name != want.Name || got[0].Role != want.Role || !got[0].Served.Equal(want.Served) ||
		!slices.Equal(got[0].Ports, want.Ports) || !slices.Equal(got[0].Processes, want.Processes) {
		t.Errorf("%+v; want %+v", got, want)
	}
}

func TestWhatIsStoredOfAnotherShapeIsNoKnownUnit(t *testing.T) {
	d := newDaemon(t, goodConfig)
	if err := d.store.Put(policyBucket, knownKey, "nonsense"); err != nil {
		t.Fatal(err)
	}
	if known := d.storedKnown(); known != nil {
		t.Errorf("%+v", known)
	}
}
