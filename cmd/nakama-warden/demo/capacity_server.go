package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// What the server takes. Neither the daemon nor its prior knows: a connection costs a third more than the prior says.
const (
	serverBase = 60 << 20
	leastBlock = 64 << 10
	mostBlock  = 96 << 10
	page       = 4 << 10
)

// Serve is a server whose memory grows with its connections, as a Nakama's does: it holds memory for each on port 7350, keeps
// what it took when they have gone, and turns connections away where it may not open more descriptors. Outside of a lab it
// refuses.
func Serve(ctx context.Context, descriptors uint64) error {
	if !lab.Isolated() {
		return errors.New("serve: this is a real machine; only the demo may fill memory, on its own hosts")
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: descriptors, Max: descriptors}); err != nil {
		return fmt.Errorf("serve: limit the descriptors: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("[::]:%d", apiPort))
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	s, err := newServer(listener, serverBase)
	if err == nil {
		fmt.Print(serverReady)
		err = s.run(ctx)
	}
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// server holds memory for each connection.
type server struct {
	listener net.Listener
	base     []byte
	reserve  *os.File // a descriptor to give up for one more Accept, when there is none left
	clients  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	open   map[net.Conn]struct{}
	spare  [][]byte // of connections that have gone
	blocks int      // that were made
}

// greeting is what a server says to who connects, before it is asked.
const greeting = "hello\n"

func newServer(listener net.Listener, base int) (*server, error) {
	reserve, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	return &server{listener: listener, base: touched(base), reserve: reserve, open: map[net.Conn]struct{}{}}, nil
}

// connections is how many there are.
func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// run accepts until ctx ends.
func (s *server) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.close)
	defer s.clients.Wait()
	defer s.close()
	defer stop()
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, unix.EMFILE) {
			conn, err = s.acceptWithReserve()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case conn != nil:
			s.hold(conn)
		}
	}
}

// acceptWithReserve waits for the next connection where Accept has no descriptor for it, and turns it away: one that stayed
// in the kernel's queue would look open to its client. There is a connection to hold if another went meanwhile.
func (s *server) acceptWithReserve() (net.Conn, error) {
	if err := s.reserve.Close(); err != nil {
		return nil, err
	}
	conn, err := s.listener.Accept()
	if err != nil {
		return nil, err
	}
	if s.reserve, err = os.Open(os.DevNull); err == nil {
		return conn, nil
	}
	if err := conn.Close(); err != nil {
		return nil, err
	}
	s.reserve, err = os.Open(os.DevNull)
	return nil, err
}

// hold greets once the memory is taken, and keeps the connection until its client ends it.
func (s *server) hold(conn net.Conn) {
	s.mu.Lock()
	s.open[conn] = struct{}{}
	s.mu.Unlock()
	s.clients.Go(func() {
		block := s.take()
		var word [1]byte
		if _, err := io.WriteString(conn, greeting); err == nil {
			_, _ = conn.Read(word[:]) // clients say nothing: this is the end
		}
		conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, conn)
		s.spare = append(s.spare, block)
	})
}

// take finds memory for a connection. Blocks are of unequal size, as players are.
func (s *server) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.spare) - 1; last >= 0 {
		block := s.spare[last]
		s.spare = s.spare[:last]
		return block
	}
	const sizes = (mostBlock-leastBlock)/page + 1
	size := leastBlock + s.blocks%sizes*page
	s.blocks++
	return touched(size)
}

// close ends the listener and all connections. It may be called again.
func (s *server) close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		conn.Close()
	}
}

// touched is memory that the process really has: the kernel gives a page when it is first written to.
func touched(size int) []byte {
	block := make([]byte, size)
	for i := 0; i < size; i += page {
		block[i] = 1
	}
	return block
}
