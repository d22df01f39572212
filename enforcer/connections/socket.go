package connections

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// receiveSize: the kernel never fills more per read (facts: connections, "Counting").
const receiveSize = 32 << 10

// answerSeconds bounds how long a read may take. The kernel makes the answer while it is being read, so this ends
// nothing but a wait for an answer that was lost.
const answerSeconds = 10

// socket speaks inet_diag in one namespace. It belongs to one goroutine.
type socket struct {
	fd       int
	inode    uint64 // of the namespace
	sequence uint32
	buffer   []byte
}

func dial(ns Namespace) (*socket, error) {
	s := &socket{fd: -1, buffer: make([]byte, receiveSize)}
	err := ns.inside(func(inode uint64) (err error) {
		s.inode = inode
		s.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
		if err != nil {
			return fmt.Errorf("open inet_diag: %w", explain(err))
		}
		return nil
	})
	if err == nil {
		err = s.prepare()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *socket) prepare() error {
	limit := unix.Timeval{Sec: answerSeconds}
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return fmt.Errorf("set inet_diag timeout: %w", err)
	}
	// An error need not carry back the request that failed.
	if err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1); err != nil {
		return fmt.Errorf("set netlink option: %w", err)
	}
	return nil
}

func (s *socket) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd) // a netlink socket has nothing left to flush
	}
}

// dump hands each connection to one of the ports to each, as the kernel describes it.
func (s *socket) dump(ctx context.Context, ports []uint16, each func(message []byte) error) error {
	s.sequence++
	if err := s.send(dumpRequest(s.sequence, ports)); err != nil {
		return err
	}
	return s.receive(ctx, func(h header, body []byte) (done bool, err error) {
		switch {
		case h.sequence != s.sequence:
			return false, nil
		case h.kind == unix.NLMSG_DONE, h.kind == unix.NLMSG_ERROR:
			if errno := parseErrno(body); errno != 0 {
				return true, errno
			}
			return true, nil
		}
		return false, each(body)
	})
}

func (s *socket) send(request []byte) error {
	return unix.Sendto(s.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// receive hands each message of the answer to each until it says that it is done.
func (s *socket) receive(ctx context.Context, each func(header, []byte) (done bool, err error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Read(s.fd, s.buffer)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("no answer within %d s", answerSeconds)
		case err != nil:
			return err
		}
		if done, err := eachMessage(s.buffer[:n], each); done || err != nil {
			return err
		}
	}
}

// explain says what a person can do about an error of the kernel's.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w: this kernel lacks it (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG; modprobe tcp_diag)", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w: netlink sockets are forbidden here (RestrictAddressFamilies of the unit, a seccomp filter)", err)
	}
	return err
}
