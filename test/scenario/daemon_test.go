package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	n, err := listenNotices(filepath.Join(h.dir, "notify"), &h.store)
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
	kept := h.store.files()
	if len(kept) > 0 { // LISTEN_PID is the daemon's own, which nobody knows before it is there
		args = slices.Concat([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, name}, args)
		name = "sh"
	}
	cmd := exec.Command(name, args...)
	cmd.ExtraFiles = kept
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(h.dir, "notify"), "FDSTORE=0",
		fmt.Sprint("LISTEN_FDS=", len(kept)), "LISTEN_FDNAMES=nftables")
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
	h.store.forget()
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
	cmd := exec.CommandContext(s.ctx, s.program, slices.Concat([]string{"--config", h.config(), "--state", h.state()}, args)...)
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

// exits claims that a command ends with a code.
func exits(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, -1); err != nil {
		return err
	}
	h, err := s.host(args[1])
	if err != nil {
		return err
	}
	out, complaint, _ := s.command(h, args[2:]...) // the exit code is kept
	if got := fmt.Sprint(s.exit); got != args[0] {
		return fmt.Errorf("it exits with %s: %s%s", got, out, complaint)
	}
	return nil
}
