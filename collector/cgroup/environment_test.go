package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// askVariable makes this test program one that prints the GOMEMLIMIT of the process with that number.
const askVariable = "CGROUP_TEST_ASK"

func TestMain(m *testing.M) {
	if number, asks := os.LookupEnv(askVariable); asks {
		pid, err := strconv.Atoi(number)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(GoLimit("/proc", pid))
		return
	}
	os.Exit(m.Run())
}

// asked is what GoLimit tells another user of a process, with these capabilities alone.
func asked(t *testing.T, pid int, capabilities ...uintptr) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{askVariable + "=" + strconv.Itoa(pid)}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: capabilities}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return strings.TrimSpace(string(text))
}

// The rights of the packaged unit read what the file of the environment shows its own user alone.
func TestGoLimitOfAnotherUser(t *testing.T) {
	mapped, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 || strings.Fields(string(mapped))[2] == "1" {
		t.Skip("the test lacks a second user: needs root")
	}
	t.Setenv("AAA", strings.Repeat("x", 3*piece)) // most variables come in the order in which they were set
	t.Setenv("GOMEMLIMIT", "123MiB")
	limited := sleeper(t)
	os.Unsetenv("GOMEMLIMIT")
	free := sleeper(t)
	if got := asked(t, limited, unix.CAP_SYS_PTRACE, unix.CAP_NET_ADMIN); got != "128974848 true <nil>" {
		t.Errorf("got %s; want 123 MiB", got)
	}
	if got := asked(t, free, unix.CAP_SYS_PTRACE, unix.CAP_NET_ADMIN); got != "0 false <nil>" {
		t.Errorf("got %s; want no limit", got)
	}
	if got := asked(t, limited, unix.CAP_NET_ADMIN); !strings.Contains(got, "permission denied: needs the same user or CAP_SYS_PTRACE ") {
		t.Errorf("got %s; want the capability", got)
	}
}

// The memory of a process is the environment that its file shows, to the last byte, and ends with the process.
func TestRemote(t *testing.T) {
	t.Setenv("LONG", strings.Repeat("x", 3*piece+1))
	pid := sleeper(t)
	dir := "/proc/" + strconv.Itoa(pid)
	want, err := os.ReadFile(dir + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	where, err := readExtent(dir)
	if err != nil {
		t.Fatal(err)
	}
	read := func(where extent) (string, error) {
		text, err := io.ReadAll(bufio.NewReaderSize(&remote{dir: dir, pid: pid, extent: where, at: where.start}, piece))
		return string(text), err
	}
	if got, err := read(where); got != string(want) || err != nil {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
	another := where
	another.started++
	if got, err := read(another); got != "" || !errors.Is(err, unix.ESRCH) {
		t.Errorf("of another process with its number: read %d bytes, %v", len(got), err)
	}
}

func TestParseExtent(t *testing.T) {
	line := func(name string, fields string) string {
		return "17 (" + name + ") S" + strings.Repeat(" 0", 18) + fields
	}
	tail := " 4711" + strings.Repeat(" 1", 27) + " 100 200 0\n"
	for text, want := range map[string]extent{
		line("nakama", tail):               {4711, 100, 200},
		line("a) S 1 (b", tail):            {4711, 100, 200},
		line("nakama", tail[:len(tail)-8]): {},
		line("nakama", " 4711"+strings.Repeat(" 1", 27)+" 200 100 0\n"): {},
		line("nakama", " x"+strings.Repeat(" 1", 27)+" 100 200 0\n"):    {},
		"": {},
	} {
		if got, ok := parseExtent([]byte(text)); ok != (want != extent{}) || ok && got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, ok, want)
		}
	}
}

// What a person is told depends on what is lacking.
func TestHint(t *testing.T) {
	for want, err := range map[string]error{
		"CAP_SYS_PTRACE":       os.ErrPermission,
		"yama.ptrace_scope":    fmt.Errorf("x: %w", kept{unix.EPERM}),
		"CAP_DAC_READ_SEARCH ": kept{unix.ENOSYS},
	} {
		if got := hint(err).Error(); !strings.Contains(got, want) {
			t.Errorf("%q; want %s", got, want)
		}
	}
	if got := hint(os.ErrNotExist); got != os.ErrNotExist {
		t.Errorf("%q of a process that ended", got)
	}
}

// An extent is in order, whatever the name of the process holds.
func FuzzParseExtent(f *testing.F) {
	f.Add("nakama", uint64(4711), uint64(100), uint64(200))
	f.Add(") S 1 (", uint64(0), uint64(2), uint64(1))
	f.Fuzz(func(t *testing.T, name string, started, start, end uint64) {
		text := fmt.Sprintf("17 (%s) S%s %d%s %d %d 0\n", name, strings.Repeat(" 0", 18), started, strings.Repeat(" 1", 27), start, end)
		got, ok := parseExtent([]byte(text))
		if ok != (start <= end) || ok && got != (extent{started, start, end}) {
			t.Errorf("%q: %+v, %v", text, got, ok)
		}
		if got, ok := parseExtent([]byte(name)); ok && got.start > got.end {
			t.Errorf("%q: %+v", name, got)
		}
	})
}
