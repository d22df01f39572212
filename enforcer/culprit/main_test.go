package culprit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// play names what this test binary is to be when it is executed as a program of its own.
const play = "NAKAMA_WARDEN_CULPRIT_PLAY"

// The tests run outside of a lab: the kernel tells of executed programs in the host's namespaces only. They change
// nothing there.
func TestMain(m *testing.M) {
	switch os.Getenv(play) {
	case "":
		os.Exit(m.Run())
	case "end":
	case "stay":
		fmt.Println(threadOfItsOwn())
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
	case "ask":
		answer()
	case "ask inside":
		code, err := lab.Isolate(0, func([]net.Listener) int { answer(); return 0 })
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(code)
	}
}

// threadOfItsOwn returns the number of a thread that is not the first of the process and stays.
func threadOfItsOwn() int {
	number := make(chan int)
	var hold func()
	hold = func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			go hold() // this one is held here, so that one is another
		} else {
			number <- unix.Gettid()
		}
		select {}
	}
	go hold()
	return <-number
}

// answered is what a program finds out about itself, by its own number, where it runs.
type answered struct {
	Person Person
	Reason string
	PID    int
}

func answer() {
	w := Open(time.Now)
	defer w.Close()
	self, err := readProcess(os.Getpid())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	person := w.Identify(self.comm, uint32(os.Getpid()), time.Now())
	_ = json.NewEncoder(os.Stdout).Encode(answered{person, w.Reason(), os.Getpid()})
}

// ask runs a program as described and returns what it answers.
func ask(t *testing.T, part string, as *syscall.SysProcAttr) answered {
	t.Helper()
	cmd := program(t, "asking", part)
	cmd.SysProcAttr = as
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var a answered
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return a
}

// program is this test binary under another name.
func program(t testing.TB, name, part string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	// A program built with the race detector otherwise lingers for a second.
	cmd.Env = append(os.Environ(), play+"="+part, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// stay starts a program that runs until the test ends and returns its number and that of one of its threads.
func stay(t testing.TB, name string, args ...string) (pid, thread int) {
	t.Helper()
	cmd := program(t, name, "stay", args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if _, err := fmt.Fscan(bufio.NewReader(out), &thread); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, thread
}

// open returns a Watch that hears of executed programs, where the test may have one.
func open(t testing.TB) *Watch {
	t.Helper()
	w := Open(time.Now)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.connector == nil {
		t.Skip("the test lacks the proc connector: ", w.Reason())
	}
	return w
}

// withoutConnector is a Watch as it is where the connector is not allowed.
func withoutConnector(t testing.TB) *Watch {
	t.Helper()
	if !inInitial("pid", initialPID) {
		t.Skip("the test lacks the initial PID namespace")
	}
	return &Watch{now: time.Now, numbered: true}
}

func nameOf(t testing.TB, pid int) string {
	t.Helper()
	p, err := readProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p.comm
}
