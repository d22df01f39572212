package lab

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Forward leads every connection that a door accepts to an address inside, dialled from a host. It returns when the
// context has ended and all connections are closed.
func Forward(ctx context.Context, door net.Listener, from *Host, to netip.AddrPort) {
	var connections sync.WaitGroup
	defer connections.Wait()
	stop := context.AfterFunc(ctx, func() { door.Close() })
	defer stop()
	for {
		outer, err := door.Accept()
		if err != nil {
			return // closed: nothing else ends a listener on loopback
		}
		connections.Go(func() { join(ctx, outer, from, to) })
	}
}

// join copies both ways until one side ends, or the context.
func join(ctx context.Context, outer net.Conn, from *Host, to netip.AddrPort) {
	defer outer.Close()
	inner, err := from.Dial(ctx, to)
	if err != nil {
		return // the caller sees the connection closed, as behind any broken forwarder
	}
	defer inner.Close()
	stop := context.AfterFunc(ctx, func() {
		outer.Close()
		inner.Close()
	})
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(outer, inner) // an error is the end of one side, and so of both
		outer.Close()
	})
	_, _ = io.Copy(inner, outer)
	inner.Close()
	back.Wait()
}
