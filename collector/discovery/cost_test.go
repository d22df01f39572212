package discovery

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// BenchmarkFind is a look at a host with 300 processes, a Nakama in a container and a database. The budget is 5 ms.
func BenchmarkFind(b *testing.B) {
	crowd(b)
	game := lab.Namespace(b)
	server{name: "nakama", listen: "[::]:7350 [::]:7351"}.start(b, game)
	server{name: "cockroach", listen: "[::]:26257 [::]:8080"}.start(b, nil)
	f := New(Options{})
	for b.Loop() {
		if found, problems, err := f.Find(b.Context()); err != nil || len(problems) > 0 || len(found) != 2 {
			b.Fatalf("%v, %q, %v", found, problems, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/look")
}

// BenchmarkHeldByOther is who holds the ports of such a host, where one is held by another.
func BenchmarkHeldByOther(b *testing.B) {
	crowd(b)
	server{name: "jenkins", listen: "[::]:8080"}.start(b, nil)
	f := New(Options{})
	for b.Loop() {
		if found, problems, err := f.HeldByOther(b.Context(), guardedPorts()); err != nil || len(problems) > 0 || len(found) != 1 {
			b.Fatalf("%v, %q, %v", found, problems, err)
		}
	}
}

// crowd starts many processes and waits until they run.
func crowd(b *testing.B) {
	b.Helper()
	cmd := exec.Command("/bin/sh", "-c", "i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; echo; wait")
	output, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	h := lab.Namespace(b) // ends all of them with the first
	begin(b, cmd, h)
	if _, err := output.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
}

// A look at a process that is known does not walk its descriptors, which a Nakama has by the ten thousand.
func TestDescriptorsAreWalkedOnce(t *testing.T) {
	f := newTree(t)
	f.network("game", line(7350, 11)+line(80, 12))
	dir := f.process(20, "nakama", "game", 11)
	finder := f.finder()
	one(t, finder)
	f.link(dir+"fd/9", "socket:[12]") // another walk would see it
	if got := one(t, finder); !slices.Equal(got.Listens, []uint16{7350}) {
		t.Errorf("listens on %v: the descriptors were walked again", got.Listens)
	}
	f.file("networks/game/tcp", tableHeading+line(7351, 13)+line(7350, 11))
	f.link(dir+"fd/10", "socket:[13]")
	if got := one(t, finder); !slices.Equal(got.Listens, []uint16{7350, 7351}) {
		t.Errorf("listens on %v; want what was opened since too", got.Listens)
	}
	if holds := finder.known[20].holds; len(holds) != 2 {
		t.Errorf("%d listeners are remembered; want the 2 that are there", len(holds))
	}
}
