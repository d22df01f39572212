package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// daemon is one run of the program as a service, with this test as its systemd.
type daemon struct {
	process *lab.Process
	notices *notices
}

func (d *daemon) close() {
	d.process.Kill()
	d.notices.close()
}

// start starts the daemon and waits until it says that it is ready. One that ends before that has failed: its words are
// the standard error.
func start(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 1, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	if h.daemon != nil {
		h.daemon.close()
	}
	said := h.logSize()
	if h.daemon, err = s.run(h, args[1:]); err != nil {
		return err
	}
	select {
	case <-h.daemon.notices.await("READY=1"):
		return nil
	case <-h.daemon.process.Done():
		s.keepExit(h.daemon.process.Wait())
		_, _ = fmt.Fprint(ts.Stderr(), h.log()[said:]) // into memory
		return fmt.Errorf("the daemon ended with %d", s.exit)
	case <-time.After(patience):
		return usageError("neither ready nor ended after " + patience.String())
	}
}

func (s *scene) run(h *host, environment []string) (*daemon, error) {
	n, err := listenNotices(filepath.Join(h.dir, "notify"))
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(h.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, n.socket.Close())
	}
	defer log.Close() // the daemon has its own descriptor
	name, args := s.program, []string{"run", "--config", h.config(), "--state", h.state()}
	if i := slices.Index(environment, "--"); i >= 0 { // behind it, a program that runs ours
		wrapper := environment[i+1:]
		environment, name, args = environment[:i], wrapper[0], slices.Concat(wrapper[1:], []string{name}, args)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(h.dir, "notify"))
	cmd.Env = append(cmd.Env, environment...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := h.Start(cmd)
	if err != nil {
		return nil, errors.Join(err, n.socket.Close())
	}
	return &daemon{process: p, notices: n}, nil
}

func reload(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	h.daemon.notices.forget()
	if err := h.daemon.process.Signal(unix.SIGHUP); err != nil {
		return err
	}
	return h.daemon.notices.expect("READY=1")
}

// stopWithin is what the daemon promises.
const stopWithin = 5 * time.Second

func sigterm(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	if err := h.daemon.process.Signal(unix.SIGTERM); err != nil {
		return err
	}
	select {
	case <-h.daemon.process.Done():
	case <-time.After(stopWithin):
		return usageError("the daemon has not ended after " + stopWithin.String())
	}
	if s.keepExit(h.daemon.process.Wait()); s.exit != 0 {
		return fmt.Errorf("the daemon ended with %d", s.exit)
	}
	return nil
}

func kill9(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	h.daemon.process.Kill()
	return nil
}

// warden runs the command line on a host.
func warden(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 2, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	out, complaint, err := s.command(h, args[1:]...)
	_, _ = ts.Stdout().Write(out) // into memory
	_, _ = ts.Stderr().Write(complaint)
	s.output = string(out)
	if err != nil {
		return fmt.Errorf("%w: %s", err, complaint)
	}
	return nil
}

// command runs the program to its end and keeps its exit code.
func (s *scene) command(h *host, args ...string) (out, complaint []byte, err error) {
	var outBuffer, errBuffer bytes.Buffer
	cmd := exec.CommandContext(s.ctx, s.program, slices.Concat(args, []string{"--config", h.config(), "--state", h.state()})...)
	cmd.Stdout, cmd.Stderr = &outBuffer, &errBuffer
	p, err := h.Start(cmd)
	if err != nil {
		return nil, nil, err
	}
	err = p.Wait()
	s.keepExit(err)
	return outBuffer.Bytes(), errBuffer.Bytes(), err
}

func (s *scene) keepExit(err error) {
	s.exit = 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		s.exit = ended.ExitCode()
	} else if err != nil {
		s.exit = -1
	}
}

func exitCode(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	if got := fmt.Sprint(s.exit); got != args[0] {
		return fmt.Errorf("the exit code was %s", got)
	}
	return nil
}

func notified(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	return h.daemon.notices.expect(args[1])
}

// readOnly covers the state of a host with an empty file system that nobody can write to.
func readOnly(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.state(), 0o700); err != nil {
		return err
	}
	return unix.Mount("tmpfs", h.state(), "tmpfs", unix.MS_RDONLY, "")
}

// notices are what a daemon tells its service manager, newest last.
type notices struct {
	socket *net.UnixConn
	ended  chan struct{}

	mu      sync.Mutex // guards what follows
	lines   []string
	waiting map[string]chan struct{} // closed when the line comes
}

func listenNotices(path string) (*notices, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n := &notices{socket: socket, ended: make(chan struct{}), waiting: map[string]chan struct{}{}}
	go n.read()
	return n, nil
}

func (n *notices) close() {
	_ = n.socket.Close() // ends read
	<-n.ended
}

func (n *notices) read() {
	defer close(n.ended)
	buffer := make([]byte, 64<<10)
	for {
		size, err := n.socket.Read(buffer)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return // closed
		}
		n.take(strings.Split(string(buffer[:size]), "\n"))
	}
}

func (n *notices) take(lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, lines...)
	for _, line := range lines {
		if came, waited := n.waiting[line]; waited {
			close(came)
			delete(n.waiting, line)
		}
	}
}

// await returns a channel that is closed when the line has come.
func (n *notices) await(line string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	came, waited := n.waiting[line]
	if !waited {
		came = make(chan struct{})
		if slices.Contains(n.lines, line) {
			close(came)
			return came
		}
		n.waiting[line] = came
	}
	return came
}

func (n *notices) expect(line string) error {
	select {
	case <-n.await(line):
		return nil
	case <-time.After(patience):
		n.mu.Lock()
		defer n.mu.Unlock()
		return fmt.Errorf("not heard in %s; heard %q", patience, n.lines)
	}
}

// forget makes the lines before this instant not count.
func (n *notices) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = nil
}
