package application

import (
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestCeiling(t *testing.T) {
	app, err := nakama(t, read(t, "nakama.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const files = 51e6
	got, known := Ceiling(app, files)
	want := uint64(17453914 + 3014656 + 200320 + 4592 + 1457713 + 3749104 + 698975 + files)
	if !known || got != want {
		t.Errorf("ceiling %d, %v; want %d", got, known, want)
	}
	if resident := uint64(app.Values["process_resident_memory_bytes"]); got < resident {
		t.Errorf("ceiling %d is below the %d that are resident", got, resident)
	}
	for _, missing := range []string{nextGC, stackInUse} {
		values := map[string]float64{nextGC: 1, stackInUse: 1}
		delete(values, missing)
		if _, known := Ceiling(status.Application{Values: values}, files); known {
			t.Errorf("a ceiling without %s", missing)
		}
	}
	if _, known := Ceiling(app, 1<<60); known {
		t.Error("a ceiling with absurd pages of files")
	}
}

func TestConnectionsWithoutSession(t *testing.T) {
	hundred := uint64(100)
	app := status.Application{Time: instant(), Sessions: &hundred}
	for _, test := range []struct {
		connections uint64
		later       time.Duration
		app         status.Application
		want        uint64
		known       bool
	}{
		{130, 0, app, 30, true},
		{130, gaugeAge, app, 30, true},
		{130, -gaugeAge, app, 30, true},
		{90, 0, app, 0, true},
		{130, gaugeAge + 1, app, 0, false},
		{130, -gaugeAge - 1, app, 0, false},
		{130, 0, status.Application{Time: instant()}, 0, false},
	} {
		got, known := ConnectionsWithoutSession(test.connections, instant().Add(test.later), test.app)
		if got != test.want || known != test.known {
			t.Errorf("%d connections %s later: %d, %v; want %d, %v", test.connections, test.later, got, known, test.want, test.known)
		}
	}
}
