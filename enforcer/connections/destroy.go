package connections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrCannotDestroy: connections cannot be ended here at all. The error that wraps it says what is lacking.
var ErrCannotDestroy = errors.New("connections cannot be ended")

// destroyAtOnce bounds a batch: if each of its requests fails, the answers must fit into the default receive buffer.
const destroyAtOnce = 64

// Destroy ends connections of a namespace: both ends see a reset, and the server's sockets are gone. It returns how
// many it ended. Those that had ended before are no error.
func Destroy(ctx context.Context, ns Namespace, cs []Connection) (destroyed int, err error) {
	if len(cs) == 0 {
		return 0, nil
	}
	s, err := dial(ns)
	if err != nil {
		return 0, fmt.Errorf("end connections: %w", err)
	}
	defer s.close()
	var failed error
	for batch := range slices.Chunk(cs, destroyAtOnce) {
		if err := ctx.Err(); err != nil {
			return destroyed, fmt.Errorf("end connections: %w", err)
		}
		errnos, err := s.destroy(batch)
		if err != nil {
			return destroyed, fmt.Errorf("end connections: %w", err)
		}
		destroyed += len(batch) - len(errnos)
		for index, errno := range errnos {
			switch {
			case errno == unix.ENOENT, errno == unix.ESTALE: // it has ended, and perhaps another has its ports
			case errno == unix.EPERM, errno == unix.EOPNOTSUPP:
				return destroyed, fmt.Errorf("end connections: %w", cannotDestroy(errno))
			case failed == nil:
				failed = fmt.Errorf("end connection %s to %s: %w", batch[index].Remote, batch[index].Local, errno)
			}
		}
	}
	return destroyed, failed
}

// cannotDestroy says what is lacking where the kernel refuses to end any connection.
func cannotDestroy(errno unix.Errno) error {
	if errno == unix.EPERM {
		return fmt.Errorf("%w: %w: needs CAP_NET_ADMIN in the user namespace that the network namespace belongs to "+
			"(run as root, or see \"capabilities\" in the manual)", ErrCannotDestroy, errno)
	}
	return fmt.Errorf("%w: %w: this kernel lacks it (CONFIG_INET_DIAG_DESTROY)", ErrCannotDestroy, errno)
}

// destroy sends a batch of requests and returns the errors by index. Only what fails is answered, and the last.
func (s *socket) destroy(batch []Connection) (map[int]unix.Errno, error) {
	first := s.sequence + 1
	var request []byte
	for i, c := range batch {
		flags := uint16(unix.NLM_F_REQUEST)
		if i == len(batch)-1 {
			flags |= unix.NLM_F_ACK
		}
		s.sequence++
		request = append(request, destroyRequest(s.sequence, flags, c)...)
	}
	if err := s.send(request); err != nil {
		return nil, err
	}
	failed := map[int]unix.Errno{}
	// What was sent has happened: the answer is there already, and is read even if the context has ended.
	err := s.receive(context.Background(), func(h header, body []byte) (done bool, err error) {
		index := int(h.sequence - first)
		if h.kind != unix.NLMSG_ERROR || index >= len(batch) {
			return false, nil
		}
		if errno := parseErrno(body); errno != 0 {
			failed[index] = errno
		}
		return index == len(batch)-1, nil
	})
	return failed, err
}
