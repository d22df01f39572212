package discovery

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

func TestHeldByOther(t *testing.T) {
	f := New(Options{})
	held := func(want ...Holder) {
		t.Helper()
		got, problems, err := f.HeldByOther(t.Context(), guardedPorts())
		if err != nil || len(problems) > 0 || !slices.Equal(got, want) {
			t.Errorf("got %v, %q, %v; want %v", got, problems, err, want)
		}
	}
	held()
	server{name: "nakama", listen: "[::]:7350"}.start(t, nil)
	server{name: "nginx", listen: "[::]:8080"}.start(t, lab.Namespace(t)) // not on this network
	server{name: "anything", listen: "[::]:9735"}.start(t, nil)
	server{name: "docker-proxy", listen: "[::]:7351"}.start(t, nil)
	held()
	squatter := server{name: "jenkins", listen: "127.0.0.1:8080"}.start(t, nil)
	held(Holder{"cockroachdb-http", 8080, "jenkins", squatter.pid})
	held(Holder{"cockroachdb-http", 8080, "jenkins", squatter.pid})
	squatter.kill()
	held()
	server{name: "cockroach", listen: "127.0.0.1:8080"}.start(t, nil)
	held()
}

// As long as nothing changes, no descriptor is looked at: they may be very many.
func TestHolderIsRemembered(t *testing.T) {
	f := newTree(t)
	f.file("networks/own/tcp", tableHeading+line(8080, 11))
	f.process(20, "jenkins", "own", 11)
	finder := f.finder()
	want := []Holder{{"cockroachdb-http", 8080, "jenkins", 20}}
	for range 2 {
		got, problems, err := finder.HeldByOther(t.Context(), guardedPorts())
		if err != nil || len(problems) > 0 || !slices.Equal(got, want) {
			t.Fatalf("got %v, %q, %v; want %v", got, problems, err, want)
		}
		f.file("20/comm", "renamed\n") // would be seen by another walk
	}
	f.file("20/stat", statLine(20, "renamed", 5))
	if got, _, _ := finder.HeldByOther(t.Context(), guardedPorts()); len(got) != 1 || got[0].Program != "renamed" {
		t.Errorf("another process with its number: %v", got)
	}
}

func TestHolderNobodySees(t *testing.T) {
	f := newTree(t)
	f.file("networks/own/tcp", tableHeading+line(8080, 11))
	finder := f.finder()
	for range 2 {
		got, problems, err := finder.HeldByOther(t.Context(), guardedPorts())
		if err != nil || len(got) > 0 || !slices.Equal(problems, []string{"port 8080 is listened on by no process"}) {
			t.Errorf("got %v, %q, %v", got, problems, err)
		}
	}
	f.process(20, "jenkins", "own", 11)
	if got, problems, _ := finder.HeldByOther(t.Context(), guardedPorts()); len(got) != 1 || len(problems) > 0 {
		t.Errorf("then got %v, %q", got, problems)
	}
	f.file("networks/own/tcp", tableHeading)
	if _, problems, _ := finder.HeldByOther(t.Context(), guardedPorts()); len(problems) > 0 || len(finder.holders) > 0 {
		t.Error(fmt.Sprint(problems, finder.holders))
	}
}
