package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that runs on a host.
type Process struct {
	PID int

	process *os.Process
	done    chan struct{} // closed when the process has ended; err is set before
	err     error
}

// outputAfterEnd is how long a process's output is read after its end, where its children have inherited it.
const outputAfterEnd = time.Second

// Start starts a command on the host, in a process group of its own and with the host's name as its hostname. The whole
// group is killed when the host is closed.
func (h *Host) Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = outputAfterEnd
	}
	err := h.do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			return fmt.Errorf("make a UTS namespace: %w", err)
		}
		if err := unix.Sethostname([]byte(h.Name)); err != nil {
			return fmt.Errorf("set hostname: %w", err)
		}
		return cmd.Start()
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: start %s: %w", h.Name, cmd.Path, err)
	}
	p := &Process{PID: cmd.Process.Pid, process: cmd.Process, done: make(chan struct{})}
	h.mu.Lock()
	h.processes = append(h.processes, p)
	h.mu.Unlock()
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Output runs a program on the host and returns its standard output. An error carries its standard error.
func (h *Host) Output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	p, err := h.Start(cmd)
	if err != nil {
		return nil, err
	}
	err = p.Wait()
	h.forget(p)
	if err != nil {
		return out.Bytes(), fmt.Errorf("host %s: %s: %w: %s", h.Name, strings.Join(cmd.Args, " "), err,
			strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process and returns what exec.Cmd.Wait does.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.process.Signal(s) }

// Kill kills the process and its group, and waits for the end of the process. It may be called again.
func (p *Process) Kill() {
	_ = unix.Kill(-p.PID, unix.SIGKILL) // an error means that all have ended
	<-p.done
}

// forget keeps hosts that run many short programs from remembering them all.
func (h *Host) forget(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.processes = slices.DeleteFunc(h.processes, func(other *Process) bool { return other == p })
}
