package culprit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// connector is a socket on which the kernel tells which programs are executed.
type connector struct {
	file *os.File
	raw  syscall.RawConn
	once sync.Once
	err  error // of close
}

// The queue between the kernel and us. When it overflows, programs are lost that have ended long ago.
const (
	queueBytes  = 1 << 20
	queueLength = 1024 // about what fits: the kernel counts its own overhead
)

// listen asks the kernel for the programs that are executed. An error says what is lacking, and where a person can
// mend it, how.
func listen() (*connector, error) {
	// The kernel does not refuse requests from other namespaces, it ignores them.
	if !inInitial("user", initialUser) {
		return nil, errors.New("the proc connector answers in the host's user namespace only, and this is another " +
			"(run without a user namespace)")
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open the proc connector: %w", explain(err))
	}
	if err := subscribe(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("subscribe to the proc connector: %w", explain(err))
	}
	file := os.NewFile(uintptr(fd), "proc connector")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &connector{file: file, raw: raw}, nil
}

// await calls handle now and whenever there is something to read, until the connector is closed.
func (c *connector) await(handle func(fd int) (more bool)) {
	_ = c.raw.Read(func(fd uintptr) bool { // the error says that it is closed
		for handle(int(fd)) {
		}
		return false
	})
}

// do calls handle once.
func (c *connector) do(handle func(fd int) (more bool)) {
	_ = c.raw.Control(func(fd uintptr) { handle(int(fd)) }) // the error says that it is closed
}

// close ends the subscription first: kernels before 6.6 would go on making events for nobody.
func (c *connector) close() error {
	c.once.Do(func() {
		var failed error
		err := c.raw.Control(func(fd uintptr) { failed = request(int(fd), listenerGone, 0) })
		c.err = errors.Join(err, failed, c.file.Close())
	})
	return c.err
}

func subscribe(fd int) error {
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, onlyExecs()); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queueBytes); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (indexProc - 1)}); err != nil {
		return err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	mark := name.(*unix.SockaddrNetlink).Pid // the kernel's confirmations are read by all listeners: this one is ours
	if err := request(fd, listenerHere, mark); err != nil {
		return err
	}
	return confirmed(fd, mark)
}

// errSilent: nothing answers a request, as in a kernel without process events.
var errSilent = errors.New("the kernel does not answer")

// confirmed reads the answer to our request. The kernel gives it while the request is being sent, so it is queued by now.
func confirmed(fd int, mark uint32) error {
	buffer := make([]byte, eventSize)
	for {
		e, err := receive(fd, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return errSilent
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case e.what == eventNone && e.mark == mark+1 && e.errno != 0:
			return e.errno
		case e.what == eventNone && e.mark == mark+1:
			return nil
		}
	}
}

// receive reads one event without waiting. What somebody else than the kernel sent is no event.
func receive(fd int, buffer []byte) (event, error) {
	n, from, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
	if err != nil {
		return event{}, err
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return event{what: eventNone}, nil
	}
	return parseEvent(buffer[:n]), nil
}

// request tells the kernel whether we listen. It confirms with the mark's successor.
func request(fd int, operation, mark uint32) error {
	b := make([]byte, 0, offsetEvent+4)
	b = binary.NativeEndian.AppendUint32(b, offsetEvent+4) // nlmsghdr
	b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_DONE)
	b = append(b, make([]byte, 10)...)
	b = binary.NativeEndian.AppendUint32(b, indexProc) // cn_msg
	b = binary.NativeEndian.AppendUint32(b, valueProc)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint32(b, mark)
	b = binary.NativeEndian.AppendUint16(b, 4)
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, operation) // proc_cn_mcast_op
	return unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// explain says what a person can do about an error.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: needs CAP_NET_ADMIN (run as root, or see \"capabilities\" in the manual)", err)
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: it answers in the host's network namespace only, and this is another (--network=host)", err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, errSilent):
		return fmt.Errorf("%w: this kernel lacks it (CONFIG_CONNECTOR, CONFIG_PROC_EVENTS)", err)
	}
	return err
}
