package scenario

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// playVariable makes this test binary another program: "serve HOST PORT…" greets as the lab's listeners do, "forward PORT
// ADDRESS:PORT" leads connections elsewhere. Its name, which the guard looks at, is the link's it is started by.
const playVariable = "NAKAMA_WARDEN_SCENARIO_PLAY"

// playReady is what it says when it listens.
const playReady = "ready\n"

// play is the life of such a program. It ends when it is killed.
func play(words []string) error {
	serve := greet(words[1])
	ports := words[2:]
	if words[0] == "forward" {
		serve, ports = forwardTo(words[2]), words[1:2]
	}
	failed := make(chan error)
	for _, port := range ports {
		// Transparent sockets are given packets that were diverted to them, too.
		config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
			controlErr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
			})
			return firstOf(controlErr, err)
		}}
		listener, err := config.Listen(context.Background(), "tcp", net.JoinHostPort("::", port))
		if err != nil {
			return err
		}
		go func() { failed <- accept(listener, func(conn net.Conn) { serve(conn, port) }) }()
	}
	fmt.Print(playReady)
	return <-failed
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func accept(listener net.Listener, serve func(net.Conn)) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

// greet greets and echoes, as the lab's listeners do.
func greet(name string) func(net.Conn, string) {
	return func(conn net.Conn, port string) {
		if _, err := fmt.Fprintf(conn, "hello %s %s\n", name, port); err == nil {
			// Ends when the peer does. Not by splice, for whose pipe a connection takes three descriptors: a Nakama takes one.
			_, _ = io.Copy(struct{ io.Writer }{conn}, conn)
		}
	}
}

func forwardTo(address string) func(net.Conn, string) {
	return func(conn net.Conn, _ string) {
		inner, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer inner.Close()
		go func() { _, _ = io.Copy(inner, conn) }() // ends when either end does
		_, _ = io.Copy(conn, inner)
	}
}

// serve has a process of a name listen on a host or in a container, where the lab's own listeners belong to nobody. What
// stands behind -- are its arguments.
func serve(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	ports, arguments := args[2:], []string(nil)
	if i := slices.Index(ports, "--"); i >= 0 {
		ports, arguments = ports[:i], ports[i+1:]
	}
	if _, err := parsePorts(ports); err != nil {
		return err
	}
	return s.play(h, args[1], "serve "+h.Name+" "+strings.Join(ports, " "), arguments...)
}

// proxy publishes a port of a container as Docker's userland proxy does.
func proxy(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	ports, err := parsePorts(args[1:2])
	if err != nil {
		return err
	}
	container, port, err := s.target(args[2])
	if err != nil {
		return err
	}
	return s.play(h, "docker-proxy", fmt.Sprintf("forward %d %s", ports[0], netip.AddrPortFrom(container.V4, port)),
		"-proto", "tcp", "-host-ip", "0.0.0.0", "-host-port", args[1],
		"-container-ip", container.V4.String(), "-container-port", strconv.Itoa(int(port)))
}

// play starts this test binary as a program of a name, and waits until it listens.
func (s *scene) play(h *host, name, role string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	link := filepath.Join(h.dir, "programs", name)
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(self, link); err != nil && !os.IsExist(err) {
		return err
	}
	cmd := exec.Command(link, args...)
	cmd.Env = append(os.Environ(), playVariable+"="+role)
	said, output, err := os.Pipe()
	if err != nil {
		return err
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = output, output
	p, err := h.Start(cmd)
	_ = output.Close() // the program has its own
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if line != playReady {
		p.Kill()
		return fmt.Errorf("%s says %q, %w", name, line, err)
	}
	h.programs = append(h.programs, p)
	return nil
}

// end kills what serve and proxy have started on a host.
func end(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 1, 1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	for _, p := range h.programs {
		p.Kill()
	}
	h.programs = nil
	return nil
}
