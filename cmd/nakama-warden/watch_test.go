package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/agent"
	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/status"
)

// knowing is a daemon that only knows its status; asked for a plan, it waits until it may answer.
type knowing struct {
	control.Backend
	host atomic.Pointer[status.Host]
	plan chan status.Plan
}

func (k *knowing) Status(context.Context) (status.Host, error) { return *k.host.Load(), nil }

func (k *knowing) Plan(ctx context.Context, _ status.PlanRequest) (status.Plan, error) {
	select {
	case plan := <-k.plan:
		return plan, nil
	case <-ctx.Done():
		return status.Plan{}, ctx.Err()
	}
}

func (k *knowing) call(hostname string) {
	k.host.Store(&status.Host{Time: time.Unix(1e9, 0), Hostname: hostname, Firewall: status.Firewall{State: "enforcing", Verified: true, Grip: "owned"},
		Services: []status.Service{{Name: "nakama-api", Mode: "enforce", Enforced: true}}})
}

// serveKnowing returns a daemon and its state directory.
func serveKnowing(t *testing.T) (*knowing, string) {
	t.Helper()
	k := &knowing{plan: make(chan status.Plan)}
	k.call("first")
	state := t.TempDir()
	l, err := control.Listen(agent.SocketPath(state))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- control.Serve(ctx, l, k) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return k, state
}

const asCommand = "NAKAMA_WARDEN_TEST_ARGUMENTS"

// TestAsCommand is what the other tests run on a terminal of its own: the command itself.
func TestAsCommand(t *testing.T) {
	arguments := os.Getenv(asCommand)
	if arguments == "" {
		return
	}
	os.Args = append([]string{"nakama-warden"}, strings.Split(arguments, "\n")...)
	main()
}

// terminal is a pseudo-terminal with a command on it.
type terminal struct {
	t      testing.TB
	near   *os.File
	cmd    *exec.Cmd
	chunks chan string
	seen   string // and not yet awaited
}

// openTerminal returns a terminal, and the end that a command has.
func openTerminal(t *testing.T) (x *terminal, far *os.File) {
	t.Helper()
	near, far, err := pty.Open()
	if err != nil {
		t.Skipf("lacks pseudo-terminals: %v", err)
	}
	x = &terminal{t: t, near: near, chunks: make(chan string)}
	x.resize(80, 24)
	return x, far
}

func startOnTerminal(t *testing.T, arguments ...string) *terminal {
	t.Helper()
	x, far := openTerminal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x.cmd = exec.Command(self, "-test.run=^TestAsCommand$")
	x.cmd.Env = append(os.Environ(), asCommand+"="+strings.Join(arguments, "\n"), "TERM=xterm", "NO_COLOR=1")
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = far, far, far
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(x.cmd.Start(), far.Close()); err != nil {
		t.Fatal(err)
	}
	go x.read()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill() // where the test has failed
		_ = x.cmd.Wait()
		for range x.chunks {
		}
		_ = x.near.Close()
	})
	return x
}

