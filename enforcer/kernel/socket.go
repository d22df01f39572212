package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	mdsocket "github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// receiveSize is the size of the receive buffer. Dumps of sets cost the kernel a walk from the beginning for each buffer it
// fills: 100k elements took 5.3 s in small buffers and 0.4 s in large ones (facts: nftables). It never fills more than 32 KiB
// (netlink_recvmsg of the kernel), and what is more is memory that nobody uses.
const receiveSize = 64 << 10

// proofSize is the size of a receive buffer that makes the kernel cut dumps otherwise. It fills pieces of 32,448 bytes where
// it can; this is their golden section, so that the ends of the one stay away from the ends of the other.
const proofSize = 20_053

// answerTimeout bounds how long the kernel may take to answer. It answers while the request is being sent; only a
// commit that waits for another one takes longer.
const answerTimeout = 30 * time.Second

// socket is a netlink socket of our own: requests go out in one piece, answers are read without a copy per message. It
// is not the library's, because a copy of its descriptor must be kept by others and come back after a restart.
type socket struct {
	conn     *mdsocket.Conn
	raw      syscall.RawConn
	port     uint32
	buffer   []byte
	sequence uint32
	room     int  // the size of the write buffer, as asked for
	dirty    bool // an answer was not read to its end
}

// dial makes a socket in a network namespace; 0 is the caller's.
func dial(netNS int) (*socket, error) {
	conn, err := mdsocket.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER, "netlink", &mdsocket.Config{NetNS: netNS})
	if err != nil {
		return nil, withHint(err)
	}
	if err := conn.Bind(&unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, errors.Join(withHint(err), conn.Close())
	}
	return prepare(conn)
}

