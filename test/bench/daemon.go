package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// supervisor does for a daemon what systemd does: it waits for READY, keeps descriptors, and starts it again.
type supervisor struct {
	host    *lab.Host
	program string
	config  string
	state   string
	keep    bool // descriptors

	notifications *net.UnixConn
	ready         chan struct{}
	mu            sync.Mutex // guards kept
	kept          *os.File
	reading       sync.WaitGroup
	daemon        *lab.Process
}

// supervise starts a daemon with a configuration and waits until its rules are in place.
func supervise(host *lab.Host, program, dir, config string, keep bool) (*supervisor, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &supervisor{host: host, program: program, config: filepath.Join(dir, "config.yaml"), state: dir, keep: keep, ready: make(chan struct{}, 16)}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		return nil, err
	}
	address := &net.UnixAddr{Name: filepath.Join(dir, "notify.sock"), Net: "unixgram"}
	var err error
	if s.notifications, err = net.ListenUnixgram("unixgram", address); err != nil {
		return nil, err
	}
	s.reading.Go(s.read)
	return s, s.start()
}

// startWithin is how long a start may take.
const startWithin = 15 * time.Second

// start starts the daemon with what was kept, as systemd passes descriptors, and waits for READY.
func (s *supervisor) start() error {
	command := fmt.Sprintf(`exec %s run --config %s --state %s 2>%s`, s.program, s.config, s.state, s.log())
	cmd := exec.Command("sh", "-c", command)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.notifications.LocalAddr().String())
	s.mu.Lock()
	kept := s.kept
	s.mu.Unlock()
	if kept != nil {
		cmd.Args[2] = "export LISTEN_PID=$$; " + command
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=nftables")
		cmd.ExtraFiles = []*os.File{kept}
	}
	if !s.keep {
		cmd.Env = append(cmd.Env, "FDSTORE=0")
	}
	for len(s.ready) > 0 {
		<-s.ready
	}
	var err error
	if s.daemon, err = s.host.Start(cmd); err != nil {
		return err
	}
	select {
	case <-s.ready:
		return nil
	case <-s.daemon.Done():
		return errors.New("the daemon ended before it was ready")
	case <-time.After(startWithin):
		return errors.New("the daemon is not ready")
	}
}

func (s *supervisor) log() string { return filepath.Join(s.state, "log") }

// kill ends the daemon as the kernel does when memory runs out, and waits for its end.
func (s *supervisor) kill() error { return s.signal(syscall.SIGKILL) }

// signal ends the daemon and waits for it. One that is gone already says why in the error.
func (s *supervisor) signal(sig syscall.Signal) error {
	err := s.daemon.Signal(sig)
	<-s.daemon.Done()
	if err != nil {
		log, _ := os.ReadFile(s.log())
		return fmt.Errorf("%w; its last words: %s", err, log[max(0, len(log)-2000):])
	}
	return nil
}

// end ends the daemon, rules in place.
func (s *supervisor) end() error {
	err := errors.Join(s.signal(syscall.SIGTERM), s.notifications.Close())
	s.reading.Wait()
	if s.kept != nil {
		err = errors.Join(err, s.kept.Close())
	}
	return err
}

// read takes notifications: READY, descriptors to keep, barriers to close.
func (s *supervisor) read() {
	text, rights := make([]byte, 4096), make([]byte, 256)
	for {
		n, oob, _, _, err := s.notifications.ReadMsgUnix(text, rights)
		if err != nil {
			return
		}
		message := string(text[:n])
		for _, f := range files(rights[:oob]) {
			if strings.HasPrefix(message, "FDSTORE=1") && s.keep {
				s.mu.Lock()
				s.kept = f
				s.mu.Unlock()
				continue
			}
			_ = f.Close() // a barrier: its sender waits for this
		}
		if strings.Contains(message, "READY=1") {
			s.ready <- struct{}{}
		}
	}
}

func files(rights []byte) []*os.File {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	var found []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			found = append(found, os.NewFile(uintptr(fd), "kept"))
		}
	}
	return found
}
