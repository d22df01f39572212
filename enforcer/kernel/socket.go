package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// receiveSize is the size of the receive buffer. Dumps of sets cost the kernel a walk from the beginning for each
// buffer it fills: 100k elements took 5.3 s in small buffers and 0.4 s in this one (facts: nftables).
const receiveSize = 1 << 20

// answerTimeout bounds how long the kernel may take to answer. It answers while the request is being sent; only a
// commit that waits for another one takes longer.
const answerTimeout = 30 * time.Second

// socket is a netlink socket of our own: requests go out in one piece, answers are read without a copy per message.
type socket struct {
	conn     *netlink.Conn
	raw      syscall.RawConn
	buffer   []byte
	sequence uint32
}

func dial(netNS int) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netNS})
	if err != nil {
		return nil, withHint(err)
	}
	// The kernel's own words for an error, and not the failed message with it: that would not fit.
	for _, option := range []netlink.ConnOption{netlink.ExtendedAcknowledge, netlink.CapAcknowledge} {
		if err := conn.SetOption(option, true); err != nil {
			return nil, errors.Join(fmt.Errorf("set netlink option: %w", err), conn.Close())
		}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &socket{conn: conn, raw: raw, buffer: make([]byte, receiveSize)}, nil
}

func (s *socket) close() error { return s.conn.Close() }

func (s *socket) portID() uint32 { return s.conn.PID() }

// send sends the messages in one piece and returns the sequence number of the first; the others count up from it.
func (s *socket) send(messages []netlink.Message) (first uint32, err error) {
	first = s.sequence + 1
	size := 0
	for i := range messages {
		s.sequence++
		messages[i].Header.Sequence = s.sequence
		messages[i].Header.PID = s.portID()
		messages[i].Header.Length = uint32(unix.NLMSG_HDRLEN + nlAlign(len(messages[i].Data)))
		size += int(messages[i].Header.Length)
	}
	if err := s.growWriteBuffer(size); err != nil {
		return 0, err
	}
	if _, err := s.conn.SendMessages(messages); err != nil {
		return 0, withHint(err)
	}
	return first, nil
}

// growWriteBuffer makes room for a batch: the kernel takes it in one piece or not at all. It counts its own overhead
// against the buffer, hence the factor.
func (s *socket) growWriteBuffer(size int) error {
	have, err := s.conn.WriteBuffer()
	if err != nil {
		return fmt.Errorf("read netlink buffer size: %w", err)
	}
	if have >= 2*size {
		return nil
	}
	if err := s.conn.SetWriteBuffer(2 * size); err != nil {
		return fmt.Errorf("grow netlink buffer to %d bytes: %w", 2*size, err)
	}
	return nil
}

// receive hands each message of the kernel's answer to each until it says that it is done.
func (s *socket) receive(ctx context.Context, each func(netlink.Header, []byte) (done bool, err error)) error {
	if err := s.conn.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		n, err := s.read()
		if err != nil {
			return errors.Join(ctx.Err(), withHint(err))
		}
		done, err := eachMessage(s.buffer[:n], each)
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
	for {
		drained := false
		err := s.raw.Control(func(fd uintptr) {
			_, _, err := unix.Recvfrom(int(fd), s.buffer, unix.MSG_DONTWAIT)
			drained = err != nil && err != unix.ENOBUFS && err != unix.EINTR
		})
		if drained || err != nil {
			return
		}
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
	first, err := s.send(batch)
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
	first, err := s.send([]netlink.Message{{
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
			return true, parseError(data)
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
