package journald

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// In a namespace where our socket is the journal's: what a hostile value looks like on the wire, and that standard error is
// recognised as the journal's.
func TestTheWire(t *testing.T) {
	if !inMountNamespace(t) {
		return
	}
	socket := journalAt(t)
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup2(int(stderr.Fd()), 2); err != nil {
		t.Fatal(err)
	}
	var is unix.Stat_t
	if err := unix.Fstat(2, &is); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", is.Dev, is.Ino))

	log := Upgrade(slog.New(slog.NewTextHandler(stderr, nil)))
	log.Warn("a drift", "argv0", "nft\nPRIORITY=0\n\x00\x1b[31m")

	datagram := make([]byte, 1<<16)
	n, err := socket.Read(datagram)
	if err != nil {
		t.Fatal(err)
	}
	got := datagram[:n]
	value := "nft\nPRIORITY=0\n\x00\x1b[31m"
	want := "NAKAMA_WARDEN_ARGV0\n" + string([]byte{byte(len(value)), 0, 0, 0, 0, 0, 0, 0}) + value + "\n"
	if !bytes.Contains(got, []byte(want)) || !bytes.HasPrefix(got, []byte("PRIORITY=4\nMESSAGE=a drift\n")) {
		t.Errorf("sent %q", got)
	}
	if text, err := os.ReadFile(stderr.Name()); err != nil || len(text) > 0 {
		t.Errorf("standard error has %q too, %v", text, err)
	}
}

// journalAt listens where the journal does.
func journalAt(t *testing.T) *net.UnixConn {
	t.Helper()
	dir := "/run/systemd/journal"
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// inMountNamespace runs the calling test again in a process that may mount, and reports whether this is that process.
func inMountNamespace(t *testing.T) bool {
	t.Helper()
	const mark = "NAKAMA_WARDEN_TEST_MAY_MOUNT"
	if os.Getenv(mark) != "" {
		return true
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), mark+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := again.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("user namespaces are lacking: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in a mount namespace: %v\n%s", err, out)
	}
	return false
}
