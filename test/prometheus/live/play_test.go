package live

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// playVariable makes this test binary a Nakama of which 56 descriptors of 64 are in use. Its name, which the daemon looks at, is the
// link's that it is started by.
const playVariable = "NAKAMA_WARDEN_LIVE_PLAY"

const (
	descriptors = 64
	inUse       = 56
	listens     = "listens\n"
)

// play is the life of it. It ends when it is killed.
func play() error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", ":7350")
	if err != nil {
		return err
	}
	defer listener.Close()
	var files []*os.File
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		files = append(files, file)
		if file.Fd() >= inUse-1 {
			break
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: descriptors, Max: descriptors}); err != nil {
		return err
	}
	fmt.Print(listens)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept, with %d files open: %w", len(files), err)
		}
		_ = conn.Close() // it has nothing to say
	}
}

// playNakama starts it and waits until it listens.
func (s *stage) playNakama() *lab.Process {
	s.t.Helper()
	self, err := os.Executable()
	must(s.t, err)
	must(s.t, os.Symlink(self, s.path("nakama")))
	cmd := exec.Command(s.path("nakama"))
	cmd.Env = append(os.Environ(), playVariable+"=1")
	said, output, err := os.Pipe()
	must(s.t, err)
	defer said.Close()
	cmd.Stdout, cmd.Stderr = output, output
	p, err := s.host.Start(cmd)
	_ = output.Close() // the program has its own
	must(s.t, err)
	if line, err := bufio.NewReader(said).ReadString('\n'); line != listens {
		p.Kill()
		s.t.Fatalf("it says %q, %v", line, err)
	}
	return p
}
