package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// play names the part that the test binary plays when it is executed again, as a program of its own that isolates
// itself.
const play = "LAB_TEST_PLAY"

func TestMain(m *testing.M) {
	part, playing := os.LookupEnv(play)
	if !playing {
		Main(m.Run)
	}
	if part == "limited" {
		forbidNamespaces()
	}
	code, err := Isolate(1, func(doors []net.Listener) int { return plays()[part](doors[0]) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

// plays are the programs that run inside. They talk to the test by lines on standard output.
func plays() map[string]func(door net.Listener) int {
	return map[string]func(net.Listener) int{
		"exit":   func(net.Listener) int { return 7 },
		"wait":   func(net.Listener) int { fmt.Println("waiting"); select {} },
		"signal": awaitSignal,
		"orphan": leaveOrphan,
		"door":   answerDoor,
		"fleet":  buildFleet,
	}
}

// forbidNamespaces lowers a limit of this process's own user namespace.
func forbidNamespaces() {
	if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0); err != nil {
		fmt.Println(err)
	}
}

func awaitSignal(net.Listener) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	fmt.Println("waiting")
	fmt.Println(<-signals)
	return 3
}

// leaveOrphan leaves a process to process 1, waits for that to reap it, and leaves one more that never ends.
func leaveOrphan(net.Listener) int {
	out, err := exec.Command("/bin/sh", "-c", "true & echo $!").Output()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	orphan := strings.TrimSpace(string(out))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := os.Stat(filepath.Join("/proc", orphan)); os.IsNotExist(err) {
			if err := exec.Command("/bin/sh", "-c", "sleep 1000 &").Start(); err != nil {
				fmt.Println(err)
			}
			fmt.Println("reaped")
			return 0
		}
	}
	fmt.Println("process", orphan, "is still there")
	return 1
}

func answerDoor(door net.Listener) int {
	fmt.Println(door.Addr())
	conn, err := door.Accept()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Fprintln(conn, "welcome to", networkNamespace())
	conn.Close()
	return 0
}

// buildFleet uses all that a lab has, for users who may do less than root.
func buildFleet(net.Listener) int {
	err := func() error {
		scratch, err := Scratch()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(scratch, "file"), []byte("text"), 0o600); err != nil {
			return err
		}
		l, err := New()
		if err != nil {
			return err
		}
		defer l.Close()
		server, err := l.Host("server")
		if err != nil {
			return err
		}
		client, err := l.Host("client")
		if err != nil {
			return err
		}
		container, err := server.Container("container", "br0")
		if err != nil {
			return err
		}
		if err := container.Listen(7351); err != nil {
			return err
		}
		if err := server.Publish(17351, container, 7351); err != nil {
			return err
		}
		for _, addr := range []netip.Addr{server.V4, server.V6} {
			if _, outcome := client.Greeting(context.Background(), netip.AddrPortFrom(addr, 17351), patience); outcome != Open {
				return fmt.Errorf("%s: %s", addr, outcome)
			}
		}
		_, err = server.Output(context.Background(), "/bin/true")
		return err
	}()
	fmt.Println("fleet:", err)
	return 0
}

// command is this test binary as a program of its own.
func command(t *testing.T, part string, as *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.SysProcAttr = as
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, marker+"=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, play+"="+part)
	return cmd
}

// perform starts it.
func perform(t *testing.T, part string, as *syscall.SysProcAttr) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := command(t, part, as)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.(*os.File).SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

func TestForbiddenNamespacesAreNamed(t *testing.T) {
	self := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	cmd := command(t, "limited", &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: self, GidMappings: self})
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if got := fmt.Sprint(err); got != "exit status 1" || len(out) > 0 {
		t.Errorf("%s, %q; want exit status 1 and no output", got, out)
	}
	if want := "forbidden by /proc/sys/user/max_net_namespaces"; !strings.Contains(complaint.String(), want) {
		t.Errorf("got %q; want %q", complaint.String(), want)
	}
}

func wantLine(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	if got, err := out.ReadString('\n'); got != want+"\n" {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// wantEnd checks that all processes inside have ended, as they hold the pipe, and what the outermost returned.
func wantEnd(t *testing.T, cmd *exec.Cmd, out *bufio.Reader, want string) {
	t.Helper()
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v; want nothing", rest, err)
		_ = cmd.Process.Kill() // what does not end by itself must not hold up the test
	}
	err := cmd.Wait()
	if got := fmt.Sprint(err); got != want {
		t.Errorf("the end: %s; want %s", got, want)
	}
}

func TestIsolatedIsProvenAndNotTrusted(t *testing.T) {
	if !Isolated() {
		t.Error("the tests do not know that they are isolated")
	}
	t.Setenv(marker, networkNamespace())
	if Isolated() {
		t.Error("isolated, in the namespace that was left")
	}
	if _, err := Isolate(0, func([]net.Listener) int { return 0 }); err == nil {
		t.Error("ran in the namespace that was left")
	}
}

func TestExitCodeIsPassedBack(t *testing.T) {
	cmd, out := perform(t, "exit", nil)
	wantEnd(t, cmd, out, "exit status 7")
}

func TestNothingOutlivesAKill(t *testing.T) {
	cmd, out := perform(t, "wait", nil)
	wantLine(t, out, "waiting")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, cmd, out, "signal: killed")
}

func TestSignalsArePassedOn(t *testing.T) {
	for signal, want := range map[os.Signal]string{unix.SIGINT: "interrupt", unix.SIGTERM: "terminated", unix.SIGHUP: "hangup"} {
		cmd, out := perform(t, "signal", nil)
		wantLine(t, out, "waiting")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		wantLine(t, out, want)
		wantEnd(t, cmd, out, "exit status 3")
	}
}

func TestOrphansAreReapedAndEndWithTheProgram(t *testing.T) {
	cmd, out := perform(t, "orphan", nil)
	wantLine(t, out, "reaped")
	wantEnd(t, cmd, out, "<nil>")
}

func TestDoorsLeadInside(t *testing.T) {
	cmd, out := perform(t, "door", nil)
	address, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "welcome to net:[") || strings.Contains(string(answer), networkNamespace()) {
		t.Errorf("behind the door: %q, %v; want another network namespace than %s", answer, err, networkNamespace())
	}
	wantEnd(t, cmd, out, "<nil>")
}

func TestOrdinaryUsersHaveLabsToo(t *testing.T) {
	const nobody = 65534
	var as *syscall.SysProcAttr
	if isMachineRoot() { // others are ordinary users already, and cannot become another
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	cmd, out := perform(t, "fleet", as)
	wantLine(t, out, "fleet: <nil>")
	wantEnd(t, cmd, out, "<nil>")
}