// read ends when the command has let go of the terminal.
func (x *terminal) read() {
	defer close(x.chunks)
	buffer := make([]byte, 4096)
	for {
		n, err := x.near.Read(buffer)
		if n > 0 {
			x.chunks <- string(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (x *terminal) resize(columns, rows uint16) {
	x.t.Helper()
	if err := pty.Setsize(x.near, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
		x.t.Fatal(err)
	}
}

// await returns what was written up to and with text.
func (x *terminal) await(text string) string {
	x.t.Helper()
	late := time.After(20 * time.Second)
	for {
		if at := strings.Index(x.seen, text); at >= 0 {
			before := x.seen[:at+len(text)]
			x.seen = x.seen[at+len(text):]
			return before
		}
		select {
		case chunk, open := <-x.chunks:
			if !open {
				x.t.Fatalf("the command has ended, and wrote no %q but %q", text, x.seen)
			}
			x.seen += chunk
		case <-late:
			x.t.Fatalf("no %q within 20 s; seen: %q", text, x.seen)
		}
	}
}

// end waits for the command and returns what it wrote at last, and its exit code.
func (x *terminal) end() (string, int) {
	for chunk := range x.chunks {
		x.seen += chunk
	}
	_ = x.cmd.Wait() // the code tells
	return x.seen, x.cmd.ProcessState.ExitCode()
}

func (x *terminal) press(key string) {
	x.t.Helper()
	if _, err := io.WriteString(x.near, key); err != nil {
		x.t.Fatal(err)
	}
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	clearScreen = "\x1b[H\x1b[2J"
)

func TestWatchUpdatesInPlaceAndGivesTheTerminalBack(t *testing.T) {
	daemon, state := serveKnowing(t)
	x := startOnTerminal(t, "status", "--watch", "--state", state)
	x.await(enterScreen)
	x.await("first")
	daemon.call("second")
	if update := x.await("second"); strings.Contains(update, clearScreen) || strings.Contains(update, "SAFE") {
		t.Errorf("more is written than has changed: %q", update)
	}
	x.press("hello\r")
	x.press("\x03")
	last, code := x.end()
	if code != 0 || !strings.HasSuffix(last, leaveScreen) || strings.Contains(last, "hello") {
		t.Errorf("exit code %d, and at last %q; want 0, and the terminal as it was, without what was typed", code, last)
	}
}

// Without a tick: the resize alone has the page laid out anew, and the answer there is.
func TestWatchFollowsAResize(t *testing.T) {
	x, far := openTerminal(t)
	go x.read()
	w := watch{terminal: far, host: status.Host{Hostname: "first"}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.run(ctx, nil) }()
	x.await("first")
	x.resize(60, 10)
	if err := unix.Kill(unix.Getpid(), unix.SIGWINCH); err != nil { // no job of this terminal: the kernel tells it nothing
		t.Fatal(err)
	}
	if redrawn := x.await("first"); !strings.Contains(redrawn, clearScreen) {
		t.Errorf("after a resize: %q; want all anew", redrawn)
	}
	cancel()
	x.await(leaveScreen)
	if err := errors.Join(<-ended, far.Close()); err != nil {
		t.Error(err)
	}
	for range x.chunks {
	}
	if err := x.near.Close(); err != nil {
		t.Error(err)
	}
}

func TestWatchGivesTheTerminalBackWhateverEndsIt(t *testing.T) {
	for _, s := range []syscall.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		t.Run(unix.SignalName(s), func(t *testing.T) {
			_, state := serveKnowing(t)
			x := startOnTerminal(t, "status", "--watch", "--state", state)
			x.await("first")
			if err := x.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if last, code := x.end(); code != 0 || !strings.HasSuffix(last, leaveScreen) {
				t.Errorf("exit code %d, and at last %q", code, last)
			}
		})
	}
}

func TestWatchIsSuspendedAndGoesOn(t *testing.T) {
	_, state := serveKnowing(t)
	x := startOnTerminal(t, "status", "--watch", "--state", state)
	x.await("first")
	x.press("\x1a")
	x.await(leaveScreen)
	if err := unix.Waitid(unix.P_PID, x.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	x.await(enterScreen)
	x.await("first")
	x.press("\x03")
	if last, code := x.end(); code != 0 || !strings.HasSuffix(last, leaveScreen) {
		t.Errorf("exit code %d, and at last %q", code, last)
	}
}

func TestWhatTakesLongSaysSoOnATerminal(t *testing.T) {
	daemon, state := serveKnowing(t)
	x := startOnTerminal(t, "plan", "--state", state)
	x.await("comparing the policy with the kernel … 1 s")
	daemon.plan <- status.Plan{}
	if last, code := x.end(); code != 0 || !strings.HasSuffix(last, "\r\x1b[KNo changes: the kernel holds the declared policy.\r\n") {
		t.Errorf("exit code %d, and at last %q; want the plan in place of the progress", code, last)
	}
}

// In a pipe pages follow each other, without a sequence.
func TestWatchInAPipeIsPlain(t *testing.T) {
	_, state := serveKnowing(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestAsCommand$")
	cmd.Env = append(os.Environ(), asCommand+"="+strings.Join([]string{"status", "--watch", "--state", state}, "\n"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 300)
	if _, err := io.ReadFull(out, page); err != nil {
		t.Fatal(err)
	}
	if text := string(page); strings.Count(text, "SAFE") < 2 || strings.Contains(text, "\x1b") {
		t.Errorf("%q; want page after page, plain", text)
	}
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; want exit code 0", err)
	}
}
