package fleet

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// runBench is a bench whose fleet runs, with real watches. Only the safety net of reading again is the test's.
type runBench struct {
	*bench
	rosters chan policy.Roster
	reread  chan time.Time
}

func running(t *testing.T, b *bench, groups map[string]Group) *runBench {
	t.Helper()
	r := &runBench{b, make(chan policy.Roster), make(chan time.Time)}
	b.start(groups)
	b.fleet.after = func(d time.Duration) <-chan time.Time {
		if d >= rereadUnwatched {
			return r.reread
		}
		return time.After(d)
	}
	b.fleet.Load(t.Context())
	b.told()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.fleet.Run(ctx, r.rosters) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	r.readAgain() // only a fleet that is waiting takes this: now it watches
	return r
}

func (r *runBench) readAgain() {
	r.t.Helper()
	r.within("reading again", func(timeout <-chan time.Time) bool {
		select {
		case r.reread <- r.now():
			return true
		case <-timeout:
			return false
		}
	})
}

func (r *runBench) wantSent(want string) {
	r.t.Helper()
	r.within(want, func(timeout <-chan time.Time) bool {
		select {
		case roster := <-r.rosters:
			wantRoster(r.t, roster, want)
			return true
		case <-timeout:
			return false
		}
	})
}

func (r *runBench) within(what string, op func(timeout <-chan time.Time) bool) {
	r.t.Helper()
	if !op(time.After(10 * time.Second)) {
		r.t.Fatalf("not within 10 s: %s; status %+v", what, r.fleet.Status())
	}
}

// rename replaces a file in one step, as Prometheus asks for.
func (r *runBench) rename(file string, prefixes ...netip.Prefix) {
	r.t.Helper()
	r.targets(file+".tmp", prefixes...)
	must(r.t, os.Rename(filepath.Join(r.dir, file+".tmp"), filepath.Join(r.dir, file)))
}

func TestRunSendsEachChange(t *testing.T) {
	b := newBench(t)
	b.targets("f.json", hosts(1, 2)...)
	r := running(t, b, map[string]Group{"nakama": {Files: []string{"f.json"}}})
	r.rename("f.json", hosts(1, 3)...)
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3")
	r.rename("f.json", hosts(1, 4)...)
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")
	r.targets("f.json", hosts(2, 4)...) // in place
	r.wantSent("nakama=10.0.0.2,10.0.0.3,10.0.0.4")
	must(t, os.Remove(filepath.Join(r.dir, "f.json")))
	r.targets("f.json", hosts(3, 4)...)
	r.wantSent("nakama=10.0.0.3,10.0.0.4")
	r.rename("f.json", hosts(4, 4)...)
	r.readAgain() // held: nothing is sent
	r.readAgain()
	must(t, r.fleet.AcceptShrink("nakama"))
	r.wantSent("nakama=10.0.0.4")
}

func TestRunOutlivesADamagedFile(t *testing.T) {
	b := newBench(t)
	b.targets("f.json", hosts(1, 2)...)
	r := running(t, b, map[string]Group{"nakama": {Files: []string{"f.json"}}})
	for name, damage := range map[string]func(){
		"half-written": func() { r.write("f.json", `[{"targets":["10.0.0.1","10.0`) },
		"deleted":      func() { must(t, os.Remove(filepath.Join(r.dir, "f.json"))) },
		"directory":    func() { r.replaceByDirectory("f.json") },
	} {
		damage()
		r.untilUp(false)
		must(t, os.RemoveAll(filepath.Join(r.dir, "f.json")))
		r.rename("f.json", hosts(1, 2)...)
		r.untilUp(true)
		if told := r.told(); !slices.Equal(told, []string{"source_failed nakama", "source_back nakama"}) {
			t.Errorf("%s: told %q", name, told)
		}
	}
}

// untilUp waits for the first source of the only group to be up or down.
func (r *runBench) untilUp(up bool) {
	r.t.Helper()
	r.within(fmt.Sprintf("up: %v", up), func(timeout <-chan time.Time) bool {
		for r.fleet.Status()[0].Sources[0].Up != up {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-timeout:
				return false
			}
		}
		return true
	})
}

