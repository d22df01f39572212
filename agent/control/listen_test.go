package control_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/status"
)

// leaveStale leaves a socket behind as a killed daemon does.
func leaveStale(t testing.TB, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestListenReplacesAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	leaveStale(t, path)
	if _, err := control.Dial(path); !errors.Is(err, control.ErrNoDaemon) {
		t.Fatalf("Dial to a stale socket: %v; want ErrNoDaemon", err)
	}
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.ModeSocket|0o600; got != want {
		t.Errorf("mode %v; want %v", got, want)
	}
}

func TestListenRefuses(t *testing.T) {
	folder := t.TempDir()
	live, _ := serve(t, &recorder{})
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, path, want string }{
		{"a live socket", live, "another nakama-warden is running"},
		{"a file", file, "no socket"},
		{"a folder that is absent", filepath.Join(folder, "absent", "control.sock"), "no such file"},
		{"a long path", "/" + strings.Repeat("x", 107), "takes 107: choose a shorter --state"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := control.Listen(test.path)
			if err == nil {
				_ = l.Close()
				t.Fatal("it listens")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), filepath.Dir(test.path)) {
				t.Errorf("got %q; want the path and %q", err, test.want)
			}
		})
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	if _, err := dial(t, live).Plan(t.Context(), status.PlanRequest{}); err != nil {
		t.Errorf("the live socket suffered: %v", err)
	}
}

// Daemons that start at once over a stale socket: exactly one may win, and its socket must be the one on disk. The
// instant in which they could take each other's socket is short, hence the rounds.
func TestListenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	for range 300 {
		listenAtOnce(t, path)
	}
}

func listenAtOnce(t *testing.T, path string) {
	t.Helper()
	leaveStale(t, path)
	var wait sync.WaitGroup
	listeners := make([]net.Listener, 8)
	for i := range listeners {
		wait.Go(func() { listeners[i], _ = control.Listen(path) })
	}
	wait.Wait()
	won := slices.DeleteFunc(listeners, func(l net.Listener) bool { return l == nil })
	if len(won) != 1 {
		t.Fatalf("%d listeners won; want 1", len(won))
	}
	if _, err := control.Dial(path); err != nil {
		t.Fatalf("nobody is behind the socket: %v", err)
	}
	if err := won[0].Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDialWithoutDaemon(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "control.sock")
	if _, err := control.Dial(absent); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("no socket: %v; want ErrNoDaemon", err)
	}
	path, end := serve(t, &recorder{})
	c := dial(t, path)
	end()
	if _, err := c.Status(t.Context()); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("after its end: %v; want ErrNoDaemon", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
	if _, err := control.Dial("/" + strings.Repeat("x", 107)); err == nil || errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("long path: %v; want its own error", err)
	}
}
