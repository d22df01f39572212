package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
)

// Listen opens TCP listeners on all addresses of the host, IPv4 and IPv6. Each greets with "hello HOST PORT" and a
// newline and then sends back what it gets. They last until the host is closed.
func (h *Host) Listen(ports ...uint16) error {
	for _, port := range ports {
		var socket net.Listener
		err := h.do(func() (err error) {
			socket, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("::", strconv.Itoa(int(port))))
			return err
		})
		if err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
		l := &listener{socket: socket, greeting: greeting(h.Name, port), open: map[net.Conn]struct{}{}}
		l.work.Go(l.accept)
		h.mu.Lock()
		h.listeners = append(h.listeners, l)
		h.mu.Unlock()
	}
	return nil
}

func greeting(host string, port uint16) string { return fmt.Sprintf("hello %s %d\n", host, port) }

// listener greets and echoes.
type listener struct {
	socket   net.Listener
	greeting string
	work     sync.WaitGroup // the accept loop and one goroutine a connection

	mu   sync.Mutex // guards open
	open map[net.Conn]struct{}
}

func (l *listener) accept() {
	for {
		conn, err := l.socket.Accept()
		if err != nil {
			return // closed: nothing else ends a listener of the lab
		}
		l.mu.Lock()
		l.open[conn] = struct{}{}
		l.mu.Unlock()
		l.work.Go(func() { l.serve(conn) })
	}
}

func (l *listener) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		l.mu.Lock()
		delete(l.open, conn)
		l.mu.Unlock()
	}()
	if _, err := io.WriteString(conn, l.greeting); err != nil {
		return
	}
	_, _ = io.Copy(conn, conn) // ends when the peer does, whichever way
}

// close ends the listener and its connections, and waits for both.
func (l *listener) close() {
	l.socket.Close()
	l.mu.Lock()
	for conn := range l.open {
		conn.Close()
	}
	l.mu.Unlock()
	l.work.Wait()
}
