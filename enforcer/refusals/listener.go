package refusals

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Options say where to listen.
type Options struct {
	NetNS int              // descriptor of the network namespace; 0: the caller's
	Group uint16           // of NFLOG; a group has one listener
	Now   func() time.Time // time.Now if nil
}

// ErrGroupTaken: an NFLOG group has one listener in a network namespace, and this one has another.
var ErrGroupTaken = errors.New("another program listens to it (name a free group as firewall.log_group)")

// Listener hears of refusals.
type Listener struct {
	conn    *netlink.Conn
	raw     syscall.RawConn
	buffer  []byte
	decoder *decoder
}

// receiveBuffer is what the kernel may hold for us while we are busy: some 30,000 refusals. An ordinary user gets
// what net.core.rmem_max allows.
const receiveBuffer = 4 << 20

// Open takes the group. From then on the kernel gathers for us.
func Open(o Options) (*Listener, error) {
	l, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("listen to NFLOG group %d: %w", o.Group, err)
	}
	return l, nil
}

func open(o Options) (*Listener, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: o.NetNS})
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		return nil, errors.Join(fmt.Errorf("set buffer: %w", err), conn.Close())
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l := &Listener{conn: conn, raw: raw, buffer: make([]byte, datagramSize), decoder: newDecoder(o.Now)}
	if err := l.bind(o.Group); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

// Run hands each refusal to each, on its own goroutine, until the context ends; then its error is nil. It is called
// once. When each is too slow the kernel does not wait: what it has no room for is lost, and counted.
func (l *Listener) Run(ctx context.Context, each func(Refusal)) error {
	stop := context.AfterFunc(ctx, func() {
		_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // fails on a closed socket only, as the read then does
	})
	defer stop()
	for {
		n, err := l.read(true)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			l.decoder.losses.overflowed()
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("read refusals: %w", err)
		default:
			l.decoder.decode(l.buffer[:n], each)
		}
	}
}

// Lost is how many refusals the kernel told of and Run did not get. What the limit of the rule holds back is not among
// them: only the rule's counter knows it.
func (l *Listener) Lost() uint64 { return l.decoder.losses.count.Load() }

// Close gives the group back and ends Run.
func (l *Listener) Close() error { return l.conn.Close() }

// read fills the buffer with one datagram. Without wait it fails with EAGAIN when there is none.
func (l *Listener) read(wait bool) (n int, err error) {
	var failed error
	err = l.raw.Read(func(fd uintptr) bool {
		n, _, failed = unix.Recvfrom(int(fd), l.buffer, unix.MSG_DONTWAIT)
		return !wait || failed != unix.EAGAIN
	})
	return n, errors.Join(err, failed)
}