// Kubernetes mounts a ConfigMap as links to files under ..data, itself a link, which it replaces.
func TestRunFollowsASwappedLink(t *testing.T) {
	b := newBench(t)
	volume := func(version string, prefixes ...netip.Prefix) {
		must(t, os.Mkdir(filepath.Join(b.dir, version), 0o700))
		b.targets(version+"/f.json", prefixes...)
		must(t, os.Symlink(version, filepath.Join(b.dir, "..next")))
		must(t, os.Rename(filepath.Join(b.dir, "..next"), filepath.Join(b.dir, "..data")))
	}
	volume("..1", hosts(1, 2)...)
	must(t, os.Symlink("..data/f.json", filepath.Join(b.dir, "f.json")))
	r := running(t, b, map[string]Group{"nakama": {Files: []string{"f.json"}}})
	volume("..2", hosts(1, 3)...)
	must(t, os.RemoveAll(filepath.Join(b.dir, "..1")))
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3")
	volume("..3", hosts(1, 4)...)
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")
}

func TestRunFollowsDirectories(t *testing.T) {
	b := newBench(t)
	r := running(t, b, map[string]Group{"nakama": {Files: []string{"late/er/*.json"}}})
	directory := filepath.Join(r.dir, "late", "er")
	must(t, os.MkdirAll(directory, 0o700)) // only now
	r.targets("late/er/1.json", hosts(1, 2)...)
	r.wantSent("nakama=10.0.0.1,10.0.0.2")
	r.rename("late/er/2.json", hosts(3, 4)...)
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")

	// The whole directory is replaced, and the next one is watched too.
	must(t, os.Mkdir(directory+".next", 0o700))
	r.targets("late/er.next/1.json", hosts(1, 6)...)
	must(t, os.Rename(directory, directory+".old"))
	must(t, os.Rename(directory+".next", directory))
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6")
	r.rename("late/er/1.json", hosts(1, 5)...)
	r.wantSent("nakama=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5")
}

func TestTheEndOfTheContextEndsABlockedSend(t *testing.T) {
	b := newBench(t)
	b.targets("f.json", hosts(1, 2)...)
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	told := make(chan struct{}, 8)
	b.fleet.tell = func(status.Event) { told <- struct{}{} }
	go func() { done <- b.fleet.Run(ctx, make(chan policy.Roster)) }()
	<-told // the roster changed: the send is next
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// Where the kernel gives no watch, the sources are read again and again.
func TestWithoutAWatch(t *testing.T) {
	b := newBench(t)
	b.start(map[string]Group{"nakama": {Files: []string{"f.json"}}, "admins": {}})
	if got := b.fleet.follow(nil); got != rereadUnwatched {
		t.Errorf("read again after %v, want %v", got, rereadUnwatched)
	}
	b.fleet.await(t.Context(), nil, rereadUnwatched) // the bench's timers fire at once
	b.start(map[string]Group{"admins": {}})
	if got := b.fleet.follow(nil); got != reread {
		t.Errorf("nothing to watch: read again after %v, want %v", got, reread)
	}
}

func TestHops(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "real", "sub"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "real", "sub", "f"), nil, 0o600))
	for link, target := range map[string]string{"relative": "real/sub", "absolute": filepath.Join(dir, "real"), "up": "real/../relative/f", "circle": "circle", "nowhere": "real/none/f"} {
		must(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	for path, want := range map[string]string{
		"real/sub/f":     "real/sub/f",
		"relative/f":     "relative real/sub/f",
		"absolute/sub/f": "absolute real/sub/f",
		"up":             "up relative real/sub/f",
		"nowhere":        "nowhere real/none",
		"none/at/all":    "none",
	} {
		var got []string
		for _, hop := range hops(filepath.Join(dir, path)) {
			got = append(got, strings.TrimPrefix(hop, dir+"/"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: hops %q, want %q", path, got, want)
		}
	}
	if n := len(hops(filepath.Join(dir, "circle"))); n < mostLinks || n > mostLinks+1 {
		t.Errorf("a circle has %d hops", n)
	}
}
