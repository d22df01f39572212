package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// receiveSize: the kernel never fills more per read (facts: connections, "Counting").
const receiveSize = 32 << 10

// diag sees sockets through inet_diag. It keeps its netlink socket for as long as nothing goes wrong.
type diag struct {
	entrance *entrance
	families []uint8  // a dump each; AF_UNSPEC is the older request, which shows both families at once
	file     *os.File // absent before the first dump and after a failure
	sequence uint32   // of the last request
	request  []byte
	buffer   []byte
}

func newDiag(e *entrance, families ...uint8) *diag {
	return &diag{entrance: e, families: families, buffer: make([]byte, receiveSize)}
}

func (d *diag) each(ctx context.Context, q query, show visit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.dial(); err != nil {
		return err
	}
	// A deadline long past ends the read under way and all that follow. The file may be closed before it is set.
	file := d.file
	stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })
	torn, err := d.dumps(q, show)
	if !stop() {
		d.hangUp()
		return ctx.Err()
	}
	if err != nil {
		d.hangUp()
		return explain(err)
	}
	if torn {
		return errTorn
	}
	return nil
}

func (d *diag) close() error {
	d.hangUp()
	return d.entrance.close()
}

// dial opens the socket if there is none.
func (d *diag) dial() error {
	if d.file != nil {
		return nil
	}
	return d.entrance.do(func() error {
		// Non-blocking, so that the runtime waits for it and a deadline ends the wait.
		kind := unix.SOCK_DGRAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
		fd, err := unix.Socket(unix.AF_NETLINK, kind, unix.NETLINK_SOCK_DIAG)
		if err != nil {
			return fmt.Errorf("open inet_diag: %w", explain(err))
		}
		d.file = os.NewFile(uintptr(fd), "inet_diag")
		return nil
	})
}

// hangUp closes the socket. After a failure half an answer is left in it, and the kernel refuses a second dump until the
// first has been read to its end: the next request dials afresh instead.
func (d *diag) hangUp() {
	if d.file != nil {
		_ = d.file.Close() // a netlink socket has nothing to flush
		d.file = nil
	}
}

func (d *diag) dumps(q query, show visit) (torn bool, err error) {
	for _, family := range d.families {
		t, err := d.dump(family, q, show)
		if err != nil {
			return false, err
		}
		torn = torn || t
	}
	return torn, nil
}

// dump sends one request and reads its answer to the end, also if that is torn.
func (d *diag) dump(family uint8, q query, show visit) (torn bool, err error) {
	d.sequence++
	d.request = appendRequest(d.request[:0], family, d.sequence, q)
	if _, err := d.file.Write(d.request); err != nil {
		return false, err
	}
	for {
		n, err := d.file.Read(d.buffer)
		if err != nil {
			return false, err
		}
		a, err := parseAnswer(d.buffer[:n], d.sequence, q.states, show)
		if err != nil {
			return false, err
		}
		torn = torn || a.torn
		if a.done {
			return torn, nil
		}
	}
}

// explain says what a person can do about an error of the kernel's.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: this kernel lacks it (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG; modprobe tcp_diag)", err)
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: netlink sockets are forbidden here (allow AF_NETLINK in the unit's RestrictAddressFamilies)", err)
	}
	return err
}
