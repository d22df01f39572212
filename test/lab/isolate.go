package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is the environment variable that carries the name of the network namespace that was left. A process that
// carries it is isolated if and only if it is in another namespace: proof, not trust.
const marker = "NAKAMA_WARDEN_LAB_LEFT"

// Main runs the program inside namespaces of its own and exits with what run returns; where namespaces cannot be had
// it says what is missing and exits with 1. It is the whole TestMain of a package that needs a lab:
//
//	func TestMain(m *testing.M) { lab.Main(m.Run) }
func Main(run func() int) {
	code, err := Isolate(0, func([]net.Listener) int { return run() })
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// Isolate executes this program again, with the same arguments, in fresh network, mount, pid and UTS namespaces (and a
// user namespace that maps the caller to root, where the caller is not root), and there calls run. It returns what the
// run inside returned; inside, run gets as many doors as were asked for: listeners on the loopback of the network
// that was left. Call it on the main goroutine, and early: all before it happens three times.
//
// Three processes take part: the caller, who waits and passes signals on; the first process of the pid namespace, who
// reaps; and its child, who runs. When the caller dies the kernel kills the second, and with it all that is inside.
func Isolate(doors int, run func(doors []net.Listener) int) (int, error) {
	switch left, marked := os.LookupEnv(marker); {
	case !marked:
		return isolate(doors)
	case os.Getpid() == 1:
		return firstProcess(doors)
	case !Isolated():
		return 0, fmt.Errorf("%s is set, but this is still network namespace %s: unset it", marker, left)
	}
	listeners, err := openDoors(doors)
	if err != nil {
		return 0, err
	}
	return run(listeners), nil
}

// Isolated says whether this process runs inside Isolate. What would harm a machine asks first.
func Isolated() bool {
	left, marked := os.LookupEnv(marker)
	return marked && left != networkNamespace()
}

// isolate runs the program inside and waits for its end.
func isolate(doors int) (int, error) {
	// The kernel sends the parent-death signal when the thread ends that made the child, so this one must stay.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn()...)
	defer signal.Stop(signals)

	listeners, err := listenOutside(doors)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), marker+"="+networkNamespace())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = listeners
	cmd.SysProcAttr = namespaces()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("enter namespaces: %w%s", err, remedy(err))
	}
	for _, f := range listeners {
		f.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // an error means that it has ended, which `ended` tells next
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return 0, fmt.Errorf("wait for the program inside: %w", err)
			}
			return exitCode(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
		}
	}
}

// passedOn are the signals that reach the program inside. SIGQUIT is one so that `go test -timeout` shows the
// stacks of the tests and not those of the process that waits for them.
func passedOn() []os.Signal {
	return []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT}
}

// namespaces says what the child gets for itself. A process group of its own keeps a terminal's Ctrl-C from arriving
// twice: once from the terminal, once passed on.
func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS,
		Pdeathsig:  unix.SIGKILL,
		Setpgid:    true,
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = idMap(os.Geteuid())
		attr.GidMappings = idMap(os.Getegid())
	}
	return attr
}

// remedy says what forbids namespaces, as far as it can be seen.
func remedy(err error) string {
	root := isMachineRoot()
	for _, limit := range []struct {
		file, value string
		root        bool // it binds root too
	}{
		{"/proc/sys/user/max_net_namespaces", "0", true},
		{"/proc/sys/user/max_pid_namespaces", "0", true},
		{"/proc/sys/user/max_user_namespaces", "0", false},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", false},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", false},
	} {
		text, readErr := os.ReadFile(limit.file)
		if readErr == nil && strings.TrimSpace(string(text)) == limit.value && (limit.root || !root) {
			return fmt.Sprintf(": forbidden by %s, which is %s (change it, or run where it is not)", limit.file, limit.value)
		}
	}
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return ": this kernel lacks network, pid, UTS or user namespaces"
	case root:
		return ": needs CAP_SYS_ADMIN, which root in a container usually lacks (run on the machine itself)"
	}
	return ": an ordinary user needs user namespaces (run as root where they are forbidden)"
}

// isMachineRoot says whether this process is root outside of every user namespace: inside one, everybody is root.
func isMachineRoot() bool {
	mapping, err := os.ReadFile("/proc/self/uid_map")
	return os.Geteuid() == 0 && err == nil && strings.Join(strings.Fields(string(mapping)), " ") == "0 0 4294967295"
}

func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal()) // as a shell does
	}
	return status.ExitStatus()
}

func networkNamespace() string {
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return "unknown: " + err.Error()
	}
	return name
}
