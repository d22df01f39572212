package discovery

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// find looks once and wants no problem.
func find(t testing.TB, f *Finder) []Found {
	t.Helper()
	found, problems, err := f.Find(t.Context())
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, problems %q", err, problems)
	}
	return found
}

// one wants exactly one service.
func one(t testing.TB, f *Finder) Found {
	t.Helper()
	found := find(t, f)
	if len(found) != 1 {
		t.Fatalf("found %+v; want one", found)
	}
	return found[0]
}

func TestOtherNamespace(t *testing.T) {
	h := lab.Namespace(t)
	p := server{name: "nakama", listen: "[::]:7350 127.0.0.1:7351 [::1]:7351",
		args: []string{"--database.address", "root:secret@db"}}.start(t, h)
	found := one(t, New(Options{}))
	if found.Role != RoleNakama || found.Program != "nakama" || found.PID != p.pid || found.Own {
		t.Errorf("found %+v; want nakama, process %d, elsewhere", found, p.pid)
	}
	if !slices.Equal(found.Listens, []uint16{7350, 7351}) || len(found.Addr) != 3 {
		t.Errorf("listens on %v, %v", found.Listens, found.Addr)
	}
	var about unix.Stat_t
	if err := unix.Fstat(h.NetNS(), &about); err != nil || about.Ino != found.NetNS {
		t.Errorf("namespace %d; want %d, %v", found.NetNS, about.Ino, err)
	}
	if since := time.Since(found.Started); since < 0 || since > time.Minute {
		t.Errorf("started %v ago", since)
	}
	if got := found.Argv.flag("database.address"); !slices.Equal(got, []string{"root:secret@db"}) {
		t.Errorf("arguments %q", []string(found.Argv))
	}
	if text, err := json.Marshal(found); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%s, %v", text, err)
	}
	for port, want := range map[uint16]string{7350: "[::1]:7350", 7351: "127.0.0.1:7351"} {
		if got, ok := found.Reach(port); !ok || got != netip.MustParseAddrPort(want) {
			t.Errorf("port %d is reached at %v, %v; want %s", port, got, ok, want)
		}
	}
}

// A listener is what counts: a name alone is not, nor is the listener of somebody else in the same namespace.
func TestNameWithoutListener(t *testing.T) {
	h := lab.Namespace(t)
	server{name: "nakama"}.start(t, h)
	server{name: "cockroach"}.start(t, h)
	server{name: "nginx", listen: "[::]:7350"}.start(t, h)
	if found := find(t, New(Options{})); len(found) > 0 {
		t.Errorf("found %+v; want nothing", found)
	}
}

func TestOwnNamespaceAndBesideOthers(t *testing.T) {
	server{name: "nginx", listen: "127.0.0.1:80"}.start(t, nil)
	p := server{name: "cockroach", listen: "127.0.0.1:26257 127.0.0.1:8080"}.start(t, nil)
	f := New(Options{})
	found := one(t, f)
	if found.Role != RoleCockroachDB || found.PID != p.pid || !found.Own || found.NetNS == 0 {
		t.Errorf("found %+v; want cockroachdb, process %d, here", found, p.pid)
	}
	// A listener that comes later is seen at the next look, although the process is known.
	server{name: "nginx", listen: "127.0.0.1:81"}.start(t, nil)
	if again := one(t, f); !slices.Equal(again.Listens, []uint16{8080, 26257}) {
		t.Errorf("then listens on %v", again.Listens)
	}
}

func TestContainer(t *testing.T) {
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h, err := l.Host("nakama-1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Container("game", "docker0")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc/data"), 0o755); err != nil {
		t.Fatal(err)
	}
	// An absolute link means the container's root, not ours.
	if err := os.Symlink("/etc/data/nakama.yml", filepath.Join(root, "etc/nakama.yml")); err != nil {
		t.Fatal(err)
	}
	text := "name: n1\nmetrics:\n  prometheus_port: 9100\nsocket: {port: 8350}\n"
	if err := os.WriteFile(filepath.Join(root, "etc/data/nakama.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := server{
		name: "nakama", listen: "[::]:8350 [::]:8349 [::]:7351 [::]:9100 [::]:9999", root: root,
		args: []string{"--config", "nakama.yml"},
		as:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS},
	}.start(t, c)
	found := one(t, New(Options{}))
	if found.PID != p.pid || found.MetricsPort != 9100 || !slices.Equal(found.Others, []uint16{9999}) {
		t.Errorf("found %+v; want process %d, metrics on 9100, and 9999 unexplained", found, p.pid)
	}
}

func TestRestart(t *testing.T) {
	h := lab.Namespace(t)
	f, follower := New(Options{}), &Follower{}
	first := server{name: "nakama", listen: "[::]:7350"}.start(t, h)
	appeared, _, _ := follower.Update(find(t, f))
	first.kill()
	_, vanished, _ := follower.Update(find(t, f))
	second := server{name: "nakama", listen: "[::]:7350"}.start(t, h)
	_, _, restarted := follower.Update(find(t, f))
	if len(appeared) != 1 || len(vanished) != 1 || len(restarted) != 1 || restarted[0].PID != second.pid {
		t.Errorf("appeared %v, vanished %v, restarted %v", appeared, vanished, restarted)
	}
	if len(f.known) != 1 {
		t.Errorf("%d processes are remembered; want 1", len(f.known))
	}
}

// A child between fork and exec holds all that its parent does.
func TestHeir(t *testing.T) {
	h := lab.Namespace(t)
	var listener *os.File
	err := h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: 7350})
		}
		if err == nil {
			err = unix.Listen(fd, 1)
		}
		listener = os.NewFile(uintptr(fd), "listener")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var pids []int
	for range 2 {
		pids = append(pids, holding(t, h, "nakama", listener))
	}
	if found := one(t, New(Options{})); !slices.Contains(pids, found.PID) {
		t.Errorf("found process %d; want one of %v", found.PID, pids)
	}
}

// holding starts a program that has inherited a listener.
func holding(t testing.TB, h *lab.Host, name string, listener *os.File) int {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(sleep, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, "1000")
	cmd.ExtraFiles = []*os.File{listener}
	p := begin(t, cmd, h) // returns when the program was executed
	t.Cleanup(p.kill)
	return p.pid
}

// Another user without privilege sees names and listeners, guesses whose they are, and says what would help.
func TestWithoutPrivilege(t *testing.T) {
	needsSecondUser(t)
	h := lab.Namespace(t)
	p := server{name: "nakama", listen: "[::]:7350 [::]:4444", args: []string{"--config", "nakama.yml"}}.start(t, h)
	server{name: "nginx", listen: "[::]:8080"}.start(t, nil)
	a := asked(t)
	if len(a.Found) != 1 || a.Found[0].PID != p.pid || !slices.Equal(a.Found[0].Listens, []uint16{7350}) || a.Found[0].Own {
		t.Errorf("found %+v; want process %d on 7350", a.Found, p.pid)
	}
	for _, want := range []string{"guessed", "network namespace", "settings"} {
		if !slices.ContainsFunc(a.Problems, func(p string) bool { return strings.Contains(p, want) && strings.Contains(p, "CAP_SYS_PTRACE") }) {
			t.Errorf("problems %q; want one with %q and the capability", a.Problems, want)
		}
	}
	if len(a.Holders) > 0 || len(a.Blind) != 1 || !strings.Contains(a.Blind[0], "8080") || !strings.Contains(a.Blind[0], "CAP_SYS_PTRACE") {
		t.Errorf("holders %v, problems %q", a.Holders, a.Blind)
	}
}
