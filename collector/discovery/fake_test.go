package discovery

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// fake is a Finder of a fake /proc.
func (f tree) finder() *Finder {
	return New(Options{Proc: f.dir, Docker: f.dir + "/docker", Booted: time.Unix(1_000_000, 0)})
}

func TestFake(t *testing.T) {
	f := newTree(t)
	f.network("game", line(7350, 11)+line(7351, 12)+line(80, 13))
	f.process(20, "nakama", "game", 11, 12)
	f.process(21, "nginx", "game", 13)
	got := one(t, f.finder())
	want := Found{Role: RoleNakama, Program: "nakama", Unit: "nakama", PID: 20, StartTicks: 20000,
		Started: time.Unix(1_000_200, 0), NetNS: 4026531004, Listens: []uint16{7350, 7351}}
	if got.Role != want.Role || got.Unit != want.Unit || got.PID != want.PID || got.StartTicks != want.StartTicks ||
		!got.Started.Equal(want.Started) || got.NetNS != want.NetNS || got.Own || !slices.Equal(got.Listens, want.Listens) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// A number that is given to another process while the first is looked at is not told of at all.
func TestReusedNumber(t *testing.T) {
	f := newTree(t)
	f.network("game", line(7350, 11))
	dir := f.process(20, "nakama", "game", 11)
	fifo := f.dir + "/" + dir + "cmdline"
	if err := errors.Join(os.Remove(fifo), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	finder := f.finder()
	for _, reused := range []bool{true, false} {
		go func() {
			// The finder waits here: it has read the start, and now wants the arguments.
			w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			if reused {
				f.file(dir+"stat", statLine(20, "nakama", 777))
			}
		}()
		found := find(t, finder)
		if wanted := !reused; (len(found) == 1) != wanted {
			t.Errorf("reused %v: found %+v", reused, found)
		}
	}
}

// A process that becomes another program keeps its number and start: what was known of its arguments does not hold.
func TestOtherArguments(t *testing.T) {
	f := newTree(t)
	f.network("game", line(7350, 11)+line(9100, 12))
	dir := f.process(20, "nakama", "game", 11, 12)
	finder := f.finder()
	if got := one(t, finder); got.MetricsPort != 0 || !slices.Equal(got.Others, []uint16{9100}) {
		t.Errorf("got %+v; want 9100 unexplained", got)
	}
	f.file(dir+"cmdline", "nakama\x00--metrics.prometheus_port\x009100\x00")
	if got := one(t, finder); got.MetricsPort != 9100 || got.Others != nil {
		t.Errorf("got %+v; want metrics on 9100", got)
	}
}

func TestOddProcesses(t *testing.T) {
	f := newTree(t)
	f.network("game", line(7350, 11))
	f.file("20/comm", "nakama\n") // ends while it is looked at
	f.file("21/comm", "")
	f.process(22, "nakama", "game", 11)
	f.file("22/cgroup", "nonsense")
	f.file("cpuinfo", "")
	if got := one(t, f.finder()); got.PID != 22 || got.Unit != "nakama" {
		t.Errorf("got %+v", got)
	}
	f.file("22/stat", "22 (nakama) S 1")
	found, problems, err := f.finder().Find(t.Context())
	if err != nil || len(found) > 0 || len(problems) != 1 || !strings.Contains(problems[0], "22/stat: malformed") {
		t.Errorf("found %v, problems %q, %v", found, problems, err)
	}
}

func TestHidden(t *testing.T) {
	f := newTree(t)
	if err := os.RemoveAll(f.dir + "/1"); err != nil {
		t.Fatal(err)
	}
	_, problems, err := f.finder().Find(t.Context())
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "hidepid") || !strings.Contains(problems[0], "CAP_SYS_PTRACE") {
		t.Errorf("problems %q, %v", problems, err)
	}
}

func TestNoProc(t *testing.T) {
	if _, _, err := Find(t.Context(), Options{Proc: t.TempDir()}); err == nil {
		t.Error("an empty /proc is no error")
	}
}

func TestUnits(t *testing.T) {
	f := newTree(t)
	f.network("game", line(7350, 11)+line(7352, 12))
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	dir := f.process(20, "nakama", "game", 11)
	f.file(dir+"cgroup", "0::/system.slice/docker-"+id+".scope\n")
	f.file("docker/"+id+"/config.v2.json", `{"Config":{"Env":["PASSWORD=x"]},"Name":"/game"}`)
	dir = f.process(21, "nakama", "game", 12)
	f.file(dir+"cgroup", "0::/system.slice/nakama@eu.service\n")
	var units []string
	for _, found := range find(t, f.finder()) {
		units = append(units, found.Unit)
	}
	if !slices.Equal(units, []string{"game", "nakama@eu.service"}) {
		t.Errorf("units %q", units)
	}
	f.file("docker/"+id+"/config.v2.json", `{"Name":`)
	if got := find(t, f.finder())[0].Unit; got != id[:12] {
		t.Errorf("unit %q; want the ID", got)
	}
}

// Where descriptors may not be seen, neither another user's listeners nor unusual ports are taken for the program's.
func TestGuess(t *testing.T) {
	f := newTree(t)
	f.process(20, "nakama", "own")
	user := uint32(os.Getuid())
	heard := func(address string, inode uint64, user uint32) procfs.Socket {
		return procfs.Socket{Addr: netip.MustParseAddrPort(address), Inode: inode, User: user}
	}
	mine, metrics := heard("[::]:7350", 1, user), heard("[::]:9100", 2, user)
	all := []procfs.Socket{mine, metrics, heard("[::]:7351", 3, user+1), heard("[::]:22", 4, user)}
	p, err := f.finder().begin()
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{settings: defaultSettings()}
	m.settings.metrics = 9100
	got := p.likelyHeldBy(process{20, "nakama"}, m, all, fs.ErrPermission)
	if !slices.Equal(got, []procfs.Socket{mine, metrics}) || len(p.problems) != 1 {
		t.Errorf("got %v, problems %q", got, p.problems)
	}
	if got := p.likelyHeldBy(process{20, "cockroach"}, m, all, fs.ErrPermission); len(got) > 0 || len(p.problems) != 1 {
		t.Errorf("got %v, problems %q", got, p.problems)
	}
}
