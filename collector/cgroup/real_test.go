package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The kernel's own files: a process in a cgroup within a limited one.
func TestReadOfTheKernel(t *testing.T) {
	own, found, err := memberOf("/proc", os.Getpid())
	if err != nil || !found {
		t.Skipf("needs a kernel with memory cgroups: %v", err)
	}
	top, file := topmost(t, own.version)
	outer := create(t, filepath.Join(top, fmt.Sprintf("nakama-warden-test-%d", os.Getpid())))
	if own.version == 2 { // the inner one has files of its own only if the outer hands the controller down
		put(t, filepath.Join(outer, "cgroup.subtree_control"), "+memory")
	}
	inner := create(t, filepath.Join(outer, "inner"))
	put(t, filepath.Join(outer, file), strconv.Itoa(64<<20))
	pid := sleeper(t)
	put(t, filepath.Join(inner, "cgroup.procs"), strconv.Itoa(pid))

	got, err := Read("/proc", pid, 16*gb)
	if err != nil {
		t.Fatal(err)
	}
	if got.Bytes != 64<<20 || !got.Known || !strings.HasSuffix(got.By, filepath.Base(outer)) {
		t.Errorf("Read = %+v, want 64 MiB by %s", got, outer)
	}
	put(t, filepath.Join(inner, file), strconv.Itoa(32<<20))
	if got, err = Read("/proc", pid, 16*gb); err != nil || got.Bytes != 32<<20 || !strings.HasSuffix(got.By, "/inner") {
		t.Errorf("Read = %+v, %v; want 32 MiB by %s", got, err, inner)
	}
	if got, err = Read("/proc", pid, 1<<20); err != nil || got.Bytes != 1<<20 || got.By != "host" {
		t.Errorf("Read = %+v, %v; want the host's 1 MiB", got, err)
	}
}

func TestProcessOfTheKernel(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "123MiB")
	pid := sleeper(t)
	if got, limited, err := GoLimit("/proc", pid); got != 123<<20 || !limited || err != nil {
		t.Errorf("GoLimit = %d, %v, %v", got, limited, err)
	}
	if got, limited, err := OpenFiles("/proc", pid); got == 0 || !limited || err != nil {
		t.Errorf("OpenFiles = %d, %v, %v", got, limited, err)
	}
}

// topmost returns where cgroups can be made, and the file of a limit there.
func topmost(t *testing.T, version int) (dir, file string) {
	t.Helper()
	text, err := readFile("/proc/self/mountinfo", large)
	if err != nil {
		t.Fatal(err)
	}
	mounts := parseMounts(text, version)
	if len(mounts) == 0 {
		t.Skip("needs a mounted hierarchy of the memory controller")
	}
	if version == 1 {
		return mounts[0].point, v1Limit
	}
	handed, err := readFile(filepath.Join(mounts[0].point, "cgroup.subtree_control"), small)
	if err != nil || !strings.Contains(string(handed), "memory") {
		t.Skipf("needs the memory controller in %s/cgroup.subtree_control (%v)", mounts[0].point, err)
	}
	return mounts[0].point, "memory.max"
}

func create(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("needs to make cgroups: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sleeper starts a process that waits for its end. It runs when it has answered: a program that is only just executed has
// no environment yet.
func sleeper(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if _, err := stdin.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}
