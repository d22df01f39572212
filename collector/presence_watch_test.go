package collector

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// The processes of a fakeHost have numbers that no real one has: some of what is asked of them goes to the kernel.
const (
	first  = 1<<22 + 1
	second = 1<<22 + 2
)

// fakeHost is a /proc in a folder, with a Nakama in a limited cgroup, and a Collector that looks at it.
type fakeHost struct {
	*Collector
	t    *testing.T
	dir  string
	now  time.Time
	told []status.Event
}

func newFakeHost(t *testing.T) *fakeHost {
	t.Helper()
	h := &fakeHost{t: t, dir: t.TempDir(), now: time.Unix(1_000_000, 0)}
	const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	h.file("net/own/tcp", heading)
	h.file("net/game/tcp", heading+fmt.Sprintf("   0: 00000000:1CB6 00000000:0000 0A 0:0 00:0 0 %d 0 11 1\n", os.Getuid()))
	h.file("self/mountinfo", "30 23 0:27 / "+h.dir+"/cg rw - cgroup2 cgroup2 rw\n")
	h.process(1, "init", "own")
	h.process(99, "nakama-warden", "own")
	h.link("thread-self", "99")
	h.kills(7, 0)
	h.Collector = New(Options{
		Proc: h.dir, Root: h.dir, Guarded: guarded, Roles: func() []string { return []string{"nakama"} }, Environment: func() string { return "testing" },
		Now:  func() time.Time { return h.now },
		Tell: func(e status.Event) { h.told = append(h.told, e) },
	})
	t.Cleanup(h.forget)
	return h
}

func (h *fakeHost) file(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) link(name, to string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) process(pid int, program, network string) {
	h.t.Helper()
	dir := fmt.Sprint(pid) + "/"
	h.file(dir+"comm", program+"\n")
	h.file(dir+"stat", fmt.Sprintf("%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 8 0 %d 0 0\n", pid, program, 100*pid))
	h.file(dir+"cmdline", program+"\x00")
	h.file(dir+"environ", "")
	h.file(dir+"status", "VmRSS:\t 1000 kB\n")
	h.file(dir+"limits", "Max open files 1024 4096 files\n")
	h.file(dir+"cgroup", "0::/nakama.service\n")
	h.link(dir+"net", "../net/"+network)
	h.link(dir+"ns/net", fmt.Sprintf("net:[%d]", 4026531000+len(network)))
	h.link(dir+"fd/3", "socket:[11]")
}

// kills sets what the kernel counts: of the host, and of the cgroup.
func (h *fakeHost) kills(host, cgroup int) {
	h.t.Helper()
	h.file("vmstat", fmt.Sprintf("nr_free_pages 1\noom_kill %d\n", host))
	h.file("cg/nakama.service/memory.max", "1000000\n")
	h.file("cg/nakama.service/memory.stat", "anon 1\n")
	h.file("cg/nakama.service/memory.events", fmt.Sprintf("oom 0\noom_kill %d\n", cgroup))
}

func (h *fakeHost) nakama(pid int) { h.process(pid, "nakama", "game") }

func (h *fakeHost) ends(pid int) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.dir, fmt.Sprint(pid))); err != nil {
		h.t.Fatal(err)
	}
}

// pass searches and samples after a while, and returns the sample and the kinds of what was told.
func (h *fakeHost) pass(after time.Duration) (s *status.Sample, told []string) {
	h.now, h.told = h.now.Add(after), nil
	h.search(h.t.Context())
	h.sample(h.t.Context(), h.now)
	for _, e := range h.told {
		told = append(told, e.Kind+" "+e.Fields["unit"])
	}
	return h.Latest(), told
}

func (h *fakeHost) wantTold(what string, got []string, want ...string) {
	h.t.Helper()
	if !slices.Equal(got, want) {
		h.t.Errorf("%s: told %q; want %q", what, got, want)
	}
}

func TestARestartIsInTheSample(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	s, told := h.pass(0)
	h.wantTold("at first sight", told)
	if len(s.Units) != 1 || !s.Units[0].Restarted.IsZero() || len(s.Down) > 0 {
		t.Fatalf("%+v, down %+v, problems %q; want one unit", s.Units, s.Down, s.Problems)
	}
	h.ends(first)
	seen := h.now
	if s, told = h.pass(time.Second); len(s.Units) > 0 || len(s.Down) != 1 || s.Down[0] != (status.Down{Name: "nakama.service", Role: "nakama", Since: seen}) {
		t.Errorf("%+v, down %+v; want nakama.service down since %s", s.Units, s.Down, seen)
	}
	h.wantTold("just ended", told)
	h.nakama(second)
	s, told = h.pass(2 * time.Second)
	h.wantTold("back soon", told, "service_restarted nakama.service")
	if at := h.now; len(s.Units) != 1 || !s.Units[0].Restarted.Equal(at) || len(s.Down) > 0 {
		t.Errorf("%+v, down %+v; want it restarted at %s", s.Units, s.Down, at)
	}
	at := h.now
	if s, _ = h.pass(time.Hour); !s.Units[0].Restarted.Equal(at) {
		t.Errorf("restarted at %s an hour later; want %s", s.Units[0].Restarted, at)
	}
	if known := h.Known(); len(known) != 1 || known[0].Name != "nakama.service" || known[0].Processes[0].PID != second {
		t.Errorf("known are %+v", known)
	}
}

