package paths

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// askVariable makes this test program one that looks, by the /proc named there, and prints what it sees.
const askVariable = "PATHS_TEST_ASK"

// answer is what it prints.
type answer struct {
	Found  Found
	Beyond []string
}

func ask(proc string) {
	var a answer
	var err, err2 error
	a.Found, err = Look(context.Background(), Options{Root: "/nonexistent"}, guarded())
	a.Beyond, err2 = Beyond(context.Background(), Options{Proc: proc}, policy.TCP, 7351)
	if err != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, err, err2)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(a)
}

// asked is what is seen on a host by another user with the capabilities of the packaged unit, or those given.
func asked(t testing.TB, h *lab.Host, proc string, capabilities ...uintptr) answer {
	t.Helper()
	if capabilities == nil {
		capabilities = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_PTRACE}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), askVariable+"="+proc)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: capabilities}
	cmd.Stderr = os.Stderr
	var a answer
	err := h.Do(func() error {
		text, err := cmd.Output()
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &a)
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
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

// Whose the listeners of other users are is seen with the rights of the packaged unit.
func TestOwnersWithTheUnitsRights(t *testing.T) {
	needsSecondUser(t)
	h := newHost(t)
	game := container(t, h, "game")
	start(t, h, "haproxy", "0.0.0.0:8080")
	start(t, h, "cockroach", "127.0.0.1:26257")
	pid := start(t, game, "nakama", "[::]:7350")
	start(t, game, "nginx", "[::]:7351")
	found := asked(t, h, "/proc").Found
	wantLines(t, "listeners", listenersOf(found),
		"nakama-api [::]:7350 by nakama elsewhere behind",
		"nakama-console [::]:7351 by  elsewhere behind", // nobody of the right name was seen to hold it
		"cockroachdb-http 0.0.0.0:8080 by haproxy behind")
	if !slices.ContainsFunc(found.Listeners, func(heard Listener) bool { return heard.Process == "nakama" && heard.PID == pid }) {
		t.Errorf("listeners %+v; want one of process %d", found.Listeners, pid)
	}
	notes := slices.DeleteFunc(found.Problems, func(p string) bool { return strings.Contains(p, "(only root may list its tables: iptables-legacy") })
	wantLines(t, "problems", notes)
}

// Without the right to look into processes the note names it.
func TestOwnersWithoutTheUnitsRights(t *testing.T) {
	needsSecondUser(t)
	h := newHost(t)
	start(t, h, "cockroach", "0.0.0.0:8080")
	found := asked(t, h, "/proc", unix.CAP_NET_ADMIN).Found
	for _, heard := range found.Listeners {
		if heard.PID != 0 {
			t.Errorf("%+v; want none whose process is seen", heard)
		}
	}
	if len(found.Problems) == 0 || !strings.Contains(strings.Join(found.Problems, "\n"), "CAP_SYS_PTRACE") {
		t.Errorf("problems %q; want one with the capability", found.Problems)
	}
}

// told writes what the kernel tells of a descriptor.
func (f tree) told(dir string, number int, mount, inode uint64) {
	f.Helper()
	f.file(fmt.Sprintf("%s/fdinfo/%d", dir, number), fmt.Sprintf("pos:\t0\nflags:\t02\nmnt_id:\t%d\nino:\t%d\n", mount, inode))
}

// The low descriptors of all are looked at last, and not at all when what is wanted was found.
func TestToldSockets(t *testing.T) {
	f := newTree(t)
	dir := f.process(42, "nakama", 1, 1)
	const sockets, files = 10, 31
	for number := range 6 {
		f.told(dir, number, sockets, uint64(100+number))
	}
	f.told(dir, 7, files, 11) // the number of a socket, and none
	f.told(dir, 8, sockets, 12)
	told := telling{proc: f.dir, sockets: sockets}
	var seen []uint64
	visit := func(inode uint64) bool { seen = append(seen, inode); return len(seen) < 4 }
	if err := told.eachSocket(42, fs.ErrPermission, visit); err != nil || !slices.Equal(seen, []uint64{12}) {
		t.Errorf("seen %v, %v; want 12", seen, err)
	}
	told.postponed(func() bool { return false })
	if !slices.Equal(seen, []uint64{12}) {
		t.Errorf("seen %v although nothing is wanted", seen)
	}
	told.postponed(func() bool { return true })
	if len(seen) != 4 {
		t.Errorf("seen %v; want three more, until no more are wanted", seen)
	}
}

// A /proc that tells nothing of a socket of our own is not believed, and the note says what would help.
func TestUntold(t *testing.T) {
	f := newTree(t)
	f.process(42, "nakama", 1, 1)
	told := telling{proc: f.dir}
	err := told.eachSocket(42, fs.ErrPermission, func(uint64) bool { t.Error("a socket was seen"); return false })
	if err == nil || !strings.Contains(remedied(err), "needs Linux 5.14 or newer, or CAP_DAC_READ_SEARCH") {
		t.Errorf("%v; want the remedy", err)
	}
	real := telling{proc: "/proc"}
	if !real.learn() || real.sockets == 0 {
		t.Error("the kernel's own /proc tells nothing of a socket")
	}
}
