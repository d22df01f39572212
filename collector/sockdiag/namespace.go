package sockdiag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace says which network namespace is meant. The zero value is the caller's own.
type Namespace struct {
	whose  whose
	number int // of the process or the descriptor
}

type whose uint8

const (
	own whose = iota
	ofProcess
	atFD
)

// Own is the caller's network namespace.
func Own() Namespace { return Namespace{} }

// OfProcess is the network namespace of a process, as it is when the counter is opened.
func OfProcess(pid int) Namespace { return Namespace{ofProcess, pid} }

// AtFD is the network namespace behind an open descriptor, which stays the caller's.
func AtFD(fd int) Namespace { return Namespace{atFD, fd} }

// folder is where /proc shows the namespace's sockets; empty: nowhere.
func (ns Namespace) folder() string {
	switch ns.whose {
	case own:
		// Not /proc/self: that is the first thread, which may have been left behind in a namespace that a goroutine entered.
		return "/proc/thread-self/net"
	case ofProcess:
		return fmt.Sprintf("/proc/%d/net", ns.number)
	}
	return ""
}

// ended returns an error if the namespace was that of a process that has ended.
func (ns Namespace) ended() error {
	if ns.whose != ofProcess {
		return nil
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/net/tcp", ns.number)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("process %d has ended: %w", ns.number, err)
	}
	return nil
}

// enter makes an entrance to the namespace, to be closed afterwards.
func (ns Namespace) enter() (*entrance, error) {
	switch ns.whose {
	case ofProcess:
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", ns.number))
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, needs(err, "CAP_SYS_PTRACE")
		case err != nil:
			return nil, err
		}
		return &entrance{file}, nil
	case atFD:
		fd, err := unix.FcntlInt(uintptr(ns.number), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("keep network namespace at descriptor %d: %w", ns.number, err)
		}
		return &entrance{os.NewFile(uintptr(fd), "network namespace")}, nil
	}
	return &entrance{}, nil
}

// entrance leads into a namespace, also after the last process in it has ended.
type entrance struct {
	file *os.File // absent: into the caller's own
}

// do runs fn on a thread inside the namespace.
func (e *entrance) do(fn func() error) error {
	if e.file == nil {
		return fn()
	}
	if here, err := e.isHere(); here || err != nil {
		if err != nil {
			return err
		}
		return fn() // to enter it again would need a capability
	}
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and no other finds itself in a foreign namespace.
		runtime.LockOSThread()
		if err := unix.Setns(int(e.file.Fd()), unix.CLONE_NEWNET); err != nil {
			if errors.Is(err, unix.EPERM) {
				err = needs(err, "CAP_SYS_ADMIN")
			}
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- fn()
	}()
	return <-done
}

func (e *entrance) isHere() (bool, error) {
	here, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return false, err
	}
	there, err := e.file.Stat()
	if err != nil {
		return false, err
	}
	return os.SameFile(here, there), nil
}

func (e *entrance) close() error {
	if e.file == nil {
		return nil
	}
	return e.file.Close()
}

func needs(err error, capability string) error {
	return fmt.Errorf("%w: needs %s (run as root, or see \"capabilities\" in the manual)", err, capability)
}