// Between two searches the samples tell how long a unit was there.
func TestSinceTheLastSample(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	h.pass(0)
	h.now = h.now.Add(9 * time.Second)
	h.sample(t.Context(), h.now)
	seen := h.now
	h.ends(first)
	if s, _ := h.pass(time.Second); len(s.Down) != 1 || !s.Down[0].Since.Equal(seen) {
		t.Errorf("down %+v; want since %s", s.Down, seen)
	}
}

func TestAKillOfTheUnitsLimitIsTold(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	s, told := h.pass(0)
	h.wantTold("what was before is not", told)
	if u := s.Units[0]; u.Memory.LimitBy != "cgroup /nakama.service" || !u.Memory.OOMKilled.IsZero() || s.Machine.OOMKills != 7 || !s.Machine.OOMKilled.IsZero() {
		t.Fatalf("%+v of %+v; want no kill seen", u.Memory, s.Machine)
	}
	h.kills(8, 1) // a child of it
	s, told = h.pass(searchEvery)
	h.wantTold("within the limit", told, "oom_kill nakama.service")
	if u := s.Units[0]; !u.Memory.OOMKilled.Equal(h.now) || s.Machine.OOMKills != 8 || !s.Machine.OOMKilled.Equal(h.now) {
		t.Errorf("%+v of %+v; want a kill at %s", u.Memory, s.Machine, h.now)
	}
	_, told = h.pass(searchEvery)
	h.wantTold("once", told)
}

// A unit's cgroup ends with it, and its count: the successor is told from what the host counts.
func TestAKilledUnitIsKnownAcrossItsRestart(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	h.pass(0)
	h.ends(first)
	h.kills(8, 0)
	s, told := h.pass(time.Second)
	h.wantTold("its end", told, "oom_kill nakama.service")
	at := h.now
	if len(s.Down) != 1 || !s.Down[0].OOMKilled.Equal(at) {
		t.Errorf("down %+v; want it killed at %s", s.Down, at)
	}
	h.nakama(second)
	s, told = h.pass(time.Second)
	h.wantTold("its successor", told, "service_restarted nakama.service")
	if u := s.Units[0]; !u.Memory.OOMKilled.Equal(at) {
		t.Errorf("%+v; want a kill at %s", u.Memory, at)
	}
	h.ends(second)
	_, told = h.pass(time.Minute)
	h.wantTold("an end long after a kill", told, "service_down nakama.service")
}

func TestAKillOfAnotherIsTheHosts(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	h.pass(0)
	h.kills(9, 0)
	s, told := h.pass(searchEvery)
	h.wantTold("of another", told, "oom_kill ")
	if u := s.Units[0]; !u.Memory.OOMKilled.IsZero() || !s.Machine.OOMKilled.Equal(h.now) {
		t.Errorf("%+v of %+v; want it of the host only", u.Memory, s.Machine)
	}
}

// Where not everything may be seen, a process that is still there is not missed, and one that ended is.
func TestWhatHidesIsNotDown(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	h.pass(0)
	h.ends(1) // as with hidepid
	h.file("net/game/tcp", "heading\n")
	if s, _ := h.pass(time.Minute); len(s.Units)+len(s.Down) > 0 || len(s.Problems) == 0 {
		t.Errorf("%+v, down %+v, problems %q; want nothing but a problem", s.Units, s.Down, s.Problems)
	}
	h.process(1, "init", "own")
	if s, _ := h.pass(time.Second); len(s.Down) != 1 {
		t.Errorf("down %+v; want who is seen to listen no more", s.Down)
	}
	h.ends(1)
	h.ends(first)
	if s, _ := h.pass(time.Second); len(s.Down) != 1 {
		t.Errorf("down %+v; want who ended", s.Down)
	}
}

func TestAppeared(t *testing.T) {
	h := newFakeHost(t)
	h.nakama(first)
	h.pass(0)
	if h.appeared(t.Context()) {
		t.Error("who was there has appeared")
	}
	h.nakama(second)
	h.file("net/game/tcp", "heading\n"+fmt.Sprintf("   0: 00000000:1CB6 00000000:0000 0A 0:0 00:0 0 %d 0 11 1\n   1: 00000000:1CB7 00000000:0000 0A 0:0 00:0 0 %d 0 12 1\n", os.Getuid(), os.Getuid()))
	h.link(fmt.Sprintf("%d/fd/4", second), "socket:[12]")
	if !h.appeared(t.Context()) {
		t.Error("another has not appeared")
	}
}
