package keep

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// endLimit is how long a program may take to end: a demo closes its hosts, Prometheus its database.
const endLimit = 30 * time.Second

// processes are the programs that were started. They end with the context, on SIGTERM.
type processes struct {
	ctx     context.Context
	started []*exec.Cmd
	reading sync.WaitGroup
}

// start starts a program, and returns what it says.
func (p *processes) start(program string, args ...string) (io.Reader, error) {
	cmd := exec.CommandContext(p.ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C on the terminal is for us; theirs is the SIGTERM
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endLimit
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p.started = append(p.started, cmd)
	return out, nil
}

// discard reads what a program says, to its end.
func (p *processes) discard(out io.Reader) {
	p.reading.Go(func() { _, _ = io.Copy(io.Discard, out) })
}

// wait waits until all have ended, which is after the end of the context. How they end is of no interest: they were told to.
func (p *processes) wait() {
	p.reading.Wait()
	for _, cmd := range p.started {
		_ = cmd.Wait()
	}
}
