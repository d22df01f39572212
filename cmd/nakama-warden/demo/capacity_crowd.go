package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// errFull: the server took a connection and ended it at once.
var errFull = errors.New("the server turns connections away")

// crowd is players on one host, each with a real connection to the server.
type crowd struct {
	from    *lab.Host
	to      netip.AddrPort
	players []net.Conn
}

func (c *crowd) size() uint64 { return uint64(len(c.players)) }

// grow connects players one after the other until there are so many. Each has been greeted: its memory is taken.
func (c *crowd) grow(ctx context.Context, n uint64) error {
	return c.from.Do(func() error { // one thread for all: Dial would make one for each
		for c.size() < n {
			player, err := c.connect(ctx)
			if err != nil {
				return fmt.Errorf("connect player %d: %w", c.size()+1, err)
			}
			c.players = append(c.players, player)
		}
		return nil
	})
}

func (c *crowd) connect(ctx context.Context) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.to.String())
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(readyLimit)); err != nil {
		conn.Close()
		return nil, err
	}
	var heard [len(greeting)]byte
	if _, err := io.ReadFull(conn, heard[:]); err != nil {
		conn.Close()
		if errors.Is(err, io.EOF) || lab.OutcomeOf(err) == lab.Refused {
			return nil, errFull
		}
		return nil, err
	}
	return conn, nil
}

// shrink ends the connections of all but n players at once, with a reset: nothing of them lingers.
func (c *crowd) shrink(n uint64) {
	for _, player := range c.players[min(n, c.size()):] {
		if tcp, ok := player.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // an error means that it has ended
		}
		player.Close()
	}
	c.players = c.players[:min(n, c.size())]
}
