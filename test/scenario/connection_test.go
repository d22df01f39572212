package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// pair is two connections that stay open, one of each family. A crowd has more, all of one.
type pair struct {
	conns []net.Conn
}

// connect opens a pair and waits for both greetings.
func connect(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	from, err := s.host(args[1])
	if err != nil {
		return err
	}
	to, port, err := s.target(args[2])
	if err != nil {
		return err
	}
	p := &pair{}
	s.pairs[args[0]] = p
	for _, target := range addresses(to, port) {
		conn, err := from.Dial(s.ctx, target)
		if err != nil {
			return err
		}
		p.conns = append(p.conns, conn)
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "hello ") {
			return fmt.Errorf("%s says %q, %w", target, line, err)
		}
	}
	return nil
}

// crowd opens connections, many, and waits for no greeting.
func crowd(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 4, 4); err != nil {
		return err
	}
	from, err := s.host(args[1])
	if err != nil {
		return err
	}
	to, port, err := s.target(args[2])
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(args[3])
	if err != nil {
		return usageError(err.Error())
	}
	p := &pair{}
	s.pairs[args[0]] = p
	return from.Do(func() error { // on one thread: each Dial would take one of its own
		for range number {
			conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(to.V4, port).String(), patience)
			if err != nil {
				return err
			}
			p.conns = append(p.conns, conn)
		}
		return nil
	})
}

func leave(s *scene, _ *testscript.TestScript, args []string) error {
	p, err := s.pair(args)
	if err == nil {
		p.close()
	}
	return err
}

func (p *pair) close() {
	for _, conn := range p.conns {
		_ = conn.Close() // nobody waits for what was written
	}
}

func (s *scene) pair(args []string) (*pair, error) {
	if err := want(args, 1, 1); err != nil {
		return nil, err
	}
	p, known := s.pairs[args[0]]
	if !known {
		return nil, usageError("nobody opened connection " + args[0])
	}
	return p, nil
}

// alive claims that both connections still echo.
func alive(s *scene, _ *testscript.TestScript, args []string) error {
	p, err := s.pair(args)
	if err != nil {
		return err
	}
	for _, conn := range p.conns {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return fmt.Errorf("%s: %w", conn.RemoteAddr(), err)
		}
	}
	return nil
}

// cut claims that both connections were reset by the other end, without a word from this one.
func cut(s *scene, _ *testscript.TestScript, args []string) error {
	p, err := s.pair(args)
	if err != nil {
		return err
	}
	for _, conn := range p.conns {
		if err := conn.SetReadDeadline(time.Now().Add(cutWithin)); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			return fmt.Errorf("%s: %w; want a reset", conn.RemoteAddr(), err)
		}
	}
	return nil
}

// cutWithin is what "at once" is on a busy machine.
const cutWithin = 2 * time.Second
