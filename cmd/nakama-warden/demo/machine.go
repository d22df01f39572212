package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// machine is a host whose processes see only each other. The hosts of a lab share one table of processes; a daemon there would
// take its neighbour's Nakama for a container of its own.
type machine struct {
	host  *lab.Host
	first *lab.Process // has the table of processes; all others end with it

	mu        sync.Mutex // guards processes
	processes []*inhabitant
}

// bootMachine starts the first process of a host.
func bootMachine(o Options, host *lab.Host) (*machine, error) {
	first, err := launch(func(cmd *exec.Cmd) (*lab.Process, error) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
		return host.Start(cmd)
	}, o.Program, o.Machine...)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", host.Name, err)
	}
	return &machine{host: host, first: first}, nil
}

// Machine is the life of a machine's first process: it shows who is there, and waits. Whoever starts a process there waits for its
// end too. Outside of a lab it refuses.
func Machine(ctx context.Context) error {
	if !lab.Isolated() || os.Getpid() != 1 {
		return errors.New("machine: this is a real machine; only the demo may make another")
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("machine: mount /proc: %w", err)
	}
	fmt.Print(serverReady)
	<-ctx.Done()
	return nil
}

// start starts a command on the machine: in its own network, or in that of one of its containers.
func (m *machine) start(network *lab.Host, cmd *exec.Cmd) (*inhabitant, error) {
	pid, err := unix.PidfdOpen(m.first.PID, 0)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", m.host.Name, err)
	}
	defer unix.Close(pid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = network.Do(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil { // who shares its root cannot have another's
			return fmt.Errorf("leave the root of the others: %w", err)
		}
		if err := unix.Setns(pid, unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWUTS); err != nil {
			return fmt.Errorf("enter the machine: %w", err)
		}
		return cmd.Start()
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: start %s: %w", m.host.Name, cmd.Path, err)
	}
	p := &inhabitant{cmd: cmd, done: make(chan struct{})}
	m.mu.Lock()
	m.processes = append(m.processes, p)
	m.mu.Unlock()
	go p.await()
	return p, nil
}

// close ends all processes. It may be called again.
func (m *machine) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.processes {
		p.Kill()
	}
	m.first.Kill()
}

// process is a program that was started: a *lab.Process, or an inhabitant of a machine.
type process interface {
	Done() <-chan struct{}
	Wait() error
	Signal(syscall.Signal) error
	Kill()
}

// inhabitant is a process of a machine.
type inhabitant struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; err is set before
	err  error
}

func (p *inhabitant) await() {
	p.err = p.cmd.Wait()
	close(p.done)
}

// Done is closed when the process has ended.
func (p *inhabitant) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process and returns what exec.Cmd.Wait does.
func (p *inhabitant) Wait() error {
	<-p.done
	return p.err
}

// Signal sends a signal.
func (p *inhabitant) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill kills the process and waits for its end. It may be called again.
func (p *inhabitant) Kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended
	<-p.done
}
