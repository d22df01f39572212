package scenario

import (
	"fmt"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// succession is what systemd starts in the place of a daemon that was killed.
type succession struct {
	daemon *daemon
	err    error
}

// hang stops a daemon without ending it: it holds its socket and its table and answers nobody. With "restart" its
// service manager starts another as soon as it is killed.
func hang(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 2); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	if err := h.daemon.process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	if len(args) == 2 && args[1] != "restart" {
		return usageError(args[1] + ": want restart")
	}
	if len(args) == 1 {
		return nil
	}
	hung := h.daemon.process
	h.successor = make(chan succession, 1)
	go func() {
		defer close(h.successor)
		select {
		case <-hung.Done():
			d, err := s.run(h, nil)
			h.successor <- succession{d, err}
		case <-s.ctx.Done():
		}
	}()
	return nil
}

// restarted waits for the one that was started in the place of a hung daemon.
func restarted(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	select {
	case next, came := <-h.successor:
		if !came || next.err != nil {
			return fmt.Errorf("no successor: %w", next.err)
		}
		h.daemon.close()
		h.daemon = next.daemon
	case <-time.After(patience):
		return usageError("the hung daemon still lives after " + patience.String())
	}
	return h.daemon.notices.expect("READY=1")
}

// abandon ends a successor that nobody asked for.
func (h *host) abandon() {
	if h.successor == nil {
		return
	}
	if next := <-h.successor; next.daemon != nil {
		next.daemon.close()
	}
}
