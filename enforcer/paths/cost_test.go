package paths

import (
	"os/exec"
	"testing"
	"time"
)

const manyProcesses = 300

// BenchmarkLook is a host with 300 processes, a listener of its own, two containers and their published ports. The
// budget is 20 ms; the cost grows with processes, links and NAT rules.
func BenchmarkLook(b *testing.B) {
	h := newHost(b)
	crowd(b, func(cmd *exec.Cmd) error { _, err := h.Start(cmd); return err })
	game, web := container(b, h, "game"), container(b, h, "web")
	start(b, h, "cockroach", "[::]:8080")
	start(b, game, "nakama", "[::]:7350 [::]:7351")
	start(b, web, "nginx", "[::]:8080")
	publish(b, h, 7350, game, 7350)
	publish(b, h, 17351, game, 7351)
	publish(b, h, 80, web, 8080)
	o := Options{NetNS: h.NetNS(), Root: b.TempDir()}
	for b.Loop() {
		found, err := Look(b.Context(), o, guarded())
		if err != nil || len(found.Aliases) != 4 {
			b.Fatalf("%v, %v; want 4 aliases", aliases(found), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/look")
}

// crowd starts many processes and waits until they run.
func crowd(t testing.TB, begin func(*exec.Cmd) error) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; echo; wait")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := begin(cmd); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	all, err := readProcesses("/proc")
	if err != nil || len(all) < manyProcesses {
		t.Fatalf("%d processes, %v; want at least %d", len(all), err, manyProcesses)
	}
}
