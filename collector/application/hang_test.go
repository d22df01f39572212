package application

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A server that accepts and never answers is left without a connection of ours, whatever it does with its end.
func TestNothingIsLeftAtAServerThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c := client(t, Target{Base: "http://" + listener.Addr().String()})
	if app, err := c.Cockroach(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%+v, %v; want that it does not answer", app, err)
	}
	conn, err := listener.Accept() // the kernel took it before anybody did
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the server's end is read to %v; want a reset: it would stay as close-wait", err)
	}
}