// adopt takes over a socket that somebody kept for us.
func adopt(kept *os.File) (*socket, error) {
	conn, err := mdsocket.FileConn(kept, "netlink")
	if err != nil {
		return nil, err
	}
	protocol, err := conn.GetsockoptInt(unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || protocol != unix.NETLINK_NETFILTER {
		return nil, errors.Join(errors.New("the descriptor that was kept is no nftables socket"), err, conn.Close())
	}
	return prepare(conn)
}

func prepare(conn *mdsocket.Conn) (*socket, error) {
	// The kernel's own words for an error, and not the failed message with it: that would not fit.
	for _, option := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK} {
		if err := conn.SetsockoptInt(unix.SOL_NETLINK, option, 1); err != nil {
			return nil, errors.Join(fmt.Errorf("set netlink option: %w", err), conn.Close())
		}
	}
	address, err := conn.Getsockname()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	bound, ok := address.(*unix.SockaddrNetlink)
	if !ok {
		return nil, errors.Join(errors.New("not a netlink socket"), conn.Close())
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &socket{conn: conn, raw: raw, port: bound.Pid, buffer: make([]byte, receiveSize), dirty: true}, nil
}

func (s *socket) close() error { return s.conn.Close() }

// portID is the kernel's name for the socket: the owner of a table is one.
func (s *socket) portID() uint32 { return s.port }

// send sends the messages in one piece and returns the sequence number of the first; the others count up from it.
func (s *socket) send(ctx context.Context, messages []netlink.Message) (first uint32, err error) {
	first = s.sequence + 1
	size := 0
	for _, m := range messages {
		size += nlAlign(unix.NLMSG_HDRLEN + len(m.Data))
	}
	packet := make([]byte, 0, size)
	for _, m := range messages {
		s.sequence++
		length := unix.NLMSG_HDRLEN + len(m.Data)
		packet = binary.NativeEndian.AppendUint32(packet, uint32(length))
		packet = binary.NativeEndian.AppendUint16(packet, uint16(m.Header.Type))
		packet = binary.NativeEndian.AppendUint16(packet, uint16(m.Header.Flags))
		packet = binary.NativeEndian.AppendUint32(packet, s.sequence)
		packet = binary.NativeEndian.AppendUint32(packet, s.port)
		packet = append(packet, m.Data...)
		packet = append(packet, make([]byte, nlAlign(length)-length)...)
	}
	if err := s.growWriteBuffer(len(packet)); err != nil {
		return 0, err
	}
	return first, withHint(s.conn.Sendto(ctx, packet, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
}

// smallPacket fits into the write buffer of any socket.
const smallPacket = 64 << 10

// growWriteBuffer makes room for a batch: the kernel takes it in one piece or not at all. It counts its own overhead
// against the buffer, hence the factor.
func (s *socket) growWriteBuffer(size int) error {
	if size <= smallPacket || s.room >= 2*size {
		return nil
	}
	if err := s.conn.SetWriteBuffer(2 * size); err != nil {
		return fmt.Errorf("grow netlink buffer to %d bytes: %w", 2*size, err)
	}
	s.room = 2 * size
	return nil
}

// receive hands each message of the kernel's answer to each until it says that it is done.
func (s *socket) receive(ctx context.Context, each func(netlink.Header, []byte) (done bool, err error)) error {
	if err := s.conn.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	s.dirty = true
	for {
		n, err := s.read()
		if err != nil {
			return errors.Join(ctx.Err(), withHint(err))
		}
		done, err := eachMessage(s.buffer[:n], each)
		if done {
			s.dirty = err != nil
		}
		if done || err != nil {
			return err
		}
	}
}

// read fills the buffer with one datagram, waiting for it.
func (s *socket) read() (n int, err error) {
	var failed error
	err = s.raw.Read(func(fd uintptr) bool {
		n, _, failed = unix.Recvfrom(int(fd), s.buffer, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		return failed != unix.EAGAIN
	})
	if err == nil {
		err = failed
	}
	if err == nil && n > len(s.buffer) {
		err = unix.EMSGSIZE
	}
	return n, err
}

// drain throws away what is left of an earlier answer: after an error the socket goes on, it is never dialled anew.
func (s *socket) drain() {
	for s.dirty {
		drained := false
		err := s.raw.Control(func(fd uintptr) {
			_, _, err := unix.Recvfrom(int(fd), s.buffer, unix.MSG_DONTWAIT)
			drained = err != nil && err != unix.ENOBUFS && err != unix.EINTR
		})
		s.dirty = !drained && err == nil
	}
}

// transact sends a batch and waits until the kernel says that all of it is in force, or which message failed.
func (s *socket) transact(ctx context.Context, batch []netlink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.drain()
	// The acknowledgement of the last operation comes after the commit, and after every error before it.
	last := len(batch) - 2
	batch[last].Header.Flags |= netlink.Acknowledge
	first, err := s.send(ctx, batch)
	if err != nil {
		return err
	}
	var failure error
	// The commit has happened when send returns: its answer is waited for even if ctx has ended meanwhile.
	err = s.receive(context.WithoutCancel(ctx), func(h netlink.Header, data []byte) (bool, error) {
		if h.Type != netlink.Error || h.Sequence-first >= uint32(len(batch)) {
			return false, nil
		}
		index := int(h.Sequence - first)
		if err := parseError(data); err != nil && failure == nil {
			failure = newOperationError(batch, index, err)
		}
		// An error of the batch's frame is the only answer that there will be.
		return index == last || index == 0 || index == len(batch)-1, nil
	})
	if failure != nil {
		return failure
	}
	return err
}

// request sends one request and hands the objects of the answer to each. It fails with errTorn when another writer's
// commit fell between two parts of the answer.
func (s *socket) request(ctx context.Context, kind uint16, flags netlink.HeaderFlags, family byte, body []byte, each func(kind uint16, data []byte) error) error {
	s.drain()
	first, err := s.send(ctx, []netlink.Message{{
		Header: netlink.Header{Type: messageType(kind), Flags: netlink.Request | flags},
		Data:   slices.Concat(nfgenmsg(family), body),
	}})
	if err != nil {
		return err
	}
	return s.receive(ctx, func(h netlink.Header, data []byte) (bool, error) {
		if h.Sequence != first {
			return false, nil
		}
		if h.Flags&unix.NLM_F_DUMP_INTR != 0 {
			return true, errTorn
		}
		switch h.Type {
		case netlink.Done, netlink.Error:
			err := parseError(data)
			if errors.Is(err, unix.EPERM) {
				err = withHint(err)
			}
			return true, err
		}
		if len(data) < nfgenmsgSize {
			return true, errMalformed
		}
		return false, each(uint16(h.Type)&0xff, data)
	})
}

// eachMessage splits a datagram into netlink messages.
func eachMessage(b []byte, each func(netlink.Header, []byte) (bool, error)) (done bool, err error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		length := int(binary.NativeEndian.Uint32(b))
		if length < unix.NLMSG_HDRLEN || length > len(b) {
			return false, errMalformed
		}
		h := netlink.Header{
			Length:   uint32(length),
			Type:     netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])),
			Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:])),
			Sequence: binary.NativeEndian.Uint32(b[8:]),
			PID:      binary.NativeEndian.Uint32(b[12:]),
		}
		if done, err = each(h, b[unix.NLMSG_HDRLEN:length]); done || err != nil {
			return done, err
		}
		b = b[min(nlAlign(length), len(b)):]
	}
	return false, nil
}

func nlAlign(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
