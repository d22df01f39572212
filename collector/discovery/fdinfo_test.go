package discovery

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The rights of the packaged unit show all that a user without any may not see: listeners of another user's processes,
// and who holds a port, and nothing is guessed.
func TestWithTheUnitsRights(t *testing.T) {
	needsSecondUser(t)
	game := lab.Namespace(t)
	nakama := server{name: "nakama", listen: "[::]:7350 [::]:4444"}.start(t, game)
	server{name: "nginx", listen: "[::]:80"}.start(t, game)
	cockroach := server{name: "cockroach", listen: "127.0.0.1:26257"}.start(t, nil)
	jenkins := server{name: "jenkins", listen: "[::]:8080"}.start(t, nil)
	a := asked(t, unix.CAP_SYS_PTRACE, unix.CAP_NET_ADMIN)
	listens := map[int][]uint16{}
	for _, found := range a.Found {
		listens[found.PID] = found.Listens
	}
	if want := map[int][]uint16{nakama.pid: {4444, 7350}, cockroach.pid: {26257}}; !maps.EqualFunc(listens, want, slices.Equal) {
		t.Errorf("listeners %v; want %v", listens, want)
	}
	if want := (Holder{"cockroachdb-http", 8080, "jenkins", jenkins.pid}); !slices.Equal(a.Holders, []Holder{want}) {
		t.Errorf("holders %v; want %v", a.Holders, want)
	}
	if len(a.Problems)+len(a.Blind) > 0 {
		t.Errorf("problems %q, %q; want none", a.Problems, a.Blind)
	}
}

// needsSecondUser skips where the test runs as the only user there is.
func needsSecondUser(t testing.TB) {
	t.Helper()
	mapped, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Fields(string(mapped))[2] == "1" {
		t.Skip("the test lacks a second user: needs root")
	}
}

// asked is what a finder sees that runs as another user and has these capabilities alone.
func asked(t testing.TB, capabilities ...uintptr) answer {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), askVariable+"=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: capabilities}
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// told writes what the kernel tells of a descriptor.
func (f tree) told(dir string, number int, mount, inode uint64, more string) {
	f.Helper()
	f.file(fmt.Sprintf("%sfdinfo/%d", dir, number), fmt.Sprintf("pos:\t0\nflags:\t02\nmnt_id:\t%d\nino:\t%d\n%s", mount, inode, more))
}

func TestTold(t *testing.T) {
	f := newTree(t)
	dir := f.process(20, "nakama", "own")
	const sockets, files = 10, 31
	f.told(dir, 0, files, 5, "")
	f.told(dir, 4, files, 8, "tfd:        9 events:       19\n")
	f.told(dir, 5, sockets, 11, "")
	f.told(dir, 9, files, 12, "") // the number of a socket, and none
	f.told(dir, 10, sockets, 13, "")
	f.told(dir, 11, sockets, 14, "") // not asked for
	finder := f.finder()
	held, err := finder.toldSockets(20, sockets, map[uint64]bool{11: true, 12: true, 13: true})
	if want := map[uint64]bool{11: true, 13: true}; err != nil || !maps.Equal(held, want) {
		t.Errorf("holds %v, %v; want %v", held, err, want)
	}
}

// What watches many others is dear to ask about: it comes last, and once in the life of its process.
func TestWatcherIsAskedOnce(t *testing.T) {
	f := newTree(t)
	dir := f.process(20, "nakama", "own")
	f.told(dir, 4, 31, 8, "tfd:        9 events:       19\n")
	f.told(dir, 7, 10, 11, "")
	finder := f.finder()
	m := &memory{watchers: map[string]bool{}}
	finder.known[20] = m
	if _, err := finder.toldSockets(20, 10, map[uint64]bool{12: true}); err != nil || !m.watchers["4"] || len(m.watchers) != 1 {
		t.Errorf("%v; watchers %v; want descriptor 4", err, m.watchers)
	}
	f.told(dir, 4, 10, 12, "") // another question would see it
	if held, err := finder.toldSockets(20, 10, map[uint64]bool{12: true}); err != nil || len(held) > 0 {
		t.Errorf("holds %v, %v: the watcher was asked again", held, err)
	}
	names := strings.Fields("0 1 2 3 4 5 6 7 8")
	if got := watchersLast(names); !slices.Equal(got, strings.Fields("6 7 8 5 4 3 2 1 0")) {
		t.Errorf("asked in the order %q", got)
	}
	if got := watchersLast([]string{"0", "3"}); !slices.Equal(got, []string{"3", "0"}) {
		t.Errorf("asked in the order %q", got)
	}
}

// Where fdinfo does not tell of a socket of our own, nothing is taken for one.
func TestUntold(t *testing.T) {
	f := newTree(t)
	if mount, told := f.finder().socketMount(); told {
		t.Errorf("sockets are on mount %d of a /proc without them", mount)
	}
	finder := New(Options{})
	mount, told := finder.socketMount()
	if !told || mount == 0 || finder.sockets != mount {
		t.Errorf("sockets are on mount %d, %v", mount, told)
	}
}
