package store

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
	"golang.org/x/sys/unix"
)

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

func mountTmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	must(t, unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	must(t, err)
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	must(t, f.Close())
	return func() { must(t, os.Remove(name)) }
}

func TestFullDisk(t *testing.T) {
	if !inMountNamespace(t) {
		return
	}
	dir := mountTmpfs(t, 1<<20)
	path := filepath.Join(dir, "db")
	free := fill(t, dir)
	s := open(t, path, Options{})
	if !strings.Contains(s.Problem(), "memory only") {
		t.Errorf("full from the start: problem %q", s.Problem())
	}
	must(t, s.Put("a", "b", "c"))
	must(t, s.Close())
	free()

	must(t, os.Remove(path))
	s = open(t, path, Options{})
	must(t, s.Put("a", "b", "kept"))
	free = fill(t, dir)
	if err := s.Put("a", "large", strings.Repeat("x", 100000)); err == nil || !strings.Contains(s.Problem(), "no space") {
		t.Errorf("full while running: error %v, problem %q", err, s.Problem())
	}
	if strings.Count(s.Problem(), path) != 1 {
		t.Errorf("%q; want the file named once", s.Problem())
	}
	wantValue(t, s, "a", "b", "kept")
	free()
	must(t, s.Put("a", "large", strings.Repeat("x", 100000)))
	if s.Problem() != "" {
		t.Errorf("space again: problem %q", s.Problem())
	}
}

func TestReadOnlyDisk(t *testing.T) {
	if !inMountNamespace(t) {
		return
	}
	dir := mountTmpfs(t, 1<<20)
	path := filepath.Join(dir, "db")
	s := open(t, path, Options{})
	must(t, s.Put("a", "b", "kept"))
	must(t, s.AppendEvents(numbered(status.KindDrift, 2)))
	must(t, s.Close())
	must(t, unix.Mount("none", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))

	s = open(t, path, Options{})
	if !strings.Contains(s.Problem(), "memory only") || !strings.Contains(s.Problem(), "read-only") {
		t.Errorf("problem %q", s.Problem())
	}
	wantValue(t, s, "a", "b", "kept")
	must(t, s.Put("a", "b", "changed"))
	wantValue(t, s, "a", "b", "changed")
	must(t, s.AppendEvents(numbered(status.KindDrift, 1)))
	wantSequences(t, s, status.EventQuery{}, 1, 2, uint64(noon().Unix())+1)
}
